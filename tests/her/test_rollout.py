"""Episodes: what a policy does in environments, and what is kept of it."""

import contextlib

import numpy as np
import pytest

from baselines.common.mpi import Communicator
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.exploration import Exploration, NoGuide
from baselines.her.rollout import RolloutWorker
from baselines.her.types import GoalEnvSpec
from tests.helpers import HORIZON, point_reach


def agent_for(env):
    return DDPG(GoalEnvSpec.of(env.spec), HERConfig(hidden=8, layers=1), np.random.default_rng(0), Communicator())


def test_evaluation_has_no_noise_and_its_environments_continue_from_round_to_round():
    env = point_reach(2)
    policy = agent_for(env).policy()
    worker = RolloutWorker(env)
    first, second = worker.generate(policy), worker.generate(policy)
    assert not np.array_equal(first.desired_goal, second.desired_goal)
    for t in range(HORIZON):
        observation = {"observation": first.observation[:, t], "achieved_goal": first.achieved_goal[:, t],
                       "desired_goal": first.desired_goal[:, t]}  # fmt: skip
        np.testing.assert_array_equal(policy.act(observation), first.action[:, t])


@pytest.mark.parametrize("back_end", ["sync", "async"])
def test_episodes_hold_the_true_last_observation_and_stop_at_an_early_end(back_end):
    with contextlib.closing(point_reach(2, back_end, "tests.environments:PointReach-end-v0")) as env:
        agent = agent_for(env)
        exploration = Exploration(agent.config, 2, 2, np.random.default_rng(0), NoGuide())
        episodes = RolloutWorker(env, exploration).generate(agent.policy())
    assert list(episodes.length) == [5, 5] and episodes.num_steps == 10
    moved = np.clip(episodes.observation[:, 4] + 0.1 * episodes.action[:, 4], -1, 1)
    np.testing.assert_allclose(episodes.observation[:, 5], moved, atol=1e-6)
