"""The back end for every Gymnasium goal environment: stepped one after the other, or in processes of their own."""

import dataclasses
import functools
import itertools
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import NamedTuple

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.wrappers import RecordVideo, RescaleAction

from baselines.common.errors import UserError
from baselines.common.vec_env.base import GoalVecEnv, Observation, Step
from baselines.common.vec_env.faults import Guarded, in_processes, told
from baselines.common.vec_env.names import gymnasium_id
from baselines.her.types import GoalEnvSpec

_SUCCESS_KEYS = ("is_success", "success")


class Video(NamedTuple):
    """What to record of an environment, in steps."""

    folder: str
    interval: int
    length: int
    name: str = "training"


class GymnasiumVecEnv(GoalVecEnv):
    """A `gymnasium.vector` environment."""

    def __init__(
        self,
        vector: VectorEnv,
        model: gymnasium.Env,
        env_id: str,
        seeds: list[int],
        remake=None,
        step_timeout: float = 0,
    ):
        """`model` is one such environment for its spaces and `compute_reward`; `remake(num_env, seeds)` makes more.

        `step_timeout` is in seconds, for environments in processes; 0 waits forever.
        """
        if vector.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP) != AutoresetMode.NEXT_STEP:
            raise UserError(
                "the vector environment must have Gymnasium's default, autoreset_mode=AutoresetMode.NEXT_STEP"
            )
        self.spec, self.num_env = spec_of(model, env_id), vector.num_envs
        self.compute_reward = reward_function(model)
        self.description = f"{self.num_env} x {env_id}, stepped by {type(vector).__name__}"
        self._vector, self._seeds, self._remake, self._timeout = vector, seeds, remake, step_timeout

    def _reset(self) -> Observation:
        with told(self._vector, self._timeout):
            if self._timeout:
                self._vector.reset_async(seed=self._seeds)
                shown, _ = self._vector.reset_wait(timeout=self._timeout)
            else:
                shown, _ = self._vector.reset(seed=self._seeds)
        self._seeds = None  # once: from then on each environment's own generator goes on
        return Observation.of(shown)

    def _step(self, action: np.ndarray) -> Step:
        with told(self._vector, self._timeout):
            if self._timeout:
                self._vector.step_async(action)
                result = self._vector.step_wait(timeout=self._timeout)
            else:
                result = self._vector.step(action)
        shown, reward, terminated, truncated, info = result
        ended = terminated | truncated
        return Step(Observation.of(shown), reward, ended, _success(info, ended))

    def another(self, num_env: int, seeds: list[int]) -> GoalVecEnv:
        return self if self._remake is None else self._remake(num_env, seeds)

    def close(self) -> None:
        self._vector.close()


def make(
    env_id: str,
    num_env: int,
    seeds: list[int],
    asynchronous: bool,
    video: Video | None = None,
    render_mode: str | None = None,
    step_timeout: float = 0,
) -> GymnasiumVecEnv:
    """`num_env` environments of a registered id, the first of them recorded if `video` says so. Raises UserError."""
    if step_timeout and not asynchronous:
        raise UserError("--step_timeout is for environments in processes of their own: add --vec_env=async")
    makers = [functools.partial(make_one, env_id, render_mode, video if i == 0 else None) for i in range(num_env)]
    model = make_one(env_id)
    spec_of(model, env_id)  # complain about no goal environment before num_env of them are started
    if asynchronous:
        vector: VectorEnv = in_processes(makers)
    else:
        vector = SyncVectorEnv([lambda maker=maker, i=i: Guarded(maker(), i) for i, maker in enumerate(makers)])

    def remake(num_env: int, seeds: list[int]) -> GymnasiumVecEnv:
        return make(env_id, num_env, seeds, asynchronous, step_timeout=step_timeout)

    return GymnasiumVecEnv(vector, model, env_id, seeds, remake, step_timeout)


def make_one(env_id: str, render_mode: str | None = None, video: Video | None = None) -> gymnasium.Env:
    """One environment of a registered id, its actions scaled to [-1, 1]. Raises UserError."""
    name = gymnasium_id(env_id)
    try:
        env = gymnasium.make(name, render_mode="rgb_array" if video else render_mode, disable_env_checker=True)
    except (gymnasium.error.Error, ImportError, TypeError) as error:
        raise UserError(f"environment '{name}' cannot be made: {error}") from None
    env = _scaled(env)
    if video:

        def starts(step: int) -> bool:
            return step % video.interval == 0

        name = _unused(video)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the folder exists: the names of the videos differ
            env = RecordVideo(env, video.folder, step_trigger=starts, video_length=video.length, name_prefix=name)
    return env


def _unused(video: Video) -> str:
    """RecordVideo counts from 0 in each process: a resumed run's videos would take the place of the earlier ones."""
    there = os.listdir(video.folder) if os.path.isdir(video.folder) else []
    names = itertools.chain([video.name], (f"{video.name}{n}" for n in itertools.count(2)))
    return next(name for name in names if not any(file.startswith(f"{name}-step-") for file in there))


_RENDER_ONCE = """
import sys
from baselines.common.vec_env.gymnasium_env import make_one
env_id, mode = sys.argv[1:]
env = make_one(env_id, mode)
env.reset(seed=0)
picture = env.render()
sys.exit(0 if mode == "human" or hasattr(picture, "shape") else "its render() returns no picture")
"""


def check_renders(env_id: str, mode: str = "rgb_array") -> None:
    """Raise UserError where this environment's pictures ('rgb_array') or window ('human') cannot be had.

    Tried in another process: with TensorFlow in the same one, MuJoCo's EGL renderer crashes on some machines.
    """
    tried = subprocess.run([sys.executable, "-c", _RENDER_ONCE, env_id, mode], capture_output=True, text=True)
    if tried.returncode != 0:
        why = (tried.stderr.strip().splitlines() or [f"it ended with {tried.returncode}"])[-1]
        raise UserError(
            f"cannot render {env_id} here ({why}). MuJoCo renders with MUJOCO_GL=egl (needs libEGL), "
            "MUJOCO_GL=osmesa (needs libOSMesa) or MUJOCO_GL=glfw (needs a display)"
        )


def wrap(env: gymnasium.Env | VectorEnv, seeds_for: Callable[[int], list[int]]) -> GymnasiumVecEnv:
    """An environment that the user made. `seeds_for(num_env)` gives its seeds. Raises UserError."""
    if not isinstance(env, VectorEnv):
        single = _scaled(env)
        env, spec = SyncVectorEnv([lambda: Guarded(single, 0)]), single.spec
    elif hasattr(env, "envs"):
        single, spec = env.envs[0], env.envs[0].spec
    else:  # in other processes
        spec = _spec_of_one(env)
        single = gymnasium.make(spec, disable_env_checker=True)
    if not _is_scaled(env.single_action_space):
        env = gymnasium.wrappers.vector.RescaleAction(env, np.float32(-1), np.float32(1))
    name = spec.id if spec is not None else "unnamed"
    return GymnasiumVecEnv(env, single, name, seeds_for(env.num_envs), _remaker(spec))


def spec_of(env: gymnasium.Env, env_id: str) -> GoalEnvSpec:
    """Sizes and horizon. Raises UserError, with all that is missing, for what is no goal environment."""
    missing = []
    space = env.observation_space
    for key in Observation._fields:
        part = space.get(key) if isinstance(space, gymnasium.spaces.Dict) else None
        if not isinstance(part, gymnasium.spaces.Box) or len(part.shape) != 1:
            missing.append(f"'{key}', a vector, in its observations")
    if not callable(getattr(env.unwrapped, "compute_reward", None)):
        missing.append("compute_reward(achieved_goal, desired_goal, info)")
    if not isinstance(env.action_space, gymnasium.spaces.Box) or len(env.action_space.shape) != 1:
        missing.append("a vector of continuous actions")
    horizon = _horizon(env)
    if not horizon:
        missing.append("a time limit (max_episode_steps where it is registered, or a TimeLimit wrapper)")
    if missing:
        raise UserError(f"'{env_id}' is no goal environment that HER can train on; it lacks: {'; '.join(missing)}")
    sizes = (space["observation"].shape[0], space["desired_goal"].shape[0], env.action_space.shape[0])
    return GoalEnvSpec(env_id, *sizes, horizon)


def _horizon(env: gymnasium.Env) -> int | None:
    if env.has_wrapper_attr("_max_episode_steps"):  # of TimeLimit
        return env.get_wrapper_attr("_max_episode_steps")
    return env.spec.max_episode_steps if env.spec is not None else None


def reward_function(env: gymnasium.Env):
    """(achieved_goal [N, g], desired_goal [N, g]) -> reward [N], of an environment's own `compute_reward`.

    Called positionally, because the parameters' names differ between versions, with an empty info. One that takes
    single goals only is called row by row.
    """
    compute = env.unwrapped.compute_reward

    def row_by_row(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        return np.array([float(compute(a, d, {})) for a, d in zip(achieved, desired)])

    def at_once(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        return np.asarray(compute(achieved, desired, {}))

    for size in (1, 2, 5):
        goals = np.stack([env.observation_space["achieved_goal"].sample() for _ in range(2 * size)]).astype(np.float32)
        try:
            # Of the right shape is not enough: the Pen tasks' takes a row of the batch for a coordinate.
            together, expected = at_once(*np.split(goals, 2)), row_by_row(*np.split(goals, 2))
            if together.shape != expected.shape or not np.allclose(together, expected, rtol=1e-5):
                return row_by_row
        except Exception:  # whatever a function for single goals does with several
            return row_by_row
    return at_once


def _scaled(env: gymnasium.Env) -> gymnasium.Env:
    return env if _is_scaled(env.action_space) else RescaleAction(env, np.float32(-1), np.float32(1))


def _is_scaled(space: gymnasium.Space) -> bool:
    """Whether actions are in [-1, 1] as they are; what is no vector of actions is for `spec_of` to refuse."""
    if not isinstance(space, gymnasium.spaces.Box):
        return True
    if not space.is_bounded():
        raise UserError(f"the environment's actions must be bounded; they are in {space}")
    return bool(np.all(space.low == -1) and np.all(space.high == 1))


def _success(info: dict, ended: np.ndarray) -> np.ndarray:
    for key in _SUCCESS_KEYS:
        if key in info:
            return np.asarray(info[key]).astype(bool)
    if ended.any():
        raise UserError("the environment must say in info['is_success'] whether the goal was reached; it does not")
    return np.zeros(len(ended), bool)


def _spec_of_one(vector: VectorEnv) -> gymnasium.envs.registration.EnvSpec:
    if vector.spec is None:
        raise UserError("the vector environment has neither `envs` nor a spec to make one for compute_reward from")
    kwargs = {k: v for k, v in vector.spec.kwargs.items() if k not in ("num_envs", "vectorization_mode")}
    return dataclasses.replace(vector.spec, kwargs=kwargs)


def _remaker(spec):
    """What makes more such environments; None without a spec or with a wrapper that Gymnasium cannot recreate."""
    if spec is None or any(wrapper.kwargs is None for wrapper in spec.additional_wrappers):
        return None

    def one() -> gymnasium.Env:
        return _scaled(gymnasium.make(spec, disable_env_checker=True))

    def remake(num_env: int, seeds: list[int]) -> GymnasiumVecEnv:
        return GymnasiumVecEnv(SyncVectorEnv([one] * num_env), one(), spec.id, seeds, remake)

    return remake
