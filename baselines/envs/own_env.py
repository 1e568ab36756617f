"""An environment, or a vector of them, that the user made."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
from gymnasium.envs.registration import VectorizeMode
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv, VectorWrapper

from baselines.common.errors import UserError
from baselines.envs.base import VecEnv
from baselines.envs.faults import Guarded
from baselines.envs.flattening import flattened, flattened_rows
from baselines.envs.gymnasium_env import GymnasiumVecEnv


def wrap(env: gymnasium.Env | VectorEnv, seeds_for: Callable[[int], list[int]]) -> GymnasiumVecEnv:
    """An environment that the user made. `seeds_for(num_env)` gives its seeds. Raises UserError."""
    vector: VectorEnv
    if not isinstance(env, VectorEnv):
        single, spec = flattened(env), env.spec
        vector = SyncVectorEnv([lambda: Guarded(single, 0)])
    else:
        vector, (single, spec) = env, _one_of(env)
    if vector.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP) != AutoresetMode.NEXT_STEP:
        raise UserError("the vector environment must have Gymnasium's default, autoreset_mode=AutoresetMode.NEXT_STEP")
    remake = None if isinstance(env, VectorWrapper) else _remaker(spec)
    name = spec.id if spec is not None else "unnamed"
    num_env = vector.num_envs
    flatten = flattened_rows(vector.single_observation_space, num_env)
    start = functools.partial(_started, vector)
    made = GymnasiumVecEnv(start, num_env, flattened(single), name, seeds_for(num_env), remake, 0, flatten)
    made.description = f"{num_env} x {name}, stepped by {type(env).__name__}"
    if remake and spec:
        made.find_notes = functools.partial(_of_new_ones, single, spec)
    return made


def _started(vector: VectorEnv, read: tuple[str, ...]) -> VectorEnv:
    for env in getattr(vector.unwrapped, "envs", ()):
        if isinstance(env, Guarded):
            env.read = read
    return vector


def _one_of(vector: VectorEnv) -> tuple[gymnasium.Env, gymnasium.envs.registration.EnvSpec | None]:
    """One of the user's environments as their vector shows it, and its spec. Raises UserError."""
    inner = vector.unwrapped
    if hasattr(inner, "envs"):
        single = inner.envs[0].env if isinstance(inner.envs[0], Guarded) else inner.envs[0]
        spec = single.spec
        if isinstance(inner, SyncVectorEnv):
            inner.envs = [e if isinstance(e, Guarded) else Guarded(e, i) for i, e in enumerate(inner.envs)]
    elif isinstance(inner, AsyncVectorEnv) and vector.spec is None:  # of functions
        single = inner.env_fns[0]()
        spec = single.spec
    else:  # in other processes
        spec = _spec_of_one(vector)
        single = gymnasium.make(spec, disable_env_checker=True)
    return _AsShown(single, vector) if isinstance(vector, VectorWrapper) else single, spec


class _AsShown(gymnasium.Wrapper[Any, Any, Any, Any]):
    """One environment, with the spaces that wrappers of the vector give it."""

    def __init__(self, env: gymnasium.Env, vector: VectorEnv):
        super().__init__(env)
        self.observation_space, self.action_space = vector.single_observation_space, vector.single_action_space


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


def _of_new_ones(env: gymnasium.Env, spec: gymnasium.envs.registration.EnvSpec) -> Iterator[str]:
    """Evaluation makes new environments from the spec, which know nothing of what was set on this one."""
    with contextlib.suppress(Exception), contextlib.closing(gymnasium.make(spec, disable_env_checker=True)) as new:
        theirs = vars(new.unwrapped)
        for name, value in vars(env.unwrapped).items():
            same = name in theirs and (theirs[name] == value or (value != value and theirs[name] != theirs[name]))
            counts = type(value) is int and name in theirs  # steps, mostly, of an environment that was used
            if isinstance(value, (bool, int, float, str)) and not same and not counts:
                other = theirs.get(name, "not there")
                yield (
                    f"warning: {name} of the environment is {value!r}, but {other!r} in new ones, in which policies "
                    "are evaluated: if that matters, pass such an environment as eval_env"
                )


def _remaker(spec: gymnasium.envs.registration.EnvSpec | None) -> Callable[[int, list[int]], VecEnv] | None:
    """What makes more such environments; None without a spec or with a wrapper that Gymnasium cannot recreate."""
    if spec is None or any(wrapper.kwargs is None for wrapper in spec.additional_wrappers):
        return None

    def one() -> gymnasium.Env:
        return flattened(gymnasium.make(spec, disable_env_checker=True))

    def remake(num_env: int, seeds: list[int]) -> VecEnv:
        return GymnasiumVecEnv(lambda read: SyncVectorEnv([one] * num_env), num_env, one(), spec.id, seeds, remake)

    return remake
