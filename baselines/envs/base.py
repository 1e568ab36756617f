"""The interface of environments: several copies of one environment that are stepped together."""

import copy
import dataclasses
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, Self, cast

import numpy as np

from baselines.common.specs import EnvSpec
from baselines.envs.directory import environment_code
from baselines.envs.reward import GoalReward

# Each entry of the observation [B, size], float32; a plain vector is the entry "observation".
Observation = dict[str, np.ndarray]
SUCCESS_BY_REWARD = "the environment has no info['is_success']: success is a reward as at the goal"


class Step(NamedTuple):
    """The result of one action in each of B environments."""

    observation: Observation
    reward: np.ndarray  # [B]
    terminated: np.ndarray  # [B] bool
    truncated: np.ndarray  # [B] bool: by a time limit
    success: np.ndarray | None  # [B] bool; None where the environments do not report it
    reward_info: np.ndarray | None = None  # [B, i] float64: what compute_reward reads of info (--reward_info)

    @property
    def ended(self) -> np.ndarray:
        """Episodes that ended with this step, [B] bool."""
        return cast(np.ndarray, self.terminated | self.truncated)


class VecEnv(ABC):
    """`num_env` environments in lockstep.

    The observation at an episode's last step is the true last one. The next step of that environment ignores its action
    and returns the first observation of a new episode; `reset` starts a new episode in all.
    """

    spec: EnvSpec
    num_env: int
    compute_reward: GoalReward | None  # of goal environments
    description: str  # for the log
    origin: object = None  # the user's own environment, without its wrappers

    unused: tuple[str, ...] = ()  # entries of the observation that are no vectors, or that nobody reads
    why_alone: str = ""  # why there can be no copies, if that is known
    reports_success: bool = True  # False once success had to be inferred from a reward
    seconds: float = 0.0  # spent in reset and step so far
    _seeds: list[int] | None = None  # for the next reset

    def show_only(self, entries: Collection[str]) -> None:
        """Leave all other entries out of the observations from now on: whatever they hold disturbs nobody."""
        self.unused += tuple(self.spec.observation_sizes.keys() - entries)
        sizes, layouts = (
            {key: value for key, value in of_entries.items() if key in entries}
            for of_entries in (self.spec.observation_sizes, self.spec.layouts)
        )
        self.spec = dataclasses.replace(self.spec, observation_sizes=sizes, layouts=layouts)

    def reseed(self, seeds: list[int]) -> None:
        """Make the environments behave, from the next `reset` on, like new ones with these seeds."""
        self._seeds = seeds

    def reset(self) -> Observation:
        """Start a new episode in all environments. The first call starts processes or threads."""
        return as_observation(self._timed(self._reset), self.spec)

    def step(self, action: np.ndarray) -> Step:
        """Apply actions in the environment's own units, [B, u], or [B] integers where actions are discrete."""
        # The one place for copies: some environments change their actions, and some return the same arrays again.
        observed, *arrays = self._timed(self._step, np.array(action))
        copies = (None if array is None else np.array(array) for array in arrays)
        return Step(as_observation(observed, self.spec), *copies)  # type: ignore[arg-type]

    def succeeded(self, step: Step, alive: np.ndarray) -> np.ndarray | None:
        """Return which of the episodes `alive` [B] succeeded, [B], or None if that is unknown.

        Where success is not reported, the last reward must be that of the goal. Raises UserError where compute_reward
        needs an entry of info that --reward_info does not name.
        """
        if step.success is not None or self.compute_reward is None:
            return step.success
        self.reports_success = False
        success = np.zeros(self.num_env, bool)
        for i in map(int, np.flatnonzero(alive & step.ended)):
            info = None if step.reward_info is None else step.reward_info[i]
            goal_reward = self.compute_reward.reward_at_goal(step.observation["desired_goal"][i], info)
            if goal_reward is None:
                return None
            success[i] = step.reward[i] >= goal_reward - 1e-6
        return success

    @abstractmethod
    def _reset(self) -> Observation: ...

    @abstractmethod
    def _step(self, action: np.ndarray) -> Step: ...

    @abstractmethod
    def copies(self, num_env: int, seeds: list[int]) -> "VecEnv":
        """Make new environments of the same task for evaluation, or return `self`; `why_alone` then says why."""

    def _twin(self, num_env: int, seeds: list[int]) -> Self:
        """Return what differs from `self` only in number and seeds; it shares all objects, also the model."""
        twin = copy.copy(self)
        twin.num_env, twin._seeds, twin.seconds = num_env, seeds, 0.0
        return twin

    @abstractmethod
    def close(self) -> None:
        """End processes and threads."""

    def _timed(self, call: Callable[..., Any], *arguments: Any) -> Any:
        start = time.perf_counter()
        with environment_code():
            result = call(*arguments)
        self.seconds += time.perf_counter() - start
        return result


def as_observation(observed: dict[str, np.ndarray] | np.ndarray, spec: EnvSpec) -> Observation:
    """Copy what environments return to float32 arrays, for the entries of `spec`."""
    entries = observed if isinstance(observed, dict) else {"observation": observed}
    return {key: np.array(value, np.float32) for key, value in entries.items() if key in spec.observation_sizes}


def evaluation_copies(
    env: VecEnv, num_episodes: int, seeds_for: Callable[[str, int], Callable[[int], list[int]]]
) -> VecEnv:
    """Make environments of the same task for full rounds of `num_episodes`; return `env` if that is impossible."""
    # The number does not depend on the cores, so that a run evaluates alike wherever it is resumed.
    num_env = evaluation_size(num_episodes, max(env.num_env, 16))
    return env.copies(num_env, seeds_for("test", num_env)(0))


def evaluation_size(num_episodes: int, most: int) -> int:
    """Return the largest divisor of `num_episodes` up to `most`, so that every round is a full one."""
    return max(n for n in range(1, min(num_episodes, most) + 1) if num_episodes % n == 0)
