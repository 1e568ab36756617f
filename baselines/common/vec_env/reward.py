"""A goal environment's own reward, for goals that it did not have."""

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

    at_goal: float  # what it pays where the goal is achieved

    def __init__(self, env: Env, env_id: str):
        """Raises UserError where it cannot be called."""
        compute = env.get_wrapper_attr(_NAME)
        self._compute = _without_info(compute) if _takes_two(compute) else compute
        space = env.observation_space
        assert isinstance(space, gymnasium.spaces.Dict)
        self._draw = space["achieved_goal"].sample
        self._call = self._row_by_row
        self.at_goal = self._try(env, env_id)
        if self._takes_batches():
            self._call = self._at_once

    def __call__(self, achieved_goal: np.ndarray, desired_goal: np.ndarray) -> np.ndarray:
        """Rewards [N]. Raises TrainingError where the environment's code raises, or gives something else."""
        try:
            reward = self._call(achieved_goal, desired_goal)
        except Exception as error:
            raise TrainingError(f"compute_reward raised {said_by(error)}") from error
        if not np.isfinite(reward).all():
            odd = int(np.argmin(np.isfinite(reward)))
            raise TrainingError(
                f"compute_reward returned {reward[odd]} for achieved_goal {achieved_goal[odd]} and desired_goal "
                f"{desired_goal[odd]}"
            )
        return reward

    def _try(self, env: Env, env_id: str) -> float:
        goals = self._goals(2)
        try:
            try:
                return float(self._row_by_row(goals, goals).max())
            except Exception:
                env.reset()  # which some need first
                return float(self._row_by_row(goals, goals).max())
        except Exception as error:
            raise UserError(
                f"'{env_id}': compute_reward raised {said_by(error)}. It is called with goals of other steps and with "
                "an empty info, so it must follow from achieved_goal and desired_goal alone"
            ) from None

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
        return np.stack([self._draw() for _ in range(count)]).astype(np.float32)

    def _at_once(self, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        reward = np.asarray(self._compute(achieved, desired, {}))
        reward = reward[:, 0] if reward.shape == (len(achieved), 1) else reward
        return reward if reward.dtype.kind == "f" else reward.astype(np.float32)

    def _row_by_row(self, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        return np.array([_number(self._compute(a, d, {})) for a, d in zip(achieved, desired, strict=True)])


def reward_function(env: Env, env_id: str) -> GoalReward | None:
    """None where the environment has no `compute_reward`. Raises UserError."""
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
