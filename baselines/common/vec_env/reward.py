"""A goal environment's own reward, for goals that it did not have."""

import copy
import functools
import inspect
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from baselines.common.errors import TrainingError, UserError
from baselines.common.vec_env.faults import said_by

Env = gymnasium.Env[Any, Any]
# (achieved_goal [N, g], desired_goal [N, g]) -> reward [N]
RewardFunction = Callable[[np.ndarray, np.ndarray], np.ndarray]
_NAME = "compute_reward"


class GoalReward:
    """`compute_reward` of the outermost wrapper that has one, for N pairs of goals.

    Called positionally, because the parameters' names differ between versions, with an empty info. One that takes
    single goals only is called row by row; rewards may come as [N], [N, 1], [1] each, whole numbers or bools.
    """

    def __init__(self, env: Env, env_id: str):
        compute = env.get_wrapper_attr(_NAME)
        self._compute = _without_info(compute) if _takes_two(compute) else compute
        self._env, self._env_id = env, env_id
        assert isinstance(env.observation_space, gymnasium.spaces.Dict)
        self._space = copy.deepcopy(env.observation_space["achieved_goal"])
        self._space.seed(0)  # all workers, and a run that is resumed, find the same

    @functools.cached_property
    def at_goal(self) -> float:
        """What it pays where the goal is achieved. Raises UserError where it cannot be called."""
        return float(self._at_goals.max())

    @property
    def varies(self) -> bool:
        """Whether that differs between goals."""
        return bool(np.ptp(self._at_goals) > 1e-6)

    def __call__(self, achieved_goal: np.ndarray, desired_goal: np.ndarray) -> np.ndarray:
        """Rewards [N]. Raises TrainingError where the environment's code raises, or gives something else."""
        call = self._call
        try:
            reward = call(achieved_goal, desired_goal)
        except Exception as error:
            raise TrainingError(f"compute_reward raised {said_by(error)}") from error
        if not np.isfinite(reward).all():
            odd = int(np.argmin(np.isfinite(reward)))
            raise TrainingError(
                f"compute_reward returned {reward[odd]} for achieved_goal {achieved_goal[odd]} and desired_goal "
                f"{desired_goal[odd]}"
            )
        return reward

    # Both at the first use: an algorithm that relabels nothing has no need of them.

    @functools.cached_property
    def _at_goals(self) -> np.ndarray:
        goals = self._goals(10)
        try:
            try:
                return self._row_by_row(goals, goals)
            except Exception:
                self._env.reset()  # which some need first
                return self._row_by_row(goals, goals)
        except Exception as error:
            raise UserError(
                f"'{self._env_id}': compute_reward raised {said_by(error)}. It is called with goals of other steps and "
                "with an empty info, so it must follow from achieved_goal and desired_goal alone"
            ) from None

    @functools.cached_property
    def _call(self) -> RewardFunction:
        _ = self._at_goals  # which says what is wrong
        return self._at_once if self._takes_batches() else self._row_by_row

    def _takes_batches(self) -> bool:
        for size in (1, 2, 5):
            goals = self._goals(2 * size)
            try:
                # Of the right shape is not enough: the Pen tasks' takes a row of the batch for a coordinate.
                together, expected = self._at_once(*np.split(goals, 2)), self._row_by_row(*np.split(goals, 2))
                if together.shape != expected.shape or not np.allclose(together, expected, rtol=1e-5):
                    return False
            except Exception:  # whatever a function for single goals does with several
                return False
        return True

    def _goals(self, count: int) -> np.ndarray:
        return np.stack([self._space.sample() for _ in range(count)]).astype(np.float32)

    def _at_once(self, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        reward = np.asarray(self._compute(achieved, desired, {}))
        reward = reward[:, 0] if reward.shape == (len(achieved), 1) else reward
        return reward if reward.dtype.kind == "f" else reward.astype(np.float32)

    def _row_by_row(self, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        return np.array([_number(self._compute(a, d, {})) for a, d in zip(achieved, desired, strict=True)])


def reward_function(env: Env, env_id: str) -> GoalReward | None:
    """None where the environment has no `compute_reward`."""
    return GoalReward(env, env_id) if has_reward_function(env) else None


def has_reward_function(env: Env) -> bool:
    """Whether it, or a wrapper of it, has `compute_reward`."""
    return env.has_wrapper_attr(_NAME) and callable(env.get_wrapper_attr(_NAME))


def _number(reward: Any) -> float:
    array = np.asarray(reward)
    if array.size != 1 or array.dtype.kind not in "biuf":
        raise ValueError(f"expected one number for one pair of goals, got {reward!r:.60}")
    return float(array.reshape(()))


def _takes_two(compute: Callable[..., Any]) -> bool:
    """Whether it has parameters for the goals alone."""
    try:
        inspect.signature(compute).bind(None, None, None)
    except TypeError:
        return True
    except ValueError:  # of C, which does not say
        pass
    return False


def _without_info(compute: Callable[..., Any]) -> Callable[..., Any]:
    def call(achieved: np.ndarray, desired: np.ndarray, info: Any) -> Any:
        return compute(achieved, desired)

    return call
