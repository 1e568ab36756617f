"""Episodes of a policy in environments: what it is shown, what is recorded, and how they end."""

import contextlib

import numpy as np
import pytest

from baselines.common.mpi import Communicator
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.exploration import Exploration, GaussianNoise
from baselines.her.rollout import RolloutWorker
from tests.helpers import HORIZON, goal_spec, point_reach

CONFIG = HERConfig(hidden=8, layers=1)
POLICY = DDPG(goal_spec("PointReach-v0"), CONFIG, np.random.default_rng(0), Communicator()).policy()


def test_evaluation_has_no_noise_and_its_environments_continue_from_round_to_round():
    worker = RolloutWorker(point_reach(2), None, lambda epoch: [epoch, epoch + 1])
    first, second = worker.generate(POLICY), worker.generate(POLICY)
    assert not np.array_equal(first.desired_goal, second.desired_goal)
    for t in range(HORIZON):
        observation = {key: getattr(first, key)[:, t] for key in ("observation", "achieved_goal", "desired_goal")}
        np.testing.assert_array_equal(POLICY.act(observation), first.action[:, t])
    assert (worker.episodes, worker.steps) == (4, 4 * HORIZON)
    assert worker.success_rate == np.mean([*first.success, *second.success]) and worker.mean_Q != 0


@pytest.mark.parametrize("back_end", ["sync", "async"])
def test_episodes_hold_the_true_last_observation_and_stop_at_an_early_end(back_end):
    with contextlib.closing(point_reach(2, back_end, "tests.environments:PointReach-end-v0")) as env:
        exploration = Exploration({"noise": GaussianNoise(CONFIG)}, np.random.default_rng(0))
        episodes = RolloutWorker(env, exploration, lambda epoch: [0, 1]).generate(POLICY)
    assert list(episodes.length) == [5, 5] and episodes.num_steps == 10
    moved = np.clip(episodes.observation[:, 4] + 0.1 * episodes.action[:, 4], -1, 1)
    np.testing.assert_allclose(episodes.observation[:, 5], moved, atol=1e-6)
