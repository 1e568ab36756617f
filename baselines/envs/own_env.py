"""An environment, or a vector of them, that the user made."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv, VectorWrapper

from baselines.common.errors import UserError
from baselines.envs.base import VecEnv
from baselines.envs.faults import ErrorContext
from baselines.envs.flattening import flattened
from baselines.envs.gymnasium_env import GymnasiumVecEnv

# Entries of a vector's spec that gymnasium.make does not take, or adds as a wrapper.
_OF_VECTORS = {"num_envs", "vectorization_mode", "vector_kwargs", "max_episode_steps"}


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


def _make(spec: EnvSpec) -> gymnasium.Env:
    return flattened(gymnasium.make(spec, disable_env_checker=True))


def _model_of(vector: VectorEnv) -> tuple[gymnasium.Env, EnvSpec | None]:
    """Return one environment with the spaces that the vector's wrappers show, and its spec. Raises UserError."""
    inner: Any = vector.unwrapped
    if hasattr(inner, "envs"):
        single = inner.envs[0]
        if isinstance(single, ErrorContext):  # in a vector that was used before
            single = single.env
        elif isinstance(inner, SyncVectorEnv):
            inner.envs = [ErrorContext(env, i, keep_info=True) for i, env in enumerate(inner.envs)]
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
