"""Observations and goals that are no vectors."""

import contextlib

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import baselines
from baselines.common.errors import UserError
from baselines.envs import as_vec_env
from baselines.envs.flattening import flattened
from tests.environments import Shelf
from tests.helpers import TINY_SETTINGS


def observing(space):
    class Of(gymnasium.Env):
        observation_space, action_space = space, spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            return space.sample(), {}

    return Of()


@pytest.mark.parametrize("back_end", ["sync", "async"])
def test_bits_numbers_and_nested_dictionaries_become_vectors(back_end, make):
    env = make("tests.environments:Shelf-v0", 2, back_end)
    assert env.spec.sizes == {"observation": 5, "goal": 4, "action": 1}
    env.reset()
    step = env.step(np.ones((2, 1), np.float32))
    assert step.observation["observation"].tolist() == [[0.25, 0.5, 1, 0, 0]] * 2
    assert step.observation["achieved_goal"].tolist() == [[0, 1, 0, 0]] * 2
    assert (step.observation["desired_goal"].sum(1) == 1).all()
    places = np.eye(4, dtype=np.float32)
    assert env.compute_reward(places, places[[0, 1, 3, 2]]).tolist() == [0, 0, -1, -1]


@pytest.mark.parametrize(
    ("space", "size"),
    [(spaces.Discrete(5), 5), (spaces.MultiBinary(4), 4), (spaces.MultiDiscrete([2, 3]), 5), (spaces.Box(0, 1, ()), 1)],
)
def test_an_observation_that_is_no_dictionary_is_the_entry_observation(space, size):
    env = flattened(observing(space))
    assert env.observation_space["observation"].shape == (size,)
    assert env.observation_space.contains(env.reset()[0])


@pytest.mark.parametrize(
    "space",
    [spaces.Box(0, 255, (8, 8, 3), np.uint8), spaces.Tuple([spaces.Discrete(2)]),
     spaces.Dict(camera=spaces.Dict(left=spaces.Box(0, 1, (4, 4)))), spaces.Box(0, 1, (3,))],
)  # fmt: skip
def test_vectors_stay_and_images_and_tuples_too_to_be_refused_by_name(space):
    env = observing(spaces.Dict(it=space))
    assert flattened(env) is env


def test_a_vector_of_the_users_must_show_vectors():
    with contextlib.closing(gymnasium.vector.SyncVectorEnv([Shelf, Shelf])) as vector:
        with pytest.raises(UserError, match="must return vectors.*pass a single environment"):
            as_vec_env(vector, lambda n: [0] * n)


def test_a_single_environment_of_the_users_is_flattened_and_trained(eagerly):
    class WithoutInfo(gymnasium.Wrapper):
        def compute_reward(self, achieved_goal, desired_goal):
            return self.env.compute_reward(achieved_goal, desired_goal, {})

    for shelf in (Shelf(), WithoutInfo(Shelf())):
        baselines.train(env=gymnasium.wrappers.TimeLimit(shelf, 8), n_epochs=1, seed=0, **TINY_SETTINGS)
