"""The reward function of goal environments, for relabelled goals."""

import contextlib
import copy
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np

from baselines.common.errors import TrainingError, UserError
from baselines.common.specs import GOAL_KEYS, EnvSpec
from baselines.envs.directory import environment_code
from baselines.envs.faults import describe_error, one_number
from baselines.envs.info import NO_INFO, InfoType, as_infos, info_type, read_info

Env = gymnasium.Env[Any, Any]
# (achieved_goal [N, g], desired_goal [N, g]) -> reward [N]; and with info [N, i] where --reward_info names entries
RewardFunction = Callable[..., np.ndarray]
_SAMPLES = 10  # goals and steps to try it with before training; each reset shows two goals

RECORDED = "recorded_frames"  # an attribute of RecordVideo, whose videos should show training and nothing else


class GoalReward:
    """`compute_reward` of the outermost wrapper that has one, for N pairs of goals.

    Arguments are passed by position, because their names differ between versions. A function for single goals is called
    row by row. Rewards may be [N], [N, 1] or [1] each, also integers and bools. `info` is an empty dictionary, or has
    the entries `reward_info`: one dictionary for one pair, an array of dictionaries for several.
    """

    def __init__(self, env: Env, env_id: str, reward_info: Sequence[str] = ()):
        compute = env.get_wrapper_attr("compute_reward")
        self._compute = compute if _takes_info(compute) else lambda achieved, desired, info: compute(achieved, desired)
        self._env, self._env_id, self.reward_info = env, env_id, tuple(reward_info)

    @classmethod
    def of(cls, env: Env, spec: EnvSpec, reward_info: Sequence[str] = ()) -> "GoalReward | None":
        """Return None for environments without goals or without `compute_reward`."""
        return cls(env, spec.env_id, reward_info) if spec.has_goals and spec.has_reward_function else None

    @property
    def info_type(self) -> InfoType:
        """Shapes and types of the entries `reward_info`. Raises UserError where the environment does not have them."""
        return self._info[0]

    @property
    def info_size(self) -> int:
        """Numbers per step that compute_reward reads of info; mostly 0."""
        return len(self._info[1][0])

    def reward_at_goal(self, goal: np.ndarray, info: np.ndarray | None = None) -> float | None:
        """Return the reward where this goal [g] is achieved, for one row of info [i]; None if it cannot be computed.

        Raises UserError for a missing entry of info.
        """
        try:
            return float(self._one_by_one(goal[None], goal[None], np.zeros((1, 0)) if info is None else info[None])[0])
        except KeyError as error:
            raise UserError(self._failure(error)) from error
        except Exception:  # a compute_reward that cannot be called here
            return None

    def __call__(
        self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: np.ndarray | None = None
    ) -> np.ndarray:
        """Return rewards [N]; `info` is [N, info_size], or None where that is 0.

        Raises TrainingError where compute_reward raises, or returns something else than finite rewards.
        """
        info = np.zeros((len(achieved_goal), 0)) if info is None else info
        return self._rewards(self._call, TrainingError, achieved_goal, desired_goal, info)

    # The following are computed at their first use: an algorithm that relabels nothing does not need them.

    @functools.cached_property
    @environment_code()
    def _info(self) -> tuple[InfoType, np.ndarray]:
        """The entries' type, and their numbers in the first random steps [10, i]."""
        if not self.reward_info:
            return NO_INFO, np.zeros((_SAMPLES, 0))
        try:
            self._env.action_space.seed(0)
            self._env.reset(seed=0)
            infos = []
            for _ in range(_SAMPLES):
                *_, terminated, truncated, info = self._env.step(self._env.action_space.sample())
                infos.append(info)
                if terminated or truncated:
                    self._env.reset()
            entries = info_type(self.reward_info, infos)
            return entries, np.stack([read_info(entries, info) for info in infos])
        except Exception as error:
            why = str(error) if isinstance(error, UserError) else f"its step raised {describe_error(error)}"
            raise UserError(f"'{self._env_id}': --reward_info={','.join(self.reward_info)}: {why}") from error

    @functools.cached_property
    @environment_code()
    def goals(self) -> np.ndarray:
        """Goals that occur, [n, g]: those of the first resets; draws from the space where these show none."""
        with contextlib.suppress(Exception):  # training tells what is wrong
            if not self._env.has_wrapper_attr(RECORDED):
                shown = [self._env.reset(seed=None if i else 0)[0] for i in range(_SAMPLES // 2)]
                rows = [observation[key] for observation in shown for key in GOAL_KEYS[1:]]
                goals = np.unique(np.array(rows, np.float32), axis=0)
                if len(goals) > 1 and np.isfinite(goals).all():
                    return goals
        assert isinstance(self._env.observation_space, gymnasium.spaces.Dict)
        space = copy.deepcopy(self._env.observation_space["achieved_goal"])
        space.seed(0)  # all workers, and a run that is resumed, must draw the same goals
        with contextlib.suppress(OverflowError), np.errstate(over="ignore"):
            return np.array([space.sample() for _ in range(_SAMPLES)], np.float32)
        # Its bounds are further apart than any number is large.
        return np.random.default_rng(0).normal(size=(_SAMPLES, *(space.shape or ()))).astype(np.float32)

    @functools.cached_property
    @environment_code()
    def table(self) -> np.ndarray:
        """Rewards for all pairs of `goals`, [n, n]: where goal i is achieved and goal j desired. Raises UserError."""
        n = len(self.goals)
        pairs = np.repeat(self.goals, n, 0), np.tile(self.goals, (n, 1)), np.repeat(self._info[1][:1], n * n, 0)
        return self._rewards(self._one_by_one, UserError, *pairs).reshape(n, n)

    @functools.cached_property
    @environment_code()
    def goal_rewards(self) -> np.ndarray:
        """Rewards where goals are achieved, with the infos of the first steps, [10]. Raises UserError."""
        _ = self.table  # an error may be raised only away from the goal
        goals = np.resize(self.goals, (_SAMPLES, self.goals.shape[1]))
        return self._rewards(self._one_by_one, UserError, goals, goals, self._info[1])

    @functools.cached_property
    def _call(self) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
        """`_at_once` where the function takes whole batches, otherwise `_one_by_one`."""
        _ = self.goal_rewards  # raises if it cannot be called at all
        for size in (1, 2, 5):
            achieved, desired = np.random.default_rng(0).choice(self.goals, (2, size))  # the same on all workers
            pairs = achieved, desired, self._info[1][:size]
            try:
                # The right shape is not enough: the Pen tasks take a row of the batch for a coordinate.
                together, expected = self._at_once(*pairs), self._one_by_one(*pairs)
                if together.shape != expected.shape or not np.allclose(together, expected, rtol=1e-5):
                    return self._one_by_one
            except Exception:  # whatever a function for single goals does with several
                return self._one_by_one
        return self._at_once

    # Both pass copies, because some functions work in place, and keep a copy, because some return the same array again.

    def _at_once(self, achieved: np.ndarray, desired: np.ndarray, info: np.ndarray) -> np.ndarray:
        # An array of dictionaries, as Stable-Baselines3 passes it.
        infos: Any = np.array(as_infos(self.info_type, info.copy()), object) if info.size else {}
        reward = np.array(self._compute(achieved.copy(), desired.copy(), infos))
        reward = reward[:, 0] if reward.shape == (len(achieved), 1) else reward
        return reward if reward.dtype.kind == "f" else reward.astype(np.float32)

    def _one_by_one(self, achieved: np.ndarray, desired: np.ndarray, info: np.ndarray) -> np.ndarray:
        rows = zip(achieved.copy(), desired.copy(), as_infos(self.info_type, info.copy()), strict=True)
        return np.array([one_number(self._compute(*row)) for row in rows])

    def _rewards(
        self, call: RewardFunction, kind: type[Exception], achieved: np.ndarray, desired: np.ndarray, info: np.ndarray
    ) -> np.ndarray:
        """Call it; raise `kind` where it raises, and TrainingError where a reward is not finite."""
        try:
            reward = call(achieved, desired, info)
        except Exception as error:
            raise kind(f"'{self._env_id}': {self._failure(error)}") from error
        for i in np.flatnonzero(~np.isfinite(reward)):
            goals = f"achieved_goal {achieved[i]} and desired_goal {desired[i]}"
            raise TrainingError(f"compute_reward returned {reward[i]} for {goals}")
        return reward

    def _failure(self, error: Exception) -> str:
        hint = "it may depend only on achieved_goal, desired_goal and the entries of info that --reward_info names"
        if isinstance(error, KeyError) and error.args and error.args[0] not in self.reward_info:
            keys = ",".join(map(str, (*self.reward_info, error.args[0])))
            hint = f"if it reads info['{error.args[0]}'], add --reward_info={keys}"
        return f"compute_reward raised {describe_error(error)}: {hint}"


def has_reward_function(env: Env) -> bool:
    """Return True if the environment or a wrapper of it has `compute_reward`."""
    return env.has_wrapper_attr("compute_reward") and callable(env.get_wrapper_attr("compute_reward"))


def _takes_info(compute: Callable[..., Any]) -> bool:
    try:
        inspect.signature(compute).bind(None, None, None)
    except TypeError:
        return False
    except ValueError:  # written in C, without a signature
        pass
    return True
