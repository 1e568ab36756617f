"""What steps of the Fetch and Hand tasks are worth: in EnvPool what they are in Gymnasium-Robotics."""

import numpy as np
import pytest

from baselines.envs.gymnasium_env import make_one
from tests.envs.robotics import TASKS, actions_for

THRESHOLD = {"Fetch": 0.05, "HandR": 0.01}  # metres, by the first letters


@pytest.mark.parametrize("env_id", TASKS)
@pytest.mark.parametrize("dense", ["", pytest.param("Dense", marks=pytest.mark.slow)])
def test_rewards_are_those_of_compute_reward(make, env_id, dense):
    env, rng = make(env_id.replace("-", f"{dense}-"), 16), np.random.default_rng(0)
    sparse_reward = make(env_id, 1, "sync").compute_reward
    rewards, outcomes = set(), set()
    for step_number in range(72):
        if step_number % 12 == 0:
            seen = env.reset()
        step = env.step(actions_for(rng, env, seen))
        seen = step.observation
        goals = seen["achieved_goal"], seen["desired_goal"]
        distance = np.linalg.norm(goals[0].astype(np.float64) - goals[1], axis=1)
        # EnvPool decides before, compute_reward after the goals are rounded to float32.
        clear = np.abs(distance - THRESHOLD[env_id[:5]]) > 1e-6
        np.testing.assert_allclose(step.reward[clear], env.compute_reward(*goals)[clear], rtol=0, atol=1e-5)
        np.testing.assert_array_equal(step.success[clear], sparse_reward(*goals)[clear] == 0)
        rewards |= set(step.reward)
        outcomes |= set(step.success)
    assert outcomes == {True, False}, "there were no successes, or no failures, to compare"
    assert dense or rewards == {-1, 0}


@pytest.mark.parametrize("task", ["Block", "BlockRotateZ", "BlockRotateParallel", "Egg", "EggRotate", "Pen"])
def test_dense_rewards_of_hand_manipulate_are_those_of_gymnasium_robotics(make, task):
    env, rng = make(f"HandManipulate{task}Dense-v1"), np.random.default_rng(0)
    compute_reward = make_one(env.spec.env_id).unwrapped.compute_reward
    seen = env.reset()
    for _ in range(10):
        step = env.step(actions_for(rng, env, seen))
        seen = step.observation
        # Pair by pair, because for several pens at once Gymnasium-Robotics 1.4.2 mixes up rows and angles.
        pairs = zip(seen["achieved_goal"], seen["desired_goal"], strict=True)
        expected = [compute_reward(achieved, desired, {}) for achieved, desired in pairs]
        np.testing.assert_allclose(step.reward, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("env_id", ["HandManipulatePenRotate-v1", "HandManipulatePenDense-v1", "FetchPushDense-v4"])
def test_rewards_of_a_batch_are_those_of_its_pairs_one_by_one(make, env_id):
    # Gymnasium-Robotics' own function for the Pen tasks takes a row of a batch for a coordinate.
    env = make(env_id, num_env=8)
    seen = env.reset()
    # Also the goals themselves turned a little: pairs near enough for a sparse reward of 0.
    achieved = np.concatenate([seen["achieved_goal"], seen["desired_goal"] + 0.01 * (seen["desired_goal"] != 0)])
    desired = np.concatenate([seen["desired_goal"]] * 2)
    single = make_one(env_id).unwrapped.compute_reward
    one_by_one = [float(single(a, d, {})) for a, d in zip(achieved, desired, strict=True)]
    np.testing.assert_allclose(env.compute_reward(achieved, desired), one_by_one, atol=1e-5)
