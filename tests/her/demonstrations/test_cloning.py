"""The losses of demonstrations, by hand."""

import numpy as np
import pytest
import tensorflow as tf

from baselines.common.mpi import Communicator
from baselines.common.specs import GOAL_KEYS
from baselines.her import losses
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.policy import action_values
from baselines.her.types import Transitions
from tests.her.demonstrations.files import SPEC
from tests.her.numbered import random_transitions


def column(*values):
    return tf.constant(values, tf.float32)[:, None]


def test_the_q_filter_passes_only_actions_that_are_strictly_better():
    passed = losses.q_filter(column(-1, -2, -3, 0), column(-2, -1, -3, -0.5))
    np.testing.assert_array_equal(passed, [[1], [0], [0], [1]])


def test_the_cloning_loss_is_a_sum_of_squares_over_the_rows_that_pass():
    pi = tf.constant([[0.5, 0.0], [1.0, 1.0], [0.0, -1.0]])
    action = tf.constant([[0.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    assert float(losses.cloning_loss(pi, action, column(1, 1, 1))) == pytest.approx(0.25 + 2 + 4)
    assert float(losses.cloning_loss(pi, action, column(1, 0, 1))) == pytest.approx(0.25 + 4)
    assert float(losses.cloning_loss(pi, action, column(0, 0, 0))) == 0


def random_batch(rng, N):
    return Transitions(*map(tf.constant, random_transitions(SPEC, (N,), rng)))


@pytest.mark.parametrize("q_filter", [False, True])
def test_the_actors_loss_adds_up_by_hand(q_filter):
    """Against the sums written out in NumPy, with the last 5 of 12 rows from demonstrations."""
    config = HERConfig(hidden=8, layers=1, batch_size=12, demo_batch_size=5, bc_loss=True, q_filter=q_filter)
    agent = DDPG(SPEC, config, np.random.default_rng(0), Communicator())
    batch = random_batch(np.random.default_rng(1), 12)
    _, metrics = agent.gradients(batch)
    policy = agent.policy()
    metrics = {name: float(value) for name, value in metrics.items()}
    inputs = policy.inputs(dict(zip(GOAL_KEYS, (x.numpy() for x in batch[:3]), strict=True)))
    u, pi = batch.action.numpy(), policy.output(inputs)
    value, value_of_pi = (action_values(policy, inputs, action) for action in (u, pi))
    better = (value > value_of_pi)[-5:] if q_filter else np.ones(5, bool)
    cloning = sum(((pi[-5:][i] - u[-5:][i]) ** 2).sum() for i in range(5) if better[i])
    usual = -value_of_pi.mean() + config.action_l2 * (pi**2).mean()
    assert metrics["loss/cloning"] == pytest.approx(cloning, rel=1e-4)
    assert metrics["q_filter/passed"] == pytest.approx(better.mean())
    assert metrics["loss/actor"] == pytest.approx(0.001 * usual + 0.0078 * cloning, rel=1e-4)
    if q_filter:
        assert 0 < better.sum() < 5, "the case should have rows of both kinds"


def test_no_gradient_flows_where_no_row_passes_and_the_usual_loss_weighs_nothing(monkeypatch):
    settings = dict(batch_size=12, demo_batch_size=5, bc_loss=True, q_filter=True, prm_loss_weight=0)
    agent = DDPG(SPEC, HERConfig(hidden=8, layers=1, **settings), np.random.default_rng(0), Communicator())
    monkeypatch.setattr(losses, "q_filter", lambda value, value_of_pi: tf.zeros_like(value))
    gradients, _ = agent.gradients(random_batch(np.random.default_rng(1), 12))
    assert all(not np.any(x) for x in gradients[len(agent.main.critic_weights) :])
