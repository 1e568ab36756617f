"""How episodes of the Fetch and Hand tasks end, on either back end."""

import numpy as np
import pytest

from baselines.envs.gymnasium_env import make_one
from tests.envs.robotics import OBJECT_PLACE, ROUNDING, WITH_OBJECT, actions_for


@pytest.mark.parametrize("env_id", ["FetchReach-v4", "HandReach-v3"])
@pytest.mark.parametrize("back_end", ["envpool", "sync"])
def test_the_last_observation_is_the_true_one_and_the_next_reset_starts_afresh(make, env_id, back_end):
    env, rng = make(env_id, 2, back_end), np.random.default_rng(0)
    endless = make_one(env_id).unwrapped  # has no time limit
    goals = []
    for _ in range(2):
        pose, expected = env.reset(), endless.reset()[0]["observation"]
        np.testing.assert_allclose(pose["observation"], [expected] * 2, rtol=0, atol=ROUNDING)
        goals.append(pose["desired_goal"])
        for step_number in range(1, env.spec.horizon + 1):
            action = rng.uniform(-1, 1, env.spec.action_size).astype(np.float32)
            expected = endless.step(action)[0]["observation"]
            step = env.step(np.stack([action] * 2))
            np.testing.assert_array_equal(step.ended, [step_number == env.spec.horizon] * 2)
            np.testing.assert_allclose(step.observation["observation"], [expected] * 2, rtol=ROUNDING, atol=ROUNDING)
            np.testing.assert_array_equal(step.observation["desired_goal"], pose["desired_goal"])
    assert (np.abs(goals[0] - goals[1]).max(1) > 1e-3).all()


@pytest.mark.parametrize("env_id", WITH_OBJECT)
@pytest.mark.parametrize("back_end", ["envpool", "sync"])
def test_robot_and_object_are_set_back_after_an_episode_and_not_before_its_last_observation(make, env_id, back_end):
    env, rng = make(env_id, 4, back_end), np.random.default_rng(0)
    first = seen = env.reset()
    for _ in range(env.spec.horizon):
        before = seen
        step = env.step(actions_for(rng, env, seen))
        seen = step.observation
    assert step.ended.all()
    moved = np.linalg.norm((seen["observation"] - before["observation"])[:, :3], axis=1)
    away = np.linalg.norm((seen["observation"] - first["observation"])[:, :3], axis=1)
    assert (moved < 0.05).all() and (away > 0.05).all()
    again = env.reset()["observation"]
    poses = [np.delete(observation, OBJECT_PLACE, axis=1) for observation in (again, first["observation"])]
    np.testing.assert_allclose(*poses, rtol=0, atol=ROUNDING)
    assert (np.abs(again[:, 6:8]) <= 0.15 + ROUNDING).all()
    assert (np.abs(again - first["observation"])[:, 3:5].max(1) > 1e-3).all()


@pytest.mark.parametrize("back_end", ["envpool", "sync"])
def test_a_reset_in_the_middle_of_an_episode_starts_a_whole_one(make, back_end):
    env = make("FetchReach-v4", 2, back_end)
    stay = np.zeros((2, env.spec.action_size), np.float32)
    env.reset()
    for _ in range(3):
        env.step(stay)
    env.reset()
    ended = [env.step(stay).ended.tolist() for _ in range(env.spec.horizon)]
    assert ended == [[False] * 2] * (env.spec.horizon - 1) + [[True] * 2]
