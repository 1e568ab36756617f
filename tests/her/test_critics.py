"""Several critics, each with its own weights, and layer norm in them."""

import numpy as np
import pytest
import tensorflow as tf

from baselines.common.mpi import Communicator
from baselines.her import losses
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from tests.helpers import goal_spec
from tests.her.measures import make_constant, stacked, transitions
from tests.her.numbered import random_transitions

SPEC = goal_spec("any", 3, 2, 2, 10)
pytestmark = pytest.mark.usefixtures("eagerly")


def make_agent(seed=0, **settings):
    config = HERConfig(**{**dict(hidden=5, layers=2, n_critics=2, gamma=0.9), **settings})
    return DDPG(SPEC, config, np.random.default_rng(seed), Communicator())


@pytest.fixture(scope="module")
def agent():
    """Return an agent of two critics that no test changes."""
    return make_agent()


@pytest.fixture(scope="module")
def batch():
    return random_transitions(SPEC, (16,), np.random.default_rng(1))


def test_the_target_takes_the_smallest_value_and_the_actors_loss_the_mean():
    agent = make_agent()
    make_constant(agent, target_Q=-2, target_Q2=-3, main_Q=-5, main_Q2=-1)
    _, metrics = agent.gradients(transitions(agent, reward=-1))
    target = -1 + 0.9 * -3
    assert metrics["loss/critic"].numpy() == pytest.approx(((target + 5) ** 2 + (target + 1) ** 2) / 2, rel=1e-5)
    assert metrics["loss/actor"].numpy() == pytest.approx(-(-5 - 1) / 2, rel=1e-5)


def test_each_critic_has_its_own_weights_and_the_gradients_of_its_own_loss(agent, batch):
    o, g = agent.inputs(*map(tf.constant, batch[:3]))
    gradients, _ = agent.gradients(batch)
    next_inputs = agent.inputs(batch.next_observation, batch.next_achieved_goal, batch.desired_goal)
    smallest = np.minimum(*agent.target.Q(*next_inputs, agent.target.pi(*next_inputs)))
    target = np.clip(batch.reward[:, None] + 0.9 * smallest, *agent.config.return_bounds(10)).astype(np.float32)
    first, second = agent.main.critics
    assert not np.array_equal(first.kernels[0], second.kernels[0])
    for critic, own in ((first, gradients[:6]), (second, gradients[6:12])):
        with tf.GradientTape() as tape:
            loss = losses.critic_loss(target, critic(tf.concat([o, g, batch.action], 1)))
        for ours, expected in zip(own, tape.gradient(loss, critic.weights), strict=True):
            np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)
    actor = []
    for critic in (first, second):
        with tf.GradientTape() as tape:
            pi = agent.main.pi(o, g)
            loss = losses.actor_loss(critic(tf.concat([o, g, pi], 1)), pi, agent.config.action_l2)
        actor.append(tape.gradient(loss, agent.main.actor.weights))
    for ours, *each in zip(gradients[12:], *actor, strict=True):
        np.testing.assert_allclose(ours, np.mean(each, 0), rtol=1e-4, atol=1e-6)


def test_an_update_steps_every_critic_and_the_targets_follow(batch):
    agent = make_agent(target_interval=1)
    before, initial = agent.policy_state(), [w.numpy() for w in agent.main.critic_weights]
    gradients, _ = agent.gradients(batch)
    agent.train(stacked(batch))
    after = agent.policy_state()
    for name in ("main_Q/0_kernel", "main_Q2/0_kernel", "target_Q/0_kernel", "target_Q2/0_kernel"):
        assert (before[name] != after[name]).any(), name
    for weight, old, gradient in zip(agent.main.critic_weights, initial, gradients[:12], strict=True):
        moved = np.abs(gradient) > 1e-4
        step = -0.001 * np.sign(gradient)  # Adam's first one
        np.testing.assert_allclose((weight - old)[moved], step[moved], rtol=0.01, atol=1e-6)


def test_the_q_filter_compares_the_means_of_the_critics():
    agent = make_agent(bc_loss=True, demo_batch_size=1, q_filter=True, layers=1, hidden=1)
    make_constant(agent)
    for critic, slope in zip(agent.main.critics, (2, -1), strict=True):  # Q = relu of the first action
        critic.kernels[0].assign([[0]] * 5 + [[1], [0]])
        critic.kernels[1].assign([[slope]])
    for action, passed in ((0.5, 1), (-0.5, 0)):  # the policy's is 0
        batch = transitions(agent, reward=-1)
        _, metrics = agent.gradients(batch._replace(action=np.full_like(batch.action, action)))
        assert metrics["q_filter/passed"].numpy() == passed


def test_layer_norm_is_in_every_hidden_layer_of_the_critics_only(batch):
    plain, normed = make_agent(), make_agent(layer_norm=True)
    normed.load_policy_state(plain.policy_state())
    o, g = plain.inputs(*map(tf.constant, batch[:3]))
    np.testing.assert_array_equal(normed.main.pi(o, g), plain.main.pi(o, g))
    x = np.concatenate([o, g, batch.action], 1)
    for critic, value in zip(normed.main.critics, normed.main.Q(o, g, batch.action), strict=True):
        units = x
        for kernel, bias in zip(critic.kernels[:-1], critic.biases[:-1], strict=True):
            units = units @ kernel.numpy() + bias.numpy()
            units = (units - units.mean(1, keepdims=True)) / np.sqrt(units.var(1, keepdims=True) + 1e-6)
            units = np.maximum(units, 0)
        expected = units @ critic.kernels[-1].numpy() + critic.biases[-1].numpy()
        np.testing.assert_allclose(value, expected, rtol=1e-3, atol=1e-5)
