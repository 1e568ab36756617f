"""Environments of the user's own: bounds of actions, vectors, and copies for evaluation."""

import gymnasium
import numpy as np

import baselines
from baselines.common.specs import Actions
from baselines.envs import as_vec_env, make_vec_env
from tests.environments import PointReach


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


# ---- vectors with wrappers, and vectors that are used again ----


def test_a_vector_is_seen_as_its_wrappers_show_it():
    inner = gymnasium.make_vec("Pendulum-v1", num_envs=2, vectorization_mode="sync")
    env = as_vec_env(gymnasium.wrappers.vector.RescaleAction(inner, np.float32(-1), np.float32(1)), lambda n: [0] * n)
    assert env.spec.actions == Actions() and env.copies(1, [0]) is env
    plain = gymnasium.make_vec("Pendulum-v1", num_envs=2, vectorization_mode="sync")
    assert as_vec_env(plain, lambda n: [0] * n).spec.actions == Actions((-2.0,), (2.0,))


def test_a_vector_that_was_used_is_like_a_new_one():
    vector = gymnasium.make_vec("Pendulum-v1", num_envs=2, vectorization_mode="sync")
    rows = []
    for _ in range(2):
        baselines.train("ppo2", vector, n_epochs=1, seed=0, n_cycles=1, nsteps=64, nminibatches=4, num_hidden=4,
                        n_test_episodes=2, callback=rows.append)  # fmt: skip
    assert rows[0]["test/mean_return"] == rows[1]["test/mean_return"]


def test_where_no_other_can_be_made_the_environment_itself_is_used_for_evaluation():
    class Single(PointReach):
        count = 0

        def __init__(self):
            Single.count += 1
            if Single.count > 1:
                raise OSError("Address already in use")
            super().__init__()

    gymnasium.register("Single-v0", Single, max_episode_steps=5)
    env = as_vec_env(gymnasium.make("Single-v0"), lambda n: [0] * n)
    assert env.copies(2, [0, 1]) is env and Single.count == 2
