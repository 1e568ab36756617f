"""The back end for the tasks that EnvPool steps in C++ threads: Fetch, Hand, classic control, most of MuJoCo's."""

import importlib.util
import re
import warnings
from typing import Any

import numpy as np

from baselines.common.specs import task_of
from baselines.envs.arguments import EnvArguments
from baselines.envs.base import Observation, Step, VecEnv
from baselines.envs.gymnasium_env import make_one, spec_of
from baselines.envs.names import is_own
from baselines.envs.reward import GoalReward

# The tasks that the tests compare with Gymnasium-Robotics and Gymnasium.
_FAMILIES = re.compile(
    r"(Fetch(Reach|Push|PickAndPlace|Slide)|Hand(Reach|Manipulate)).*-v\d+"
    r"|(CartPole|Pendulum|Acrobot)-v1|MountainCar(Continuous)?-v0"
    r"|(Hopper|HalfCheetah|Walker2d|Swimmer|Ant|InvertedPendulum)-v[45]"
)

# The position of the robot's base at reset. EnvPool 1.2.5 puts Slide's 0.35 m off, so that goals lie off the table,
# and the other two's 0.1 mm off; these are the values of Gymnasium-Robotics.
_BASE_POSITION = {"FetchSlide": 0.05, "FetchPush": 0.405, "FetchPickAndPlace": 0.405}


def knows(env_id: str) -> bool:
    """Return True if EnvPool is installed and has this task, and the user has registered no other under its name."""
    if not _FAMILIES.fullmatch(env_id) or importlib.util.find_spec("envpool") is None or is_own(env_id):
        return False
    import envpool

    return env_id in envpool.list_all_envs()


class EnvPoolVecEnv(VecEnv):
    """One EnvPool, which steps `num_env` environments on `num_threads` threads; results do not depend on threads."""

    def __init__(
        self, env_id: str, num_env: int, seeds: list[int], num_threads: int, max_episode_steps: int | None = None
    ):
        model = make_one(env_id, arguments=EnvArguments({}, max_episode_steps))  # EnvPool itself has no compute_reward
        self.spec, self.num_env = spec_of(model, env_id), num_env
        self.compute_reward = GoalReward.of(model, self.spec)
        self._num_threads, self._seeds = num_threads, seeds
        self._pool: Any = None
        self.description = f"{num_env} x {env_id}, stepped by EnvPool, threads: {min(num_threads, num_env)}"

    def _reset(self) -> Observation:
        if self._seeds is not None:
            self.close()
            self._start(self._seeds)
            self._seeds = None
        observed: Observation = self._pool.reset()[0]
        return observed

    def _step(self, action: np.ndarray) -> Step:
        observed, reward, terminated, truncated, info = self._pool.step(action.astype(self._type, copy=False))
        success = info["is_success"].astype(bool) if "is_success" in info else None
        return Step(observed, reward, terminated, truncated, success)

    def copies(self, num_env: int, seeds: list[int]) -> VecEnv:
        """Make new environments of the same task."""
        others = self._twin(num_env, seeds)
        others._pool = None
        return others

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _start(self, seeds: list[int]) -> None:
        """Make a new pool, as EnvPool takes seeds only then, and its resets keep traces of the episode before."""
        import envpool

        task, threads = task_of(self.spec.env_id), min(self._num_threads, self.num_env)
        options = {"initial_slide0": _BASE_POSITION[task]} if task in _BASE_POSITION else {}
        options |= dict(num_envs=self.num_env, num_threads=threads, max_episode_steps=self.spec.horizon)
        self._pool = envpool.make(self.spec.env_id, env_type="gymnasium", seed=seeds, **options)
        with warnings.catch_warnings():  # EnvPool's spaces round their bounds at their first use
            warnings.filterwarnings("ignore", ".*precision lowered by casting")
            self._type, _ = self._pool.action_space.dtype, self._pool.observation_space
