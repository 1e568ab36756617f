"""The back end for every Gymnasium environment: stepped one after the other, or in processes of their own.

Environments are made by name, or come from the user, as one environment or as a vector of them.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs import registration
from gymnasium.spaces import Box, Dict, Discrete
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv, VectorWrapper

from baselines.common.errors import TrainingError, UserError
from baselines.common.specs import Actions, EnvSpec
from baselines.envs import faults
from baselines.envs.arguments import NONE, EnvArguments
from baselines.envs.base import Observation, Step, VecEnv, as_observation
from baselines.envs.flattening import flattened
from baselines.envs.names import OLD_GYM, gymnasium_id
from baselines.envs.old_gym import make_old_gym
from baselines.envs.rendering import Video, recorded
from baselines.envs.reward import GoalReward, has_reward_function

_UNBOUNDED = 1e18  # larger bounds of actions count as infinite: scaling to them loses all precision
# Entries of a vector's spec that gymnasium.make does not take, or adds as a wrapper.
_OF_VECTORS = {"num_envs", "vectorization_mode", "vector_kwargs", "max_episode_steps"}


class GymnasiumVecEnv(VecEnv):
    """A `gymnasium.vector` environment."""

    def __init__(
        self,
        model: gymnasium.Env,
        env_id: str,
        num_env: int,
        seeds: list[int],
        make: Callable[[], gymnasium.Env] | None,
        asynchronous: bool = False,
        step_timeout: float = 0,
        reward_info: Sequence[str] = (),
        vector: VectorEnv | None = None,
    ):
        """Prepare `vector`, or `num_env` environments, which the first reset makes. Raises UserError.

        `model` is one such environment, for its spaces and its reward. `make()` makes another; None if that is
        impossible. `step_timeout` is in seconds, for environments in processes; 0 waits forever.
        """
        self.spec, self.num_env = spec_of(model, env_id), num_env
        self.compute_reward = GoalReward.of(model, self.spec, reward_info)
        how = "in a process each" if asynchronous else "one after the other"
        self.description = f"{num_env} x {env_id}, stepped by Gymnasium {how}"
        self._make, self._seeds, self._timeout = make, seeds, step_timeout
        self._vector: Any = vector
        self._options: dict[str, Any] = dict(
            asynchronous=asynchronous, step_timeout=step_timeout, reward_info=reward_info
        )

    def _reset(self) -> Observation:
        if self._vector is None:
            self._vector = self._start()
        if self.compute_reward and self.compute_reward.reward_info:
            self._vector.unwrapped.set_attr("info_type", self.compute_reward.info_type)
        seeds: Any = self._seeds
        if seeds and not isinstance(self._vector.unwrapped, (SyncVectorEnv, AsyncVectorEnv)):
            seeds = seeds[0]  # a vector that computes all environments at once takes a single seed
        observed, _ = self._call("reset", seed=seeds)
        self._seeds = None  # each environment continues with its own generator
        return as_observation(observed)

    def _step(self, action: np.ndarray) -> Step:
        observed, *numbers, info = self._call("step", action)
        reward, terminated, truncated = map(np.array, numbers)  # copies: some vectors reuse their arrays
        row = None
        if self.compute_reward and self.compute_reward.reward_info:
            none = np.zeros((self.num_env, self.compute_reward.info_size))  # of a step that begins episodes in all
            row = info.get(faults.REWARD_INFO, none)
        success = _success(info, self.num_env)
        return Step(as_observation(observed), reward, terminated, truncated, success, row)

    def _call(self, name: str, *arguments: Any, **named: Any) -> Any:
        with faults.naming_environments(self._vector):
            if not self._timeout:
                return getattr(self._vector, name)(*arguments, **named)
            getattr(self._vector, f"{name}_async")(*arguments, **named)
            faults.wait_for_answers(self._vector, self._timeout)
            return getattr(self._vector, f"{name}_wait")()

    def _start(self) -> VectorEnv:
        make: Any = self._make

        def make_at(index: int) -> gymnasium.Env:
            return faults.ErrorContext(make(), index)

        if self._options["asynchronous"]:
            return faults.in_processes(make_at, self.num_env)
        return SyncVectorEnv([functools.partial(make_at, i) for i in range(self.num_env)])

    def copies(self, num_env: int, seeds: list[int]) -> VecEnv:
        """Make new environments of the same task and back end; return `self` if that is impossible."""
        if self._make is None:
            return self
        try:
            model = self._make()
        except Exception:  # e.g. a robot or a port of which there is only one
            return self
        return GymnasiumVecEnv(model, self.spec.env_id, num_env, seeds, self._make, **self._options)

    def close(self) -> None:
        """Close the environments."""
        if self._vector is not None:
            with contextlib.suppress(Exception):  # an environment that cannot close must not fail a finished run
                self._vector.close()
            self._vector = None


def make(
    env_id: str,
    num_env: int,
    seeds: list[int],
    asynchronous: bool,
    step_timeout: float = 0,
    arguments: EnvArguments = NONE,
    render_mode: str | None = None,
    video: Video | None = None,
) -> GymnasiumVecEnv:
    """Make `num_env` environments of a registered id; each records `video`. Raises UserError."""
    make = functools.partial(make_one, env_id, render_mode, video, arguments)
    model = make_one(env_id, arguments=arguments)
    return GymnasiumVecEnv(model, env_id, num_env, seeds, make, asynchronous, step_timeout, arguments.reward_info)


def as_vec_env(env: object, seeds_for: Callable[[int], list[int]], reward_info: Sequence[str] = ()) -> VecEnv:
    """Wrap the user's own environment or vector; `seeds_for(num_env)` gives seeds. Raises UserError."""
    if isinstance(env, VecEnv):
        return env
    vector: VectorEnv
    if isinstance(env, VectorEnv):
        vector, (model, spec) = env, _model_of(env)
    elif isinstance(env, gymnasium.Env):
        model, spec = flattened(env), env.spec
        vector = SyncVectorEnv([lambda: faults.ErrorContext(model, 0)])
    else:
        raise UserError(f"env: expected a name, a Gymnasium environment or a vector of them, got {env!r}")
    if vector.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP) != AutoresetMode.NEXT_STEP:
        raise UserError("the vector environment must have Gymnasium's default, autoreset_mode=AutoresetMode.NEXT_STEP")
    if flattened(model) is not model:
        raise UserError(
            f"a vector environment must return vectors, not {model.observation_space}: pass a single environment, or "
            "its name, which are flattened; or wrap each environment in gymnasium.wrappers.FlattenObservation"
        )
    if reward_info and not isinstance(vector.unwrapped, SyncVectorEnv):
        raise UserError("--reward_info needs environments by name, single ones, or a SyncVectorEnv of them")
    make = None
    if spec and not isinstance(env, VectorWrapper) and all(w.kwargs is not None for w in spec.additional_wrappers):
        make = functools.partial(_make, spec)
    name, num_env = spec.id if spec is not None else "unnamed", vector.num_envs
    seeds = seeds_for(num_env)
    wrapped = GymnasiumVecEnv(model, name, num_env, seeds, make, reward_info=reward_info, vector=vector)
    wrapped.description = f"{num_env} x {name}, stepped by {type(env).__name__}"
    return wrapped


def _make(spec: registration.EnvSpec) -> gymnasium.Env:
    return flattened(gymnasium.make(spec, disable_env_checker=True))


def _model_of(vector: VectorEnv) -> tuple[gymnasium.Env, registration.EnvSpec | None]:
    """Return one environment with the spaces that the vector's wrappers show, and its spec. Raises UserError."""
    inner: Any = vector.unwrapped
    if hasattr(inner, "envs"):
        single = inner.envs[0]
        if isinstance(single, faults.ErrorContext):  # in a vector that was used before
            single = single.env
        elif isinstance(inner, SyncVectorEnv):
            inner.envs = [faults.ErrorContext(env, i, keep_info=True) for i, env in enumerate(inner.envs)]
    elif isinstance(inner, AsyncVectorEnv):
        single = inner.env_fns[0]()
    elif vector.spec is not None:
        kwargs = {name: value for name, value in vector.spec.kwargs.items() if name not in _OF_VECTORS}
        single = gymnasium.make(dataclasses.replace(vector.spec, kwargs=kwargs), disable_env_checker=True)
    else:
        raise UserError("the vector environment has neither `envs` nor a spec to make one for compute_reward from")
    model = gymnasium.Wrapper(single)
    model.observation_space, model.action_space = vector.single_observation_space, vector.single_action_space
    return model, single.spec


def make_one(
    env_id: str, render_mode: str | None = None, video: Video | None = None, arguments: EnvArguments = NONE
) -> gymnasium.Env:
    """Make one environment of a registered id. Raises UserError, whatever its code raises."""
    is_old_gym = env_id.startswith(OLD_GYM)
    name = env_id if is_old_gym else gymnasium_id(env_id)
    mode = "rgb_array" if video else render_mode
    rendering: dict[str, Any] = {"render_mode": mode} if mode else {}  # not all environments take this argument
    try:
        if is_old_gym:
            env = make_old_gym(name, mode, arguments)
        else:
            env = gymnasium.make(name, disable_env_checker=True, **rendering, **arguments.for_make())
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        why = error if isinstance(error, gymnasium.error.Error) else faults.describe_error(error)
        raise UserError(f"environment '{name}' cannot be made: {why}") from None
    return recorded(flattened(env), video) if video else flattened(env)


def spec_of(env: gymnasium.Env, env_id: str) -> EnvSpec:
    """Return sizes and horizon. Raises UserError for observations and actions that are not vectors."""
    space, actions = env.observation_space, env.action_space
    entries = space.spaces if isinstance(space, Dict) else {"observation": space}
    sizes = {key: entry.shape[0] for key, entry in entries.items() if isinstance(entry, Box) and len(entry.shape) == 1}
    for key in [key for key in entries if key not in sizes]:
        raise UserError(
            f"'{env_id}': expected observations that are vectors, or a dictionary of vectors; '{key}' is "
            f"{entries[key]}. gymnasium.wrappers.FlattenObservation makes a vector of most spaces"
        )
    if isinstance(actions, Discrete) and actions.start == 0:
        action_size, discrete, units = int(actions.n), True, Actions()
    elif isinstance(actions, Box) and len(actions.shape) == 1:
        action_size, discrete, units = actions.shape[0], False, _actions_of(actions, env_id)
    else:
        raise UserError(f"'{env_id}': expected actions that are a vector, or a number from 0 to n - 1, got {actions}")
    limit = "_max_episode_steps"  # of TimeLimit
    horizon = env.get_wrapper_attr(limit) if env.has_wrapper_attr(limit) else getattr(env.spec, limit[1:], None)
    return EnvSpec(env_id, sizes, action_size, horizon or 0, discrete, has_reward_function(env), units)


def _actions_of(space: Box, env_id: str) -> Actions:
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


def _success(info: Mapping[str, Any], num_env: int) -> np.ndarray | None:
    """Return success, [B], or None where no environment reports it. Raises TrainingError."""
    key = next((key for key in faults.SUCCESS_KEYS if key in info), None)
    if key is None:
        return None
    try:  # a vector without ErrorContext may hold anything
        numbers = np.where(info.get(f"_{key}", np.ones(num_env, bool)), info[key], False).astype(np.float64)
        if numbers.shape == (num_env,) and not np.isnan(numbers).any():
            return numbers.astype(bool)
    except (TypeError, ValueError):
        pass
    raise TrainingError(f"an environment returned {info[key]!r:.60} as info['{key}'], not True or False")
