"""The back end for every Gymnasium environment: stepped one after the other, or in processes of their own."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv, VectorEnv

from baselines.common.errors import TrainingError, UserError
from baselines.common.specs import Actions, EnvSpec
from baselines.envs.arguments import NONE, EnvArguments
from baselines.envs.base import Observation, Step, VecEnv, as_observation
from baselines.envs.faults import Guarded, in_processes, name_the_environment, said_by
from baselines.envs.flattening import flattened
from baselines.envs.info import InfoLayout
from baselines.envs.legacy_gym import is_legacy, make_legacy
from baselines.envs.names import gymnasium_id
from baselines.envs.rendering import Video, recorded
from baselines.envs.reward import has_reward_function, reward_function

_SUCCESS_KEYS = ("is_success", "success")
_UNBOUNDED = 1e18  # a bound beyond is none: half of the way to it leaves no digits for the rest


class GymnasiumVecEnv(VecEnv):
    """A `gymnasium.vector` environment."""

    def __init__(
        self,
        start: Callable[[tuple[str, ...]], VectorEnv],
        num_env: int,
        model: gymnasium.Env,
        env_id: str,
        seeds: list[int],
        remake: Callable[[int, list[int]], VecEnv] | None = None,
        step_timeout: float = 0,
        flatten: Callable[[Any], Any] = lambda observed: observed,
    ):
        """`start` makes the vector, at the first reset, and is given the names of what is read of info; `model` is one
        such environment for its spaces and reward.

        `remake(num_env, seeds)` makes more. `step_timeout` is in seconds, for environments in processes; 0 waits
        forever. `flatten` makes vectors of what the environments show, where these do not.
        """
        self.spec, self.num_env = spec_of(model, env_id), num_env
        self.compute_reward = reward_function(model, env_id) if self.spec.has_goals else None
        self.description = f"{num_env} x {env_id}, stepped by Gymnasium"
        self._start, self._seeds, self._remake, self._timeout = start, seeds, remake, step_timeout
        self._flatten = flatten
        self._vector: Any = None

    def _reset(self) -> Observation:
        if self._vector is None:
            read = self.compute_reward.layout.entries if self.compute_reward else ()
            self._vector = self._start(tuple(entry.name for entry in read))
        seeds = _seeds_as_taken(self._vector, self._seeds)
        with name_the_environment(self._vector, self._timeout):
            if self._timeout:
                self._vector.reset_async(seed=seeds)
                observed, _ = self._vector.reset_wait(timeout=self._timeout)
            else:
                observed, _ = self._vector.reset(seed=seeds)
            observation = as_observation(self._flatten(observed))
        self._seeds = None  # once: from then on each environment's own generator goes on
        return observation

    def _step(self, action: np.ndarray) -> Step:
        with name_the_environment(self._vector, self._timeout):
            if self._timeout:
                self._vector.step_async(action)
                result = self._vector.step_wait(timeout=self._timeout)
            else:
                result = self._vector.step(action)
            observed, reward, terminated, truncated, info = result
            observation = as_observation(self._flatten(observed))
        layout = self.compute_reward.layout if self.compute_reward else InfoLayout()
        read = layout.rows(info, self.num_env) if layout.size else None
        return Step(observation, reward, terminated, truncated, _success(info, self.num_env), info, read)

    def copies(self, num_env: int, seeds: list[int]) -> VecEnv:
        return self if self._remake is None else self._remake(num_env, seeds)

    def close(self) -> None:
        if self._vector is not None:
            self._vector.close()
            self._vector = None


def make(
    env_id: str,
    num_env: int,
    seeds: list[int],
    asynchronous: bool,
    video: Video | None = None,
    render_mode: str | None = None,
    step_timeout: float = 0,
    arguments: EnvArguments = NONE,
) -> GymnasiumVecEnv:
    """`num_env` environments of a registered id, the first of them recorded if `video` says so. Raises UserError."""
    if step_timeout and not asynchronous:
        raise UserError("--step_timeout is for environments in processes of their own: add --vec_env=async")
    makers = [
        functools.partial(make_one, env_id, render_mode, video if i == 0 else None, arguments) for i in range(num_env)
    ]

    def remake(num_env: int, seeds: list[int]) -> GymnasiumVecEnv:
        return make(env_id, num_env, seeds, asynchronous, step_timeout=step_timeout, arguments=arguments)

    start = functools.partial(in_processes if asynchronous else _one_after_the_other, makers)
    model = make_one(env_id, arguments=arguments)
    env = GymnasiumVecEnv(start, num_env, model, env_id, seeds, remake, step_timeout)
    env.description += " in a process each" if asynchronous else " one after the other"
    return env


def _one_after_the_other(makers: Sequence[Callable[[], gymnasium.Env]], read: tuple[str, ...]) -> VectorEnv:
    return SyncVectorEnv([functools.partial(_guarded, maker, i, read) for i, maker in enumerate(makers)])


def _guarded(make: Callable[[], gymnasium.Env], index: int, read: tuple[str, ...]) -> gymnasium.Env:
    return Guarded(make(), index, read)


def make_one(
    env_id: str, render_mode: str | None = None, video: Video | None = None, arguments: EnvArguments = NONE
) -> gymnasium.Env:
    """One environment of a registered id. Raises UserError, whatever its code raises."""
    name = env_id if is_legacy(env_id) else gymnasium_id(env_id)
    mode = "rgb_array" if video else render_mode
    # Environments that cannot render need not take the argument.
    rendering: dict[str, Any] = {"render_mode": mode} if mode else {}
    try:
        if is_legacy(name):
            env = make_legacy(name, mode, arguments)
        else:
            env = gymnasium.make(name, disable_env_checker=True, **rendering, **arguments.given())
    except UserError:
        raise
    except gymnasium.error.Error as error:
        raise UserError(f"environment '{name}' cannot be made: {error}") from None
    except (Exception, SystemExit) as error:
        raise UserError(f"environment '{name}' cannot be made: {said_by(error)}") from None
    return recorded(flattened(env), video) if video else flattened(env)


def spec_of(env: gymnasium.Env, env_id: str) -> EnvSpec:
    """Sizes and horizon. Raises UserError for observations and actions that are no vectors."""
    space, actions = env.observation_space, env.action_space
    entries = space.spaces if isinstance(space, gymnasium.spaces.Dict) else {"observation": space}
    odd = [k for k, s in entries.items() if not isinstance(s, gymnasium.spaces.Box) or len(s.shape) != 1]
    if odd:
        raise UserError(
            f"'{env_id}': expected observations that are vectors, or a dictionary of vectors; '{odd[0]}' is "
            f"{entries[odd[0]]}. gymnasium.wrappers.FlattenObservation makes a vector of most spaces"
        )
    if isinstance(actions, gymnasium.spaces.Discrete) and actions.start == 0:
        action_size, discrete, units = int(actions.n), True, Actions()
    elif isinstance(actions, gymnasium.spaces.Box) and len(actions.shape) == 1:
        action_size, discrete, units = actions.shape[0], False, _actions_of(actions, env_id)
    else:
        raise UserError(f"'{env_id}': expected actions that are a vector, or a number from 0 to n - 1, got {actions}")
    sizes = {key: (entry.shape or (0,))[0] for key, entry in entries.items()}
    return EnvSpec(env_id, sizes, action_size, _horizon(env) or 0, discrete, has_reward_function(env), units)


def _horizon(env: gymnasium.Env) -> int | None:
    if env.has_wrapper_attr("_max_episode_steps"):  # of TimeLimit
        limit: int | None = env.get_wrapper_attr("_max_episode_steps")
        return limit
    return env.spec.max_episode_steps if env.spec is not None else None


def _actions_of(space: gymnasium.spaces.Box, env_id: str) -> Actions:
    """Raises UserError, naming the coordinate, for what cannot be scaled from [-1, 1]."""
    low, high = (np.asarray(bound, np.float64) for bound in (space.low, space.high))
    for i, (a, b) in enumerate(zip(low, high, strict=True)):
        if not (abs(a) < _UNBOUNDED and abs(b) < _UNBOUNDED and a <= b):
            raise UserError(
                f"'{env_id}': expected bounded actions, but coordinate {i} is from {a:g} to {b:g}: give the "
                "environment the bounds that its robot has, a Box with low and high"
            )
    if (low == -1).all() and (high == 1).all() and space.dtype.kind == "f":
        return Actions()
    return Actions(tuple(low.tolist()), tuple(high.tolist()), str(space.dtype))


def _success(info: dict[str, Any], num_env: int) -> np.ndarray | None:
    """[B]; None where no environment says. Raises TrainingError for what is neither True nor False."""
    key = next((key for key in _SUCCESS_KEYS if key in info), None)
    if key is None:
        return None
    values = info[key]
    if isinstance(values, np.ndarray) and values.dtype == bool and values.ndim == 1:
        return values
    success = np.zeros(num_env, bool)
    for i in np.flatnonzero(info.get(f"_{key}", np.ones(num_env, bool))):
        value = values[i] if isinstance(values, (np.ndarray, list, tuple)) else values
        array = np.asarray(value) if np.ndim(value) < 3 and not isinstance(value, (str, dict)) else np.array(None)
        if array.size != 1 or array.dtype.kind not in "biuf" or np.isnan(array).any():
            raise TrainingError(f"environment {i} returned {value!r:.60} as info['{key}'], not True or False")
        success[i] = bool(array.reshape(()))
    return success


def _seeds_as_taken(vector: Any, seeds: list[int] | None) -> list[int] | int | None:
    """A vector of environments takes a seed for each; one that computes them all at once takes a single seed."""
    of_environments = isinstance(vector.unwrapped, (SyncVectorEnv, AsyncVectorEnv))
    return seeds if of_environments or seeds is None else seeds[0]
