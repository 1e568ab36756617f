"""An environment, or a vector of them, that the user made."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec, VectorizeMode
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv, VectorWrapper

from baselines.common.errors import UserError
from baselines.envs.base import VecEnv
from baselines.envs.faults import ErrorContext
from baselines.envs.flattening import flattened
from baselines.envs.gymnasium_env import GymnasiumVecEnv, one_after_the_other
from baselines.envs.info import InfoEntry


def as_vec_env(env: object, seeds_for: Callable[[int], list[int]], reward_info: Sequence[str] = ()) -> VecEnv:
    """Wrap the user's own environment or vector; `seeds_for(num_env)` gives seeds. Raises UserError."""
    if isinstance(env, VecEnv):
        return env
    vector: VectorEnv
    if isinstance(env, VectorEnv):
        vector, (model, spec) = env, _model_of(env)
    elif isinstance(env, gymnasium.Env):
        model, spec = flattened(env), env.spec
        vector = SyncVectorEnv([lambda: ErrorContext(model, 0)])
    else:
        raise UserError(f"env: expected a name, a Gymnasium environment or a vector of them, got {env!r}")
    if vector.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP) != AutoresetMode.NEXT_STEP:
        raise UserError("the vector environment must have Gymnasium's default, autoreset_mode=AutoresetMode.NEXT_STEP")
    if flattened(model) is not model:
        raise UserError(
            f"a vector environment must return vectors, not {model.observation_space}: pass a single environment, or "
            "its name, which are flattened; or wrap each environment in gymnasium.wrappers.FlattenObservation"
        )
    name, num_env = spec.id if spec is not None else "unnamed", vector.num_envs

    def start(entries: Sequence[InfoEntry]) -> VectorEnv:
        for single in getattr(vector.unwrapped, "envs", ()):
            single.entries = entries
        return vector

    def remake(num_env: int, seeds: list[int]) -> VecEnv:
        if spec is None or isinstance(env, VectorWrapper) or any(w.kwargs is None for w in spec.additional_wrappers):
            return wrapped

        def make() -> gymnasium.Env:
            return flattened(gymnasium.make(spec, disable_env_checker=True))

        try:
            model = make()
        except Exception:  # e.g. a robot or a port of which there is only one
            return wrapped
        start = functools.partial(one_after_the_other, [make] * num_env)
        return GymnasiumVecEnv(start, num_env, model, spec.id, seeds, remake, reward_info=reward_info)

    wrapped = GymnasiumVecEnv(start, num_env, model, name, seeds_for(num_env), remake, reward_info=reward_info)
    wrapped.description = f"{num_env} x {name}, stepped by {type(env).__name__}"
    return wrapped


def _model_of(vector: VectorEnv) -> tuple[gymnasium.Env, EnvSpec | None]:
    """Return one environment with the spaces that the vector's wrappers show, and its spec. Raises UserError."""
    inner: Any = vector.unwrapped
    if hasattr(inner, "envs"):
        single = inner.envs[0]
        if isinstance(single, ErrorContext):  # in a vector that was used before
            single = single.env
        elif isinstance(inner, SyncVectorEnv):
            inner.envs = [ErrorContext(env, i, keep_info=True) for i, env in enumerate(inner.envs)]
    elif isinstance(inner, AsyncVectorEnv) and vector.spec is None:  # made of functions
        single = inner.env_fns[0]()
    else:
        single = gymnasium.make(_spec_of_one(vector), disable_env_checker=True)
    model = gymnasium.Wrapper(single)
    model.observation_space, model.action_space = vector.single_observation_space, vector.single_action_space
    return model, single.spec


def _spec_of_one(vector: VectorEnv) -> EnvSpec:
    if vector.spec is None:
        raise UserError("the vector environment has neither `envs` nor a spec to make one for compute_reward from")
    kwargs = dict(vector.spec.kwargs)
    if "wrappers" in kwargs:
        raise UserError("a vector environment with wrappers must be of vectorization_mode='sync'")
    if kwargs.get("vectorization_mode") == VectorizeMode.VECTOR_ENTRY_POINT.value:
        kwargs.pop("max_episode_steps", None)  # gymnasium.make adds it as a wrapper
    for name in ("num_envs", "vectorization_mode", "vector_kwargs"):
        kwargs.pop(name, None)
    return dataclasses.replace(vector.spec, kwargs=kwargs)
