"""The back end for every Gymnasium environment: stepped one after the other, or in processes of their own."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import VectorizeMode
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.wrappers import RescaleAction

from baselines.common.errors import UserError
from baselines.common.specs import EnvSpec
from baselines.common.vec_env.base import Observation, Step, VecEnv, as_observation
from baselines.common.vec_env.faults import Guarded, in_processes, name_the_environment
from baselines.common.vec_env.names import gymnasium_id
from baselines.common.vec_env.rendering import Video, recorded
from baselines.common.vec_env.reward import reward_function

_SUCCESS_KEYS = ("is_success", "success")
_LOW: Any = np.float32(-1)  # of the actions that algorithms see; Python numbers would make them float64
_HIGH: Any = np.float32(1)


class GymnasiumVecEnv(VecEnv):
    """A `gymnasium.vector` environment."""

    def __init__(
        self,
        start: Callable[[], VectorEnv],
        num_env: int,
        model: gymnasium.Env,
        env_id: str,
        seeds: list[int],
        remake: Callable[[int, list[int]], VecEnv] | None = None,
        step_timeout: float = 0,
    ):
        """`start` makes the vector, at the first reset; `model` is one such environment for its spaces and reward.

        `remake(num_env, seeds)` makes more. `step_timeout` is in seconds, for environments in processes; 0 waits
        forever.
        """
        self.spec, self.num_env = spec_of(model, env_id), num_env
        self.compute_reward = reward_function(model) if self.spec.has_goals and self.spec.has_reward_function else None
        self.description = f"{num_env} x {env_id}, stepped by Gymnasium"
        self._start, self._seeds, self._remake, self._timeout = start, seeds, remake, step_timeout
        self._vector: Any = None

    def _reset(self) -> Observation:
        if self._vector is None:
            self._vector = self._start()
        seeds = _seeds_as_taken(self._vector, self._seeds)
        with name_the_environment(self._vector, self._timeout):
            if self._timeout:
                self._vector.reset_async(seed=seeds)
                observed, _ = self._vector.reset_wait(timeout=self._timeout)
            else:
                observed, _ = self._vector.reset(seed=seeds)
        self._seeds = None  # once: from then on each environment's own generator goes on
        return as_observation(observed)

    def _step(self, action: np.ndarray) -> Step:
        with name_the_environment(self._vector, self._timeout):
            if self._timeout:
                self._vector.step_async(action)
                result = self._vector.step_wait(timeout=self._timeout)
            else:
                result = self._vector.step(action)
        observed, reward, terminated, truncated, info = result
        return Step(as_observation(observed), reward, terminated, truncated, _success(info))

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
) -> GymnasiumVecEnv:
    """`num_env` environments of a registered id, the first of them recorded if `video` says so. Raises UserError."""
    if step_timeout and not asynchronous:
        raise UserError("--step_timeout is for environments in processes of their own: add --vec_env=async")
    makers = [functools.partial(make_one, env_id, render_mode, video if i == 0 else None) for i in range(num_env)]

    def remake(num_env: int, seeds: list[int]) -> GymnasiumVecEnv:
        return make(env_id, num_env, seeds, asynchronous, step_timeout=step_timeout)

    start = functools.partial(in_processes if asynchronous else _one_after_the_other, makers)
    env = GymnasiumVecEnv(start, num_env, make_one(env_id), env_id, seeds, remake, step_timeout)
    env.description += " in a process each" if asynchronous else " one after the other"
    return env


def _one_after_the_other(makers: Sequence[Callable[[], gymnasium.Env]]) -> VectorEnv:
    return SyncVectorEnv([functools.partial(_guarded, maker, i) for i, maker in enumerate(makers)])


def _guarded(make: Callable[[], gymnasium.Env], index: int) -> gymnasium.Env:
    return Guarded(make(), index)


def make_one(env_id: str, render_mode: str | None = None, video: Video | None = None) -> gymnasium.Env:
    """One environment of a registered id, its actions scaled to [-1, 1]. Raises UserError."""
    name = gymnasium_id(env_id)
    mode = "rgb_array" if video else render_mode
    # Environments that cannot render need not take the argument.
    rendering: dict[str, Any] = {"render_mode": mode} if mode else {}
    try:
        env = gymnasium.make(name, disable_env_checker=True, **rendering)
    except (gymnasium.error.Error, ImportError, TypeError) as error:
        raise UserError(f"environment '{name}' cannot be made: {error}") from None
    env = _scaled(env)
    return recorded(env, video) if video else env


def wrap(env: gymnasium.Env | VectorEnv, seeds_for: Callable[[int], list[int]]) -> GymnasiumVecEnv:
    """An environment that the user made. `seeds_for(num_env)` gives its seeds. Raises UserError."""
    vector: VectorEnv
    if not isinstance(env, VectorEnv):
        single = _scaled(env)
        vector, spec = SyncVectorEnv([lambda: Guarded(single, 0)]), single.spec
    elif hasattr(env, "envs"):
        vector, single, spec = env, env.envs[0], env.envs[0].spec
    else:  # in other processes
        vector, spec = env, _spec_of_one(env)
        single = gymnasium.make(spec, disable_env_checker=True)
    if vector.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP) != AutoresetMode.NEXT_STEP:
        raise UserError("the vector environment must have Gymnasium's default, autoreset_mode=AutoresetMode.NEXT_STEP")
    if not _is_scaled(vector.single_action_space):
        vector = gymnasium.wrappers.vector.RescaleAction(vector, _LOW, _HIGH)
    name = spec.id if spec is not None else "unnamed"
    num_env = vector.num_envs
    made = GymnasiumVecEnv(lambda: vector, num_env, single, name, seeds_for(num_env), _remaker(spec))
    made.description = f"{num_env} x {name}, stepped by {type(env).__name__}"
    return made


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
        action_size, discrete = int(actions.n), True
    elif isinstance(actions, gymnasium.spaces.Box) and len(actions.shape) == 1:
        action_size, discrete = actions.shape[0], False
    else:
        raise UserError(f"'{env_id}': expected actions that are a vector, or a number from 0 to n - 1, got {actions}")
    sizes = {key: (entry.shape or (0,))[0] for key, entry in entries.items()}
    rewards = callable(getattr(env.unwrapped, "compute_reward", None))
    return EnvSpec(env_id, sizes, action_size, _horizon(env) or 0, discrete, rewards)


def _horizon(env: gymnasium.Env) -> int | None:
    if env.has_wrapper_attr("_max_episode_steps"):  # of TimeLimit
        limit: int | None = env.get_wrapper_attr("_max_episode_steps")
        return limit
    return env.spec.max_episode_steps if env.spec is not None else None


def _scaled(env: gymnasium.Env) -> gymnasium.Env:
    return env if _is_scaled(env.action_space) else RescaleAction(env, _LOW, _HIGH)


def _is_scaled(space: gymnasium.Space[Any]) -> bool:
    """Whether actions are in [-1, 1] as they are; what is no vector of actions is for `spec_of` to refuse."""
    if not isinstance(space, gymnasium.spaces.Box):
        return True
    if not space.is_bounded():
        raise UserError(f"the environment's actions must be bounded; they are in {space}")
    return bool(np.all(space.low == -1) and np.all(space.high == 1))


def _success(info: dict[str, Any]) -> np.ndarray | None:
    for key in _SUCCESS_KEYS:
        if key in info:
            return np.asarray(info[key]).astype(bool)
    return None


def _seeds_as_taken(vector: Any, seeds: list[int] | None) -> list[int] | int | None:
    """A vector of environments takes a seed for each; one that computes them all at once takes a single seed."""
    of_environments = isinstance(vector.unwrapped, (SyncVectorEnv, AsyncVectorEnv))
    return seeds if of_environments or seeds is None else seeds[0]


def _spec_of_one(vector: VectorEnv) -> gymnasium.envs.registration.EnvSpec:
    if vector.spec is None:
        raise UserError("the vector environment has neither `envs` nor a spec to make one for compute_reward from")
    kwargs = dict(vector.spec.kwargs)
    if "wrappers" in kwargs:
        raise UserError("a vector environment with wrappers must be of vectorization_mode='sync'")
    if kwargs.get("vectorization_mode") == VectorizeMode.VECTOR_ENTRY_POINT.value:
        kwargs.pop("max_episode_steps", None)  # which gymnasium.make adds as a wrapper
    for name in ("num_envs", "vectorization_mode", "vector_kwargs"):
        kwargs.pop(name, None)
    return dataclasses.replace(vector.spec, kwargs=kwargs)


def _remaker(spec: gymnasium.envs.registration.EnvSpec | None) -> Callable[[int, list[int]], VecEnv] | None:
    """What makes more such environments; None without a spec or with a wrapper that Gymnasium cannot recreate."""
    if spec is None or any(wrapper.kwargs is None for wrapper in spec.additional_wrappers):
        return None

    def one() -> gymnasium.Env:
        return _scaled(gymnasium.make(spec, disable_env_checker=True))

    def remake(num_env: int, seeds: list[int]) -> VecEnv:
        return GymnasiumVecEnv(lambda: SyncVectorEnv([one] * num_env), num_env, one(), spec.id, seeds, remake)

    return remake
