"""Environments of old gym, by Shimmy: --env=gym:module:Id, or gym:Id for those that gym itself registers."""

import contextlib
import importlib
import inspect
import io
from typing import Any

import gymnasium

from baselines.common.errors import UserError, nearest
from baselines.envs.arguments import EnvArguments
from baselines.envs.names import import_users_module

_PREFIX = "gym:"
_TRUNCATED = "TimeLimit.truncated"  # in the info of old gym


def is_legacy(env_id: str) -> bool:
    """Whether it names an environment of old gym."""
    return env_id.startswith(_PREFIX)


def make_legacy(env_id: str, render_mode: str | None, arguments: EnvArguments) -> gymnasium.Env:
    """One such environment, whether its `step` returns four values or five. Raises UserError, and what its code raises.

    Without gym's own wrappers: those of gym 0.26 take new environments only, and do not know NumPy 2.
    """
    gym = _gym()
    spec = _spec_of(env_id, gym)
    shimmy = importlib.import_module("shimmy.openai_gym_compatibility")
    make = spec.entry_point
    constructor = gym.envs.registration.load(make) if isinstance(make, str) else make
    rendering = {"render_mode": render_mode} if render_mode and _takes(constructor, "render_mode") else {}
    old = constructor(**{**spec.kwargs, **arguments.kwargs, **rendering})
    shown = old.reset()
    env: gymnasium.Env
    if isinstance(shown, tuple) and len(shown) == 2 and isinstance(shown[1], dict):
        env = shimmy.GymV26CompatibilityV0(env=_FiveValues(old))
        env.render_mode = env.render_mode or render_mode  # of one that takes no such argument
    else:
        env = shimmy.GymV21CompatibilityV0(env=_FourValues(old), render_mode=render_mode)
    env.spec = None
    limit = arguments.max_episode_steps or spec.max_episode_steps
    return gymnasium.wrappers.TimeLimit(env, limit) if limit else env


class _Values:
    """An old environment, whose `step` may return four values or five whatever its `reset` does."""

    def __init__(self, env: Any):
        self._env = env

    def __getattr__(self, name: str) -> Any:
        return getattr(self._env, name)


class _FiveValues(_Values):
    def step(self, action: Any) -> Any:
        result = self._env.step(action)
        if len(result) != 4:
            return result
        observed, reward, done, info = result
        truncated = bool(info.get(_TRUNCATED))
        return observed, reward, done and not truncated, truncated, info


class _FourValues(_Values):
    """With `seed`, which gym 0.26 no longer gives to all."""

    _next_seed: int | None = None

    def step(self, action: Any) -> Any:
        result = self._env.step(action)
        if len(result) != 5:
            return result
        observed, reward, terminated, truncated, info = result
        return observed, reward, terminated or truncated, {**info, _TRUNCATED: truncated and not terminated}

    def seed(self, seed: int) -> None:
        if hasattr(self._env, "seed"):
            self._env.seed(seed)
        elif _takes(self._env.reset, "seed"):
            self._next_seed = seed
        else:  # what gym's own `np_random` draws from
            self._env.unwrapped._np_random = importlib.import_module("gym.utils.seeding").np_random(seed)[0]

    def reset(self) -> Any:
        seed, self._next_seed = self._next_seed, None
        return self._env.reset() if seed is None else self._env.reset(seed=seed)


def _gym() -> Any:
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # that it is no longer maintained
            gym = importlib.import_module("gym")
            importlib.import_module("shimmy")
        return gym
    except ImportError:
        raise UserError("environments of old gym need gym and Shimmy: pip install 'baselines-her[gym]'") from None


def _spec_of(env_id: str, gym: Any) -> Any:
    module, _, name = env_id.removeprefix(_PREFIX).rpartition(":")
    if module:
        import_users_module(module, env_id)
    registry = gym.envs.registry
    if name not in registry:
        raise UserError(
            f"unknown environment '{name}' of old gym{nearest(name, registry)}: --env=gym:module:Id imports `module`, "
            "which registers it with gym.register"
        )
    return registry[name]


def _takes(function: Any, parameter: str) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    return parameter in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
