"""Observations and goals that are no vectors."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import baselines
from baselines.common.errors import UserError
from baselines.envs import as_vec_env, make_vec_env
from baselines.envs.flattening import flattened
from tests.environments import PointReach
from tests.helpers import TINY_SETTINGS


class Shelf(gymnasium.Env):
    """A row of 4 places: the goal is a place by its number; joints are nested."""

    observation_space = spaces.Dict(
        observation=spaces.Dict(joints=spaces.Box(-1, 1, (2,)), lamps=spaces.MultiBinary(3)),
        achieved_goal=spaces.Discrete(4),
        desired_goal=spaces.Discrete(4),
    )
    action_space = spaces.Box(-1, 1, (1,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.goal = 0, int(self.np_random.integers(4))
        return self.show(), {}

    def show(self):
        lamps = np.array([self.place > i for i in range(3)], np.int8)
        joints = np.array([self.place / 4, 0.5], np.float32)
        return {"observation": {"joints": joints, "lamps": lamps}, "achieved_goal": self.place,
                "desired_goal": self.goal}  # fmt: skip

    def step(self, action):
        self.place = int(np.clip(self.place + np.sign(action[0]), 0, 3))
        reward = self.compute_reward(self.place, self.goal, {})
        return self.show(), reward, False, False, {"is_success": reward == 0}

    def compute_reward(self, achieved_goal, desired_goal, info):
        assert np.ndim(achieved_goal) == 0 and 0 <= achieved_goal < 4
        return -float(achieved_goal != desired_goal)


gymnasium.register("Shelf-v0", Shelf, max_episode_steps=8)


@pytest.mark.parametrize("back_end", ["sync", "async"])
def test_bits_numbers_and_nested_dictionaries_become_vectors(back_end):
    env = make_vec_env("tests.envs.test_flattening:Shelf-v0", 2, [0, 1], back_end)
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
