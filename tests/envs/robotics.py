"""Fetch and Hand tasks: ids, actions that matter, and twins in Gymnasium-Robotics of EnvPool's environments."""

import functools
import re

import gymnasium
import gymnasium_robotics
import numpy as np
import pytest

from baselines.envs.base import as_observation
from baselines.envs.gymnasium_env import make_one
from tests.envs.unrounded import first_unrounded

gymnasium.register_envs(gymnasium_robotics)
FETCH_IDS = [name for name in gymnasium.registry if re.match("Fetch(Reach|Push|PickAndPlace|Slide)", name)]
HAND_IDS = [name for name in gymnasium.registry if re.match("Hand(Reach|Manipulate)", name)]
# Push and PickAndPlace differ in little from Slide.
WITH_OBJECT = [
    pytest.param("FetchPush-v4", marks=pytest.mark.slow),
    pytest.param("FetchPickAndPlace-v4", marks=pytest.mark.slow),
    "FetchSlide-v4",
]
TASKS = ["FetchReach-v4", *WITH_OBJECT, "HandReach-v3"]

# A few float32 steps: the physics of both back ends, in float64, was equal to the last digit.
ROUNDING = 1e-6
# Fetch with an object observes gripper 0:3, object 3:6, object from gripper 6:9, fingers, object's turn and speeds.
OBJECT_PLACE = [3, 4, 6, 7]  # drawn at each reset


def has_object(env):
    return env.spec.env_id.startswith(("FetchPush", "FetchPick", "FetchSlide"))


def actions_for(rng, env, observation):
    """Random actions, but every second robot does something that matters for contacts and success.

    A Fetch robot moves its gripper onto the object, or to the goal if there is none; a HandReach one keeps its pose,
    which is the goal in a tenth of the episodes.
    """
    action = rng.uniform(-1, 1, (env.num_env, env.spec.action_size))
    seen = observation["observation"]
    if env.spec.env_id.startswith("Fetch"):
        target = seen[:, 3:6] if has_object(env) else observation["desired_goal"]
        action[::2, :3] = 10 * (target - seen[:, :3])[::2]
    if env.spec.env_id.startswith("HandReach"):
        action[::2] = _keep_pose(seen[::2])
    return np.clip(action, -1, 1).astype(np.float32)


def _keep_pose(observation):
    low, high = _finger_ranges()
    driven = np.delete(observation[:, :24], [5, 9, 13, 18], axis=1)  # the outermost joints of four fingers are not
    return (2 * driven - low - high) / (high - low)


@functools.cache
def _finger_ranges():
    return make_one("HandReach-v3").unwrapped.model.actuator_ctrlrange.T


def _twin(env_id, start):
    """A Gymnasium-Robotics environment at the same start as EnvPool's that observes `start`, float64."""
    env = make_one(env_id)
    env.reset(seed=0)
    robot = env.unwrapped
    if "Manipulate" in env_id:  # observes joints 0:24, their speeds 24:48, the object's speed 48:54, its place 54:61
        robot.data.qpos[:31] = np.concatenate([start[:24], start[54:61]])
        robot.data.qvel[:30] = start[24:54]
    elif "object0:joint" in robot._model_names.joint_names:
        place = robot._utils.get_joint_qpos(robot.model, robot.data, "object0:joint").copy()
        place[:2] = start[3:5]
        robot._utils.set_joint_qpos(robot.model, robot.data, "object0:joint", place)
    robot._mujoco.mj_forward(robot.model, robot.data)
    return env


def start_with_twins(env):
    """Start an episode in EnvPool and, from exactly there, in as many Gymnasium-Robotics environments."""
    # 4e-8 m beside, as in float32, a puck ends up decimetres away once it is hit.
    observed = first_unrounded(env)
    return as_observation(observed), [_twin(env.spec.env_id, start) for start in observed["observation"]]


def step_twins(twins, action):
    # Gymnasium-Robotics scales float32 actions in float32, which is 6e-9 m off; EnvPool scales in float64.
    rows = action.astype(np.float64)
    return np.stack([twin.step(row)[0]["observation"] for twin, row in zip(twins, rows, strict=True)])


def resets(env, count):
    """`count` resets, as one batch."""
    observations = [env.reset() for _ in range(count)]
    return {key: np.concatenate([o[key] for o in observations]) for key in observations[0]}
