"""Environments of the user's own: their reward functions and the bounds of their actions."""

import gymnasium
import numpy as np

from baselines.common.vec_env import make_vec_env
from tests.environments import PointReach
from tests.helpers import point_reach


def test_a_reward_function_for_single_goals_is_called_row_by_row():
    class Scalar(PointReach):
        def compute_reward(self, achieved_goal, desired_goal, info):
            return 0.0 if float(np.linalg.norm(achieved_goal - desired_goal)) <= 0.05 else -1.0

    gymnasium.register("ScalarPointReach-v0", Scalar, max_episode_steps=30)
    scalar = make_vec_env("ScalarPointReach-v0", 1, [0], "sync")
    vectorised = point_reach(1)
    goals = np.random.default_rng(0).uniform(-0.05, 0.05, (2, 50, 2)).astype(np.float32)
    np.testing.assert_array_equal(scalar.compute_reward(*goals), vectorised.compute_reward(*goals))
    assert 0 < (scalar.compute_reward(*goals) == 0).sum() < 50


def test_actions_are_scaled_to_the_environments_own_bounds():
    class Wide(PointReach):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.action_space = gymnasium.spaces.Box(np.float32([-4, 0]), np.float32([4, 2]))

        def step(self, action):
            Wide.last = np.array(action)
            return super().step(action)

    gymnasium.register("WidePointReach-v0", Wide, max_episode_steps=30)
    env = make_vec_env("WidePointReach-v0", 1, [0], "sync")
    env.reset()
    env.step(env.spec.actions.to_env(np.array([[-0.5, -1.0]], np.float32)))
    np.testing.assert_allclose(Wide.last, [-2, 0], atol=1e-6)
