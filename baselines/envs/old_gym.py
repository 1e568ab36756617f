"""Environments of old gym, through Shimmy: --env=gym:module:Id, or gym:Id for those that gym itself registers."""

import contextlib
import importlib

import gymnasium

from baselines.common.errors import UserError, nearest
from baselines.envs.arguments import EnvArguments
from baselines.envs.names import import_module_of


def make_old_gym(env_id: str, render_mode: str | None, arguments: EnvArguments) -> gymnasium.Env:
    """Make an environment with the API of gym 0.21 (4 values from step) or 0.26 (5 values).

    It is constructed without gym.make, whose wrappers accept only 5 values and fail with NumPy 2. Raises UserError, and
    whatever its code raises.
    """
    try:
        with contextlib.suppress(ImportError):  # of gym 0.21, which has no notice that it is no longer maintained
            importlib.import_module("gym_notices.notices").notices.clear()
        gym = importlib.import_module("gym")
        shimmy = importlib.import_module("shimmy.openai_gym_compatibility")
    except ImportError:
        raise UserError("environments of old gym need gym and Shimmy: pip install 'baselines-her[gym]'") from None
    name, registry = import_module_of(env_id), gym.envs.registry
    if name not in registry:
        raise UserError(
            f"unknown environment '{name}' of old gym{nearest(name, registry)}: --env=gym:module:Id imports `module`, "
            "which registers it with gym.register"
        )
    spec = registry[name]
    construct = gym.envs.registration.load(spec.entry_point) if isinstance(spec.entry_point, str) else spec.entry_point
    kwargs = {**spec.kwargs, **arguments.kwargs}
    try:
        old = construct(**kwargs, render_mode=render_mode) if render_mode else construct(**kwargs)
    except TypeError:  # it does not take a render_mode
        old = construct(**kwargs)
    first = old.reset()
    if isinstance(first, tuple) and len(first) == 2 and isinstance(first[1], dict):
        env = shimmy.GymV26CompatibilityV0(env=old)
        env.render_mode = env.render_mode or render_mode
    else:
        if not hasattr(old, "seed"):  # gym 0.21 gave it to all environments, 0.26 does not
            old.seed = lambda seed: setattr(old.unwrapped, "_np_random", gym.utils.seeding.np_random(seed)[0])
        env = shimmy.GymV21CompatibilityV0(env=old, render_mode=render_mode)
    env.spec = None
    limit = arguments.max_episode_steps or spec.max_episode_steps
    return gymnasium.wrappers.TimeLimit(env, limit) if limit else env
