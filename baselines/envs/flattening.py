"""Observations and goals that are no vectors, as vectors."""

from collections.abc import Callable
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils import batch_space, iterate

from baselines.envs.reward import has_reward_function

Space: TypeAlias = gymnasium.Space[Any]


def flattened(env: gymnasium.Env) -> gymnasium.Env:
    """`env` with bits, numbers and nested dictionaries as vectors; the same where nothing is to be changed.

    Bits become 0 and 1, a number out of n one of n places (spaces.flatten). Images stay, for `spec_of` to refuse.
    """
    space = env.observation_space
    entries = space.spaces if isinstance(space, spaces.Dict) else {"observation": space}
    if not any(_can_be_flattened(entry) for entry in entries.values()):
        return env
    goals_change = any(_can_be_flattened(entries[key]) for key in ("achieved_goal", "desired_goal") if key in entries)
    return (_FlattenedGoals if goals_change and has_reward_function(env) else _Flattened)(env)


def flattened_rows(space: Space, num_env: int) -> Callable[[Any], Any]:
    """What makes the observations of a vector of `num_env` environments, each in `space`, as `flattened` would."""
    single = not isinstance(space, spaces.Dict)
    entries: dict[str, Space] = dict(space.spaces) if isinstance(space, spaces.Dict) else {"": space}
    flat = {key: batch_space(entry, num_env) for key, entry in entries.items() if _can_be_flattened(entry)}

    def as_vectors(key: str, value: Any) -> Any:
        if key not in flat:
            return value
        return np.stack([_as_vector(key, entries[key], row) for row in iterate(flat[key], value)])

    def flatten(observed: Any) -> Any:
        return as_vectors("", observed) if single else {key: as_vectors(key, x) for key, x in observed.items()}

    return flatten if flat else lambda observed: observed


def _can_be_flattened(space: Space) -> bool:
    """Where it is no vector already, and has no image in it."""
    return not _is_vector(space) and space.is_np_flattenable and not _has_image(space)


def _is_vector(space: Space) -> bool:
    return isinstance(space, spaces.Box) and len(space.shape) == 1


def _has_image(space: Space) -> bool:
    if isinstance(space, spaces.Tuple):
        return True  # which has no names to say what is what
    if isinstance(space, spaces.Dict):
        entries: dict[str, Space] = dict(space.items())
        return any(map(_has_image, entries.values()))
    return len(space.shape or ()) > 1


class _Flattened(gymnasium.ObservationWrapper[Any, Any, Any]):
    def __init__(self, env: gymnasium.Env):
        super().__init__(env)
        space = env.observation_space
        self._single = not isinstance(space, spaces.Dict)
        self._entries: dict[str, Space] = dict(space.spaces) if isinstance(space, spaces.Dict) else {"": space}
        self._flat = {key for key, entry in self._entries.items() if _can_be_flattened(entry)}
        after = {key: _vector(entry) if key in self._flat else entry for key, entry in self._entries.items()}
        self.observation_space = after[""] if self._single else spaces.Dict(after)

    def observation(self, observation: Any) -> Any:
        if self._single:
            return self._as_vector("", observation)
        return {key: self._as_vector(key, x) for key, x in observation.items() if key in self._entries}

    def _as_vector(self, key: str, value: Any) -> Any:
        if key not in self._flat:
            return value
        return _as_vector(key, self._entries[key], value)


class _FlattenedGoals(_Flattened):
    def compute_reward(self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any) -> Any:
        """The environment gets goals as it showed them, one at a time unless they are bits."""
        goals = [self._as_shown(key, goal) for key, goal in (("achieved_goal", achieved_goal),
                                                              ("desired_goal", desired_goal))]  # fmt: skip
        return self.env.get_wrapper_attr("compute_reward")(*goals, info)

    def _as_shown(self, key: str, goal: np.ndarray) -> Any:
        space = self._entries[key]
        if key not in self._flat:
            return goal
        if isinstance(space, spaces.MultiBinary) and len(space.shape) == 1:
            return np.asarray(goal, space.dtype)  # one goal or many
        if np.shape(goal) != (spaces.flatdim(space),):
            raise ValueError("one goal at a time")
        return spaces.unflatten(space, goal)


def _as_vector(key: str, space: Space, value: Any) -> np.ndarray:
    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)) and not space.contains(value):
        raise ValueError(f"{key or 'the observation'} is {value!r}, which is not in {space}")
    return np.asarray(spaces.flatten(space, value), np.float32)


def _vector(space: Space) -> spaces.Box:
    flat = spaces.flatten_space(space)
    assert isinstance(flat, spaces.Box)
    return spaces.Box(flat.low.astype(np.float32), flat.high.astype(np.float32), dtype=np.float32)
