"""Time limits that are no length of an episode: what is stored, counted, saved, resumed."""

import os

import gymnasium
import numpy as np
import pytest

import baselines
from baselines.common.errors import UserError
from baselines.common.specs import EnvSpec
from baselines.her.experiment.config import HERConfig
from tests.environments import PointReach
from tests.helpers import TINY_SETTINGS, goal_spec, timeless

LIMIT = 1_000_000


class Lasting(PointReach):
    """Episodes of 3 to 7 steps, whatever the time limit is; it leaves the working directory."""

    def reset(self, *, seed=None, options=None):
        os.makedirs("elsewhere", exist_ok=True)
        os.chdir("elsewhere")
        shown = super().reset(seed=seed, options=options)
        self._lasts = int(self.np_random.integers(3, 8))
        return shown

    def step(self, action):
        shown, reward, _, _, info = super().step(action)
        return shown, reward, False, self._steps >= self._lasts, info


gymnasium.register("Lasting-v0", "tests.her.test_lengths:Lasting", max_episode_steps=LIMIT)
SETTINGS = dict(TINY_SETTINGS, env="tests.her.test_lengths:Lasting-v0", seed=0, num_env=2, vec_env="sync")


def test_steps_that_were_taken_count_a_stopped_run_resumes_exactly_and_the_policy_can_be_read(cwd, eagerly, capsys):
    baselines.train(**SETTINGS, total_timesteps=60, log_path="whole", save_path="saved")
    said, rows = capsys.readouterr().out, timeless("whole")
    assert 60 <= int(rows[-1]["total/timesteps"]) < 60 + 2 * 7
    assert "gamma is 0.999, the largest default: a time limit of 1000000 steps" in said
    assert "episodes end before 1000000 steps" in said
    assert baselines.load_policy("saved").spec.horizon == LIMIT
    baselines.train(**SETTINGS, total_timesteps=60, log_path="cut", callback=lambda row: row["epoch"] < 1)
    baselines.train(resume="cut")
    assert timeless("cut") == rows
    assert sorted(os.listdir()) == ["cut", "elsewhere", "saved", "taken", "whole"]


def test_gamma_follows_the_time_limit_up_to_a_bound():
    assert [HERConfig().discount(T) for T in (1, 50, 1000, LIMIT)] == [0, 0.98, 0.999, 0.999]
    assert HERConfig(gamma=0.9999).discount(LIMIT) == 0.9999


@pytest.mark.parametrize("changes", [dict(observation=0), dict(goal=10**6), dict(action=0), dict(horizon=1 << 63)])
def test_what_could_not_be_read_back_is_refused_before_it_is_trained(changes):
    with pytest.raises(UserError, match="environment 'any': expected "):
        goal_spec(**changes)
    spec = goal_spec(horizon=(1 << 63) - 1)
    assert EnvSpec.from_document(spec.document()) == spec


class Rows(gymnasium.vector.VectorEnv):
    """Points that are computed all at once, with a reward function of rows only."""

    metadata = {"autoreset_mode": gymnasium.vector.AutoresetMode.NEXT_STEP}
    num_envs, _max_episode_steps, steps = 3, 5, 0

    def __init__(self):
        one = PointReach()
        self.single_observation_space, self.single_action_space = one.observation_space, one.action_space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps, (self.at, self.goal) = 0, self.np_random.uniform(-1, 1, (2, 3, 2))
        return self.show(), {}

    def show(self):
        return {"observation": self.at, "achieved_goal": self.at, "desired_goal": self.goal}

    def step(self, action):
        if self.steps == 5:
            return self.reset()[0], np.zeros(3), np.zeros(3, bool), np.zeros(3, bool), {}
        self.steps, self.at = self.steps + 1, np.clip(self.at + 0.1 * action, -1, 1)
        reward = self.compute_reward(self.at, self.goal)
        return self.show(), reward, np.zeros(3, bool), np.full(3, self.steps == 5), {"is_success": reward == 0}

    def compute_reward(self, achieved_goal, desired_goal):
        return -(np.linalg.norm(achieved_goal - desired_goal, axis=1) > 0.1).astype(float)


def test_a_vector_of_the_users_own_class_is_trained_in_with_its_own_reward(eagerly):
    seen = []
    baselines.train(env=Rows(), n_epochs=1, seed=0, callback=seen.append, **TINY_SETTINGS)
    assert seen[0]["total/timesteps"] == 2 * 3 * 5


def test_evaluation_needs_a_time_limit(cwd, eagerly):
    policy = baselines.train(env=Rows(), n_epochs=0, **TINY_SETTINGS).policy()
    with pytest.raises(UserError, match="has no time limit, so that an episode may never end"):
        baselines.evaluate_policy(policy, PointReach(), episodes=1)
