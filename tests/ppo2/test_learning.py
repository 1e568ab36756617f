"""Whole runs in which PPO learns."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import baselines


@pytest.mark.slow
def test_the_pole_is_balanced_within_60000_steps_of_the_preset():
    seen = []
    baselines.train("ppo2", "CartPole-v1", 6e4, preset="single", seed=0, callback=seen.append)
    assert seen[-1]["total/timesteps"] <= 6e4
    # Of one evaluation: on some processors, whose last digits differ, a later policy falls again.
    assert max(row["test/mean_return"] for row in seen) >= 475


class Copy(gymnasium.Env):
    """The best action is what is observed, but for its sign; the reward is less by the square of the distance."""

    observation_space, action_space = spaces.Box(-1, 1, (2,)), spaces.Box(-1, 1, (2,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._observe(), {}

    def step(self, action):
        reward = 1 - float(np.square(action + self._seen).sum())
        return self._observe(), reward, False, False, {}

    def _observe(self):
        self._seen = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return self._seen


gymnasium.register("Copy-v0", Copy, max_episode_steps=10)


@pytest.mark.parametrize("value_network", ["copy", pytest.param("shared", marks=pytest.mark.slow)])
def test_actions_that_follow_what_is_observed_are_learnt(value_network):
    seen = []
    baselines.train("ppo2", gymnasium.make_vec("Copy-v0", 8, vectorization_mode="sync"), n_epochs=3, seed=0, nsteps=32,
                    nminibatches=4, n_cycles=5, lr=0.01, gamma=0.5, num_hidden=16, value_network=value_network,
                    callback=lambda row: seen.append(row["test/mean_return"]))  # fmt: skip
    # Of 10: a policy that does nothing has 10 (1 - 2 / 3).
    assert seen[-1] > 9
