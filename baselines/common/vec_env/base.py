"""What the rest of the code sees of environments: several copies of one goal environment, stepped together."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from baselines.her.types import GoalEnvSpec, RewardFunction


class Observation(NamedTuple):
    """What B environments show, float32."""

    observation: np.ndarray  # [B, o]
    achieved_goal: np.ndarray  # [B, g]
    desired_goal: np.ndarray  # [B, g]

    @classmethod
    def of(cls, shown: dict) -> "Observation":
        return cls(*(np.asarray(shown[key], np.float32) for key in cls._fields))


class Step(NamedTuple):
    """What B environments answer to an action."""

    observation: Observation
    reward: np.ndarray  # [B]
    ended: np.ndarray  # [B] bool: terminated or truncated
    success: np.ndarray  # [B] bool


class GoalVecEnv(ABC):
    """`num_env` environments in lockstep.

    The observation at an episode's last step is the true last one; after it, an environment's steps have no meaning
    until `reset`, which starts a new episode in all.
    """

    spec: GoalEnvSpec
    num_env: int
    compute_reward: RewardFunction
    description: str  # for the log

    seconds: float = 0.0  # spent in reset and step so far
    _seeds: list[int] | None = None  # for the next reset

    def reseed(self, seeds: list[int]) -> None:
        """From the next `reset` on, be as new environments with these seeds would be."""
        self._seeds = seeds

    def reset(self) -> Observation:
        """Start a new episode in all environments."""
        return self._timed(self._reset)

    def step(self, action: np.ndarray) -> Step:
        """`action` is [B, u] in [-1, 1]."""
        return self._timed(self._step, action)

    @abstractmethod
    def _reset(self) -> Observation: ...

    @abstractmethod
    def _step(self, action: np.ndarray) -> Step: ...

    @abstractmethod
    def another(self, num_env: int, seeds: list[int]) -> "GoalVecEnv":
        """New environments of the same task and back end, e.g. for evaluation; these ones where that cannot be."""

    @abstractmethod
    def close(self) -> None: ...

    def _timed(self, call: Callable, *arguments):
        start = time.perf_counter()
        result = call(*arguments)
        self.seconds += time.perf_counter() - start
        return result
