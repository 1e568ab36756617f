"""A wrapper that makes vectors of observations and goals that are bits, numbers or nested dictionaries."""

from typing import Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium import spaces

from baselines.envs.reward import has_reward_function

Space: TypeAlias = gymnasium.Space[Any]


def flattened(env: gymnasium.Env) -> gymnasium.Env:
    """Return `env` with every entry of its observation as a vector; `env` itself where nothing changes.

    Bits become 0 and 1, a number out of n one of n places (spaces.flatten). Images stay, for `spec_of` to refuse.
    """
    return _Flattened(env) if any(map(_can_be_flattened, _entries(env.observation_space).values())) else env


def _entries(space: Space) -> dict[str, Space]:
    return dict(space.spaces) if isinstance(space, spaces.Dict) else {"": space}


def _can_be_flattened(space: Space) -> bool:
    is_vector = isinstance(space, spaces.Box) and len(space.shape) == 1
    return not is_vector and space.is_np_flattenable and not _has_image(space)


def _has_image(space: Space) -> bool:
    if isinstance(space, spaces.Dict):
        return any(map(_has_image, space.values()))
    # The parts of a tuple have no names to refuse one by.
    return isinstance(space, spaces.Tuple) or len(space.shape or ()) > 1


class _Flattened(gymnasium.ObservationWrapper[Any, Any, Any]):
    def __init__(self, env: gymnasium.Env):
        super().__init__(env)
        entries = _entries(env.observation_space)
        self._spaces = {key: space for key, space in entries.items() if _can_be_flattened(space)}
        vectors = {key: _vector(space) if key in self._spaces else space for key, space in entries.items()}
        self.observation_space = vectors[""] if "" in vectors else spaces.Dict(vectors)
        if has_reward_function(env):
            self.compute_reward = self._compute_reward

    def observation(self, observation: Any) -> Any:
        """Flatten what the environment returned. Raises ValueError for numbers outside of their space."""
        if "" in self._spaces:
            return self._flatten("", observation)
        return {key: self._flatten(key, value) for key, value in observation.items()}

    def _flatten(self, key: str, value: Any) -> Any:
        if key not in self._spaces:
            return value
        space = self._spaces[key]
        if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)) and not space.contains(value):
            raise ValueError(f"{key or 'the observation'} is {value!r}, which is not in {space}")
        return np.asarray(spaces.flatten(space, value), np.float32)

    def _compute_reward(self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any) -> Any:
        goals = self._unflatten("achieved_goal", achieved_goal), self._unflatten("desired_goal", desired_goal)
        return self.env.get_wrapper_attr("compute_reward")(*goals, info)

    def _unflatten(self, key: str, goal: np.ndarray) -> Any:
        space = self._spaces.get(key)
        if space is None:
            return goal
        if isinstance(space, spaces.MultiBinary) and len(space.shape) == 1:
            return np.asarray(goal, space.dtype)  # one goal or many
        if np.shape(goal) != (spaces.flatdim(space),):
            raise ValueError("one goal at a time")  # so that GoalReward calls it row by row
        return spaces.unflatten(space, goal)


def _vector(space: Space) -> spaces.Box:
    flat = spaces.flatten_space(space)
    assert isinstance(flat, spaces.Box)
    return spaces.Box(flat.low.astype(np.float32), flat.high.astype(np.float32), dtype=np.float32)
