"""Tasks that EnvPool steps, and environments of Gymnasium that are put where EnvPool's start."""

import functools
import math
import re

import gymnasium
import gymnasium_robotics
import numpy as np
import pytest

from baselines.envs import base
from baselines.envs.base import as_observation
from baselines.envs.gymnasium_env import make_one

gymnasium.register_envs(gymnasium_robotics)
CLASSIC = ["CartPole-v1", "Pendulum-v1", "Acrobot-v1", "MountainCar-v0", "MountainCarContinuous-v0"]
ROBOTS = ("Hopper", "HalfCheetah", "Walker2d", "Swimmer", "Ant", "InvertedPendulum")
PLAIN = [*CLASSIC, *(f"{robot}-v{version}" for robot in ROBOTS for version in (4, 5))]
FETCH_IDS = [name for name in gymnasium.registry if re.match("Fetch(Reach|Push|PickAndPlace|Slide)", name)]
HAND_IDS = [name for name in gymnasium.registry if re.match("Hand(Reach|Manipulate)", name)]
# Push and PickAndPlace differ in little from Slide.
WITH_OBJECT = [
    pytest.param("FetchPush-v4", marks=pytest.mark.slow),
    pytest.param("FetchPickAndPlace-v4", marks=pytest.mark.slow),
    "FetchSlide-v4",
]
GOAL_TASKS = ["FetchReach-v4", *WITH_OBJECT, "HandReach-v3"]


def has_object(env):
    return env.spec.env_id.startswith(("FetchPush", "FetchPick", "FetchSlide"))


def still(env):
    """Actions that do nothing."""
    if env.spec.discrete:
        return np.zeros(env.num_env, np.int64)
    return np.zeros((env.num_env, env.spec.action_size), np.float32)


def actions_for(rng, env, observation=None):
    """Random actions, but every second robot does something that matters for contacts and success.

    A Fetch robot moves its gripper onto the object, or to the goal if there is none; a HandReach one keeps its pose,
    which is the goal in a tenth of the episodes.
    """
    if env.spec.discrete:
        return rng.integers(env.spec.action_size, size=env.num_env)
    action = rng.uniform(-1, 1, (env.num_env, env.spec.action_size))
    if env.spec.env_id.startswith("Fetch"):
        seen = observation["observation"]
        target = seen[:, 3:6] if has_object(env) else observation["desired_goal"]
        action[::2, :3] = 10 * (target - seen[:, :3])[::2]
    if env.spec.env_id.startswith("HandReach"):
        low, high = _finger_ranges()
        # The outermost joints of four fingers are not driven.
        driven = np.delete(observation["observation"][::2, :24], [5, 9, 13, 18], axis=1)
        action[::2] = (2 * driven - low - high) / (high - low)
    return np.clip(action, -1, 1).astype(np.float32)


@functools.cache
def _finger_ranges():
    return make_one("HandReach-v3").unwrapped.model.actuator_ctrlrange.T


def start_with_twins(env):
    """Start an episode in EnvPool and, from exactly there, in as many of Gymnasium's environments."""
    unrounded = []  # 4e-8 m beside, as in float32, a puck ends up decimetres away once it is hit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "as_observation", lambda seen, spec: unrounded.append(seen) or as_observation(seen, spec))
        observation = env.reset()
    (seen,) = unrounded
    twins, place = [make_one(env.spec.env_id) for _ in range(env.num_env)], _place
    if env.spec.has_goals:
        seen, place = seen["observation"], _place_robot
    for twin, start in zip(twins, seen, strict=True):
        twin.reset(seed=0)
        place(twin.unwrapped, env.spec.env_id.split("-")[0], start)
    return observation, twins


def _place_robot(robot, task, start):
    """Put a Fetch or Hand robot where it observes `start`, float64."""
    if "Manipulate" in task:  # observes joints 0:24, their speeds 24:48, the object's speed 48:54, its place 54:61
        robot.data.qpos[:31] = np.concatenate([start[:24], start[54:61]])
        robot.data.qvel[:30] = start[24:54]
    elif "object0:joint" in robot._model_names.joint_names:
        place = robot._utils.get_joint_qpos(robot.model, robot.data, "object0:joint").copy()
        place[:2] = start[3:5]
        robot._utils.set_joint_qpos(robot.model, robot.data, "object0:joint", place)
    robot._mujoco.mj_forward(robot.model, robot.data)


def _place(robot, task, start):
    if task == "Pendulum":
        robot.state = np.array([math.atan2(start[1], start[0]), start[2]])
    elif task == "Acrobot":
        robot.state = np.array([math.atan2(start[1], start[0]), math.atan2(start[3], start[2]), start[4], start[5]])
    elif not hasattr(robot, "model"):
        robot.state = np.array(start, float)
    else:  # observed are places but for where along the way it is, then speeds, then perhaps forces
        places, speeds = robot.model.nq, robot.model.nv
        unseen = {"InvertedPendulum": 0, "Swimmer": 2, "Ant": 2}.get(task, 1)
        qpos = np.concatenate([np.zeros(unseen), start[: places - unseen]])
        robot.set_state(qpos, start[places - unseen : places - unseen + speeds])
