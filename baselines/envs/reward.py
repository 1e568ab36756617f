"""The reward function of goal environments, for relabelled goals."""

import copy
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np

from baselines.common.errors import TrainingError, UserError
from baselines.envs.faults import describe_error, one_number
from baselines.envs.info import InfoEntry, as_infos, info_entries, read_info

Env = gymnasium.Env[Any, Any]
# (achieved_goal [N, g], desired_goal [N, g]) -> reward [N]; and with info [N, i] where --reward_info names entries
RewardFunction = Callable[..., np.ndarray]
_NAME = "compute_reward"
_SAMPLES = 10  # goals, and steps for shapes and types of info, before training


class GoalReward:
    """`compute_reward` of the outermost wrapper that has one, for N pairs of goals.

    Arguments are passed by position, because their names differ between versions. A function for single goals is called
    row by row. Rewards may be [N], [N, 1] or [1] each, also integers and bools. `info` is an empty dictionary, or has
    the entries `reward_info`: one dictionary for one pair, an array of dictionaries for several.
    """

    def __init__(self, env: Env, env_id: str, reward_info: Sequence[str] = ()):
        compute = env.get_wrapper_attr(_NAME)
        self._compute = compute if _takes_info(compute) else lambda achieved, desired, info: compute(achieved, desired)
        self._env, self._env_id, self.reward_info = env, env_id, tuple(reward_info)
        assert isinstance(env.observation_space, gymnasium.spaces.Dict)
        self._space = copy.deepcopy(env.observation_space["achieved_goal"])
        self._space.seed(0)  # all workers, and a run that is resumed, must draw the same goals

    @functools.cached_property
    def info_entries(self) -> tuple[InfoEntry, ...]:
        """Shapes and types of the entries `reward_info`, from the first random steps. Raises UserError."""
        try:
            entries = info_entries(self.reward_info, self._first_infos) if self.reward_info else ()
            self._first_rows(entries, _SAMPLES)  # checks that all steps have them
        except Exception as error:
            why = str(error) if isinstance(error, UserError) else f"its step raised {describe_error(error)}"
            raise UserError(f"'{self._env_id}': --reward_info={','.join(self.reward_info)}: {why}") from error
        return entries

    @property
    def info_size(self) -> int:
        """Numbers per step that compute_reward reads of info; mostly 0."""
        return sum(entry.size for entry in self.info_entries)

    @property
    def goal_reward(self) -> float:
        """The reward where the goal is achieved. Raises UserError if compute_reward cannot be called."""
        return float(self._goal_rewards.max())

    @property
    def varies(self) -> bool:
        """Whether `goal_reward` differs between goals, or between the infos of the first steps."""
        return bool(np.ptp(self._goal_rewards) > 1e-6)

    def reward_at_goal(self, goal: np.ndarray, info: np.ndarray | None = None) -> float:
        """Return the reward where this goal [g] is achieved, for one row of info [i].

        Raises UserError for a missing entry of info, and whatever else compute_reward raises.
        """
        try:
            return float(self._one_by_one(goal[None], goal[None], None if info is None else info[None])[0])
        except KeyError as error:
            raise UserError(self._failure(error)) from error

    def __call__(
        self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: np.ndarray | None = None
    ) -> np.ndarray:
        """Return rewards [N]; `info` is [N, info_size], or None where that is 0.

        Raises TrainingError where compute_reward raises, or returns something else than finite rewards.
        """
        call = self._call
        try:
            reward = call(achieved_goal, desired_goal, info)
        except Exception as error:
            raise TrainingError(self._failure(error)) from error
        if not np.isfinite(reward).all():
            row = int(np.argmin(np.isfinite(reward)))
            raise TrainingError(
                f"compute_reward returned {reward[row]} for achieved_goal {achieved_goal[row]} and desired_goal "
                f"{desired_goal[row]}"
            )
        return reward

    # What follows is computed at its first use: an algorithm that relabels nothing does not need it.

    @functools.cached_property
    def _goal_rewards(self) -> np.ndarray:
        goals, info = self._sample_goals(_SAMPLES), self._first_rows(self.info_entries, _SAMPLES)
        others = np.roll(goals, 1, axis=0)  # an error may be raised only away from the goal
        try:
            try:
                self._one_by_one(goals, others, info)
            except Exception:
                self._env.reset()  # some environments need it before their first reward
                self._one_by_one(goals, others, info)
            return self._one_by_one(goals, goals, info)
        except Exception as error:
            raise UserError(f"'{self._env_id}': {self._failure(error)}") from error

    @functools.cached_property
    def _first_infos(self) -> list[dict[str, Any]]:
        self._env.action_space.seed(0)
        self._env.reset(seed=0)
        infos = []
        for _ in range(_SAMPLES):
            *_, terminated, truncated, info = self._env.step(self._env.action_space.sample())
            infos.append(info)
            if terminated or truncated:
                self._env.reset()
        return infos

    def _first_rows(self, entries: tuple[InfoEntry, ...], count: int) -> np.ndarray | None:
        return np.stack([read_info(entries, info) for info in self._first_infos[:count]]) if entries else None

    @functools.cached_property
    def _call(self) -> Callable[[np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]:
        _ = self._goal_rewards  # raises if it cannot be called at all
        return self._at_once if self._takes_batches() else self._one_by_one

    def _takes_batches(self) -> bool:
        for size in (1, 2, 5):
            achieved, desired = np.split(self._sample_goals(2 * size), 2)
            info = self._first_rows(self.info_entries, size)
            try:
                # The right shape is not enough: the Pen tasks take a row of the batch for a coordinate.
                together = self._at_once(achieved, desired, info)
                expected = self._one_by_one(achieved, desired, info)
                if together.shape != expected.shape or not np.allclose(together, expected, rtol=1e-5):
                    return False
            except Exception:  # whatever a function for single goals does with several
                return False
        return True

    def _sample_goals(self, count: int) -> np.ndarray:
        return np.stack([self._space.sample() for _ in range(count)]).astype(np.float32)

    def _at_once(self, achieved: np.ndarray, desired: np.ndarray, info: np.ndarray | None) -> np.ndarray:
        # An array of dictionaries, as Stable-Baselines3 passes it.
        infos: Any = {} if info is None else np.array(as_infos(self.info_entries, info), object)
        reward = np.asarray(self._compute(achieved.copy(), desired.copy(), infos))  # some work in place
        reward = reward[:, 0] if reward.shape == (len(achieved), 1) else reward
        return reward if reward.dtype.kind == "f" else reward.astype(np.float32)

    def _one_by_one(self, achieved: np.ndarray, desired: np.ndarray, info: np.ndarray | None) -> np.ndarray:
        infos = [{}] * len(achieved) if info is None else as_infos(self.info_entries, info)
        rows = zip(achieved.copy(), desired.copy(), infos, strict=True)
        return np.array([one_number(self._compute(*row)) for row in rows])

    def _failure(self, error: Exception) -> str:
        hint = "it may depend only on achieved_goal, desired_goal and the entries of info that --reward_info names"
        if isinstance(error, KeyError) and error.args and error.args[0] not in self.reward_info:
            key = error.args[0]
            hint = f"if it reads info['{key}'], add --reward_info={','.join([*self.reward_info, str(key)])}"
        return f"compute_reward raised {describe_error(error)}: {hint}"


def reward_function(env: Env, env_id: str, reward_info: Sequence[str] = ()) -> GoalReward | None:
    """Return None where the environment has no `compute_reward`."""
    return GoalReward(env, env_id, reward_info) if has_reward_function(env) else None


def has_reward_function(env: Env) -> bool:
    """Return True if the environment or a wrapper of it has `compute_reward`."""
    return env.has_wrapper_attr(_NAME) and callable(env.get_wrapper_attr(_NAME))


def _takes_info(compute: Callable[..., Any]) -> bool:
    try:
        inspect.signature(compute).bind(None, None, None)
    except TypeError:
        return False
    except ValueError:  # written in C, without a signature
        pass
    return True
