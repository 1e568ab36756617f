"""What the rest of the code sees of environments: several copies of one environment, stepped together."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np

from baselines.common.specs import EnvSpec
from baselines.envs.info import info_of
from baselines.envs.reward import GoalReward

# Each entry of the observation [B, size], float32; a plain vector is the entry "observation".
Observation = dict[str, np.ndarray]

SUCCESS_BY_REWARD = "the environment has no info['is_success']: success is a reward as at the goal"

P = ParamSpec("P")
R = TypeVar("R")


class Step(NamedTuple):
    """What B environments answer to an action."""

    observation: Observation
    reward: np.ndarray  # [B]
    terminated: np.ndarray  # [B] bool
    truncated: np.ndarray  # [B] bool: by a time limit
    success: np.ndarray | None  # [B] bool; None where the environments do not say
    info: Mapping[str, Any] = {}  # as `gymnasium.vector` gives it
    reward_info: np.ndarray | None = None  # [B, i]: what compute_reward reads of it, if anything

    @property
    def ended(self) -> np.ndarray:
        """[B] bool."""
        ended: np.ndarray = self.terminated | self.truncated
        return ended


class VecEnv(ABC):
    """`num_env` environments in lockstep.

    The observation at an episode's last step is the true last one. The next step of that environment ignores its action
    and shows the first observation of a new episode; `reset` starts a new episode in all.
    """

    spec: EnvSpec
    num_env: int
    compute_reward: GoalReward | None  # of goal environments
    description: str  # for the log
    find_notes: Callable[[], Iterable[str]] = tuple  # further lines for it, where more such environments are made

    says_success: bool = True  # whether an episode's end has said if it succeeded
    seconds: float = 0.0  # spent in reset and step so far
    _seeds: list[int] | None = None  # for the next reset

    def reseed(self, seeds: list[int]) -> None:
        """From the next `reset` on, be as new environments with these seeds would be."""
        self._seeds = seeds

    def reset(self) -> Observation:
        """Start a new episode in all environments. The first call starts processes or threads."""
        return self._timed(self._reset)

    def step(self, action: np.ndarray) -> Step:
        """`action` is [B, u] in the environment's own units, or [B] whole numbers where actions are discrete."""
        return self._timed(self._step, action)

    def succeeded(self, step: Step, alive: np.ndarray) -> np.ndarray | None:
        """Which of the episodes `alive` [B] ended at their goals, [B]: as they say, or by a reward as at the goal.

        None where neither is known.
        """
        if step.success is not None or self.compute_reward is None:
            return step.success
        self.says_success = False
        success = np.zeros(self.num_env, bool)
        for i in map(int, np.flatnonzero(alive & step.ended)):
            try:
                there = self.compute_reward.paid_at(step.observation["desired_goal"][i], info_of(step.info, i))
            except Exception:  # whatever it does where it cannot be called
                return None
            success[i] = step.reward[i] >= there - 1e-6
        return success

    @abstractmethod
    def _reset(self) -> Observation: ...

    @abstractmethod
    def _step(self, action: np.ndarray) -> Step: ...

    @abstractmethod
    def copies(self, num_env: int, seeds: list[int]) -> "VecEnv":
        """New environments of the same task and back end, e.g. for evaluation; these ones where that cannot be."""

    @abstractmethod
    def close(self) -> None: ...

    def _timed(self, call: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
        start = time.perf_counter()
        result = call(*arguments, **named)
        self.seconds += time.perf_counter() - start
        return result


def as_observation(observed: dict[str, np.ndarray] | np.ndarray) -> Observation:
    """What a library's environments returned, as float32 by entry."""
    entries = observed if isinstance(observed, dict) else {"observation": observed}
    return {key: np.asarray(value, np.float32) for key, value in entries.items()}


def evaluation_copies(
    env: VecEnv, num_episodes: int, seeds_for: Callable[[str, int], Callable[[int], list[int]]]
) -> VecEnv:
    """As many environments of the same task as make full rounds of `num_episodes`; `env` itself where none can be made.

    Up to 16, or as many as `env` has; not by the number of cores: a run evaluates alike wherever it is resumed.
    """
    num_env = evaluation_size(num_episodes, max(env.num_env, 16))
    return env.copies(num_env, seeds_for("test", num_env)(0))


def evaluation_size(num_episodes: int, most: int) -> int:
    """The largest divisor of `num_episodes` up to `most`: every round is then a full one."""
    return max(n for n in range(1, min(num_episodes, most) + 1) if num_episodes % n == 0)
