"""Observations and goals that are no vectors."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import baselines
from baselines.common.errors import UserError
from baselines.envs import as_vec_env, make_vec_env
from baselines.envs.flattening import flattened
from tests.environments import PointReach, Shelf
from tests.helpers import TINY_SETTINGS


@pytest.mark.parametrize("back_end", ["sync", "async"])
def test_bits_numbers_and_nested_dictionaries_become_vectors(back_end):
    env = make_vec_env("tests.environments:Shelf-v0", 2, [0, 1], back_end)
    try:
        assert env.spec.sizes == {"observation": 5, "goal": 4, "action": 1}
        env.reset()
        step = env.step(np.ones((2, 1), np.float32))
        assert step.observation["observation"].tolist() == [[0.25, 0.5, 1, 0, 0]] * 2
        assert step.observation["achieved_goal"].tolist() == [[0, 1, 0, 0]] * 2
        assert (step.observation["desired_goal"].sum(1) == 1).all()
        places = np.eye(4, dtype=np.float32)
        assert env.compute_reward(places, places[[0, 1, 3, 2]]).tolist() == [0, 0, -1, -1]
    finally:
        env.close()


def test_what_is_a_vector_already_stays_the_same_object():
    env = PointReach()
    assert flattened(env) is env


@pytest.mark.parametrize(
    ("space", "size"),
    [(spaces.Discrete(5), 5), (spaces.MultiBinary(4), 4), (spaces.MultiDiscrete([2, 3]), 5), (spaces.Box(0, 1, ()), 1)],
)
def test_an_observation_that_is_no_dictionary(space, size):
    class Of(gymnasium.Env):
        observation_space, action_space = space, spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            return space.sample(), {}

    env = flattened(Of())
    assert env.observation_space.shape == (size,)
    assert env.observation_space.contains(env.reset()[0])


@pytest.mark.parametrize(
    "space",
    [spaces.Box(0, 255, (8, 8, 3), np.uint8), spaces.Tuple([spaces.Discrete(2)]),
     spaces.Dict(camera=spaces.Dict(left=spaces.Box(0, 1, (4, 4))))],
)  # fmt: skip
def test_images_and_tuples_stay_to_be_refused_by_name(space):
    class Of(gymnasium.Env):
        observation_space, action_space = spaces.Dict(it=space), spaces.Discrete(2)

    env = Of()
    assert flattened(env) is env


@pytest.mark.parametrize("kind", [gymnasium.vector.SyncVectorEnv, gymnasium.vector.AsyncVectorEnv])
def test_a_vector_of_the_users_must_show_vectors(kind):
    vector = kind([Shelf, Shelf])
    with pytest.raises(UserError, match="must return vectors.*pass a single environment"):
        as_vec_env(vector, lambda n: [0] * n)
    vector.close()


def test_a_single_environment_of_the_users_is_flattened_and_trained():
    baselines.train(env=gymnasium.wrappers.TimeLimit(Shelf(), 8), n_epochs=1, seed=0, **TINY_SETTINGS)
