"""A goal environment's own reward, for goals that it did not have."""

import copy
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np

from baselines.common.errors import TrainingError, UserError
from baselines.envs.faults import said_by
from baselines.envs.info import InfoLayout, NotedInfo

Env = gymnasium.Env[Any, Any]
# (achieved_goal [N, g], desired_goal [N, g]) -> reward [N]; and with info [N, i] where it is read
RewardFunction = Callable[..., np.ndarray]
_NAME = "compute_reward"
_LOOKS = 10  # goals, and steps whose info is looked at, before anything is trained


class GoalReward:
    """`compute_reward` of the outermost wrapper that has one, for N pairs of goals.

    Called positionally, because the parameters' names differ between versions. One that takes single goals only is
    called row by row; rewards may come as [N], [N, 1], [1] each, whole numbers or bools. One that reads `info` gets
    that of the transition, as far as `layout` has it; all others an empty one.
    """

    layout = InfoLayout()

    def __init__(self, env: Env, env_id: str):
        compute = env.get_wrapper_attr(_NAME)
        self._compute = _without_info(compute) if _takes_two(compute) else compute
        self._env, self._env_id = env, env_id
        assert isinstance(env.observation_space, gymnasium.spaces.Dict)
        self._space = copy.deepcopy(env.observation_space["achieved_goal"])
        self._space.seed(0)  # all workers, and a run that is resumed, find the same

    @property
    def info_size(self) -> int:
        """Numbers of a step's info that are read."""
        _ = self._at_goals
        return self.layout.size

    @functools.cached_property
    def at_goal(self) -> float:
        """What it pays where the goal is achieved. Raises UserError where it cannot be called."""
        return float(self._at_goals.max())

    def paid_at(self, goal: np.ndarray, info: Mapping[str, Any]) -> float:
        """What it pays where this goal [g] is achieved, in a step with this info. Raises whatever it raises."""
        kept = self.layout.infos(self.layout.row(info)[None])[0] if self.layout.size else {}  # with their types
        return _number(self._compute(goal, goal, {**info, **kept}))

    @property
    def varies(self) -> bool:
        """Whether that differs between goals, or with the info of the first steps."""
        return bool(np.ptp(self._at_goals) > 1e-6)

    def __call__(
        self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: np.ndarray | None = None
    ) -> np.ndarray:
        """Rewards [N]; `info` is [N, layout.size], or None where nothing is read.

        Raises TrainingError where the environment's code raises, or gives something else.
        """
        call = self._call
        try:
            reward = call(achieved_goal, desired_goal, info)
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

    @property
    def _at_goals(self) -> np.ndarray:
        if isinstance(self._looked, UserError):  # once: it may have stepped the user's own environment
            raise self._looked
        return self._looked

    @functools.cached_property
    def _looked(self) -> np.ndarray | UserError:
        goals = self._goals(_LOOKS)
        try:
            try:
                paid, noted = self._noting(goals, [{}])
            except Exception:
                self._env.reset()  # which some need first
                paid, noted = self._noting(goals, [{}])
            return self._with_infos(goals) if noted[0].used else np.array(paid)
        except Exception as error:
            return UserError(
                f"'{self._env_id}': compute_reward raised {said_by(error)}. It is called with goals of other steps, so "
                "it must follow from achieved_goal, desired_goal and what its step's info has"
            )

    def _noting(self, goals: np.ndarray, infos: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[NotedInfo]]:
        """What it pays at `goals`, and what it looks at of `infos`; no payment where it may miss something there.

        Raises whatever else it raises.
        """
        noted = [NotedInfo(info) for info in infos]
        paid = []
        try:
            for i, goal in enumerate(goals):  # what is read may differ between the goal and elsewhere
                paid.append(_number(self._compute(goal, goal, noted[i % len(noted)])))
                self._compute(goal, goals[i - 1], noted[i % len(noted)])
        except Exception:
            if not any(info.used for info in noted):
                raise
            paid = []
        return paid, noted

    def _with_infos(self, goals: np.ndarray) -> np.ndarray:
        """What it pays, with the infos of real steps, of which `layout` is then known."""
        infos = self._infos_of_steps()
        _, noted = self._noting(goals, infos)
        read = list(dict.fromkeys(name for info in noted for name in info.read))
        self.layout = InfoLayout.of(infos, read)
        self._seen = np.stack([self.layout.row(info) for info in infos])
        return self._row_by_row(goals, goals, self._seen)

    def _infos_of_steps(self) -> list[dict[str, Any]]:
        """Of the first random steps."""
        self._env.action_space.seed(0)
        self._env.reset(seed=0)
        infos = []
        for _ in range(_LOOKS):
            *_, terminated, truncated, info = self._env.step(self._env.action_space.sample())
            infos.append(info)
            if terminated or truncated:
                self._env.reset()
        return infos

    @functools.cached_property
    def _call(self) -> RewardFunction:
        _ = self._at_goals  # which says what is wrong
        return self._at_once if self._takes_batches() else self._row_by_row

    def _takes_batches(self) -> bool:
        for size in (1, 2, 5):
            achieved, desired = np.split(self._goals(2 * size), 2)
            info = self._seen[:size] if self.layout.size else None
            try:
                # Of the right shape is not enough: the Pen tasks' takes a row of the batch for a coordinate.
                together = self._at_once(achieved, desired, info)
                expected = self._row_by_row(achieved, desired, info)
                if together.shape != expected.shape or not np.allclose(together, expected, rtol=1e-5):
                    return False
            except Exception:  # whatever a function for single goals does with several
                return False
        return True

    def _goals(self, count: int) -> np.ndarray:
        return np.stack([self._space.sample() for _ in range(count)]).astype(np.float32)

    def _at_once(self, achieved: np.ndarray, desired: np.ndarray, info: np.ndarray | None) -> np.ndarray:
        # Several infos come as Stable-Baselines3 gives them: an array of dictionaries.
        infos: Any = {} if info is None else np.array(self.layout.infos(info), object)
        reward = np.asarray(self._compute(achieved, desired, infos))
        reward = reward[:, 0] if reward.shape == (len(achieved), 1) else reward
        return reward if reward.dtype.kind == "f" else reward.astype(np.float32)

    def _row_by_row(self, achieved: np.ndarray, desired: np.ndarray, info: np.ndarray | None) -> np.ndarray:
        infos = [{}] * len(achieved) if info is None else self.layout.infos(info)
        return np.array([_number(self._compute(*row)) for row in zip(achieved, desired, infos, strict=True)])


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
