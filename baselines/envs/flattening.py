"""A wrapper that makes vectors of observations and goals that are bits, numbers or nested dictionaries."""

from typing import Any, TypeAlias, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.wrappers import TransformObservation

from baselines.envs.reward import has_reward_function

Space: TypeAlias = gymnasium.Space[Any]


def flattened(env: gymnasium.Env) -> gymnasium.Env:
    """Return `env` with every entry of its observation as a vector; `env` itself where nothing changes.

    Bits become 0 and 1, a number out of n one of n places (spaces.flatten). Images stay, for `spec_of` to refuse. An
    observation that is no dictionary becomes the entry "observation".
    """
    space = env.observation_space
    entries = dict(space.spaces) if isinstance(space, spaces.Dict) else {"observation": space}
    flat = {key: entry for key, entry in entries.items() if _can_be_flattened(entry)}
    if not flat:
        return env

    def flatten(observation: Any) -> dict[str, Any]:
        parts = observation if isinstance(space, spaces.Dict) else {"observation": observation}
        return {key: _flatten(key, flat[key], part) if key in flat else part for key, part in parts.items()}

    def compute_reward(achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any) -> Any:
        goals = {"achieved_goal": achieved_goal, "desired_goal": desired_goal}
        own = [_unflatten(flat[key], goal) if key in flat else goal for key, goal in goals.items()]
        return env.get_wrapper_attr("compute_reward")(*own, info)

    vectors = {key: _vector(entry) if key in flat else entry for key, entry in entries.items()}
    wrapper: Any = TransformObservation(env, flatten, spaces.Dict(vectors))
    if has_reward_function(env):
        wrapper.compute_reward = compute_reward
    return cast(gymnasium.Env, wrapper)


def _can_be_flattened(space: Space) -> bool:
    is_vector = isinstance(space, spaces.Box) and len(space.shape) == 1
    return not is_vector and space.is_np_flattenable and not _has_image(space)


def _has_image(space: Space) -> bool:
    if isinstance(space, spaces.Dict):
        return any(map(_has_image, space.values()))
    # The parts of a tuple have no names to refuse one by.
    return isinstance(space, spaces.Tuple) or len(space.shape or ()) > 1


def _vector(space: Space) -> spaces.Box:
    flat = spaces.flatten_space(space)
    assert isinstance(flat, spaces.Box)
    return spaces.Box(flat.low.astype(np.float32), flat.high.astype(np.float32), dtype=np.float32)


def _flatten(key: str, space: Space, value: Any) -> np.ndarray:
    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)) and not space.contains(value):
        raise ValueError(f"{key} is {value!r}, which is not in {space}")
    return np.asarray(spaces.flatten(space, value), np.float32)


def _unflatten(space: Space, goal: np.ndarray) -> Any:
    if isinstance(space, spaces.MultiBinary) and len(space.shape) == 1:
        return np.asarray(goal, space.dtype)  # one goal or many
    if np.shape(goal) != (spaces.flatdim(space),):
        raise ValueError("one goal at a time")  # so that GoalReward calls it row by row
    return spaces.unflatten(space, goal)
