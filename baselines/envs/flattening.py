"""A wrapper that makes vectors of observations and goals that are bits, numbers or nested dictionaries."""

import contextlib
import functools
from typing import Any, TypeAlias, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.wrappers import TransformObservation

from baselines.common.specs import as_vector
from baselines.envs.reward import has_reward_function

Space: TypeAlias = gymnasium.Space[Any]


def flattened(env: gymnasium.Env) -> gymnasium.Env:
    """Return `env` with every entry of its observation as a vector; `env` itself where nothing changes.

    Bits become 0 and 1, a number out of n one of n places, as in spaces.flatten. Images stay, for `spec_of` to refuse.
    An observation that is no dictionary becomes the entry "observation".
    """
    space = env.observation_space
    entries = dict(space.spaces) if isinstance(space, spaces.Dict) else {"observation": space}
    layouts = {}
    for key, entry in entries.items():
        if not (isinstance(entry, spaces.Box) and len(entry.shape) == 1):
            with contextlib.suppress(TypeError):
                layouts[key] = _layout_of(entry)
    if not layouts:
        return env

    def flatten(observation: Any) -> dict[str, Any]:
        parts = observation if isinstance(space, spaces.Dict) else {"observation": observation}
        return {key: _flatten(key, layouts[key], part) if key in layouts else part for key, part in parts.items()}

    vectors = {key: _vector(entry) if key in layouts else entry for key, entry in entries.items()}
    wrapper: Any = TransformObservation(env, flatten, spaces.Dict(vectors))
    if has_reward_function(env):
        compute = env.get_wrapper_attr("compute_reward")

        @functools.wraps(compute)  # with or without info
        def compute_reward(achieved_goal: np.ndarray, desired_goal: np.ndarray, *info: Any) -> Any:
            goals = {"achieved_goal": achieved_goal, "desired_goal": desired_goal}
            own = (_unflatten(entries[key], goal) if key in layouts else goal for key, goal in goals.items())
            return compute(*own, *info)

        wrapper.compute_reward = compute_reward
    wrapper.layouts_of_entries = layouts
    return cast(gymnasium.Env, wrapper)


def _layout_of(space: Space) -> Any:
    """Return the layout of what `space` holds. Raises TypeError for images, tuples, and other spaces."""
    if isinstance(space, spaces.Dict):
        return {str(key): _layout_of(part) for key, part in space.items()}
    if isinstance(space, spaces.Discrete):
        return [int(space.n), int(space.start)]
    if isinstance(space, (spaces.Box, spaces.MultiBinary)) and len(space.shape) <= 1:
        return space.shape[0] if space.shape else None
    if isinstance(space, spaces.MultiDiscrete) and len(space.shape) == 1:
        return [[int(n), int(first)] for n, first in zip(space.nvec, space.start, strict=True)]
    raise TypeError


def _vector(space: Space) -> spaces.Box:
    flat = spaces.flatten_space(space)
    assert isinstance(flat, spaces.Box)
    return spaces.Box(flat.low.astype(np.float32), flat.high.astype(np.float32), dtype=np.float32)


def _flatten(key: str, layout: Any, value: Any) -> np.ndarray:
    try:
        return as_vector(layout, value).astype(np.float32)
    except ValueError as error:
        raise ValueError(f"{key}: {error}, got {value!r:.60}") from error


def _unflatten(space: Space, goal: np.ndarray) -> Any:
    if isinstance(space, spaces.MultiBinary) and len(space.shape) == 1:
        return np.asarray(goal, space.dtype)  # one goal or many
    if np.shape(goal) != (spaces.flatdim(space),):
        raise ValueError("one goal at a time")  # so that GoalReward calls it row by row
    return spaces.unflatten(space, goal)
