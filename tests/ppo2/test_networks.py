"""Initial weights, and the policy in NumPy against the networks in TensorFlow's graph."""

import numpy as np
import pytest
from baselines.ppo2.actor_critic import ActorCritic, orthogonal

from baselines.common.mpi import Communicator
from baselines.ppo2.config import PPOConfig
from baselines.ppo2.policy import network_sizes
from baselines.ppo2.ppo import PPO
from tests.ppo2.helpers import CONTINUOUS, DISCRETE, SPECS, agent_of

KINDS = [(spec, value_network) for spec in SPECS for value_network in ("copy", "shared")]


def assert_orthogonal(matrix, gain):
    """The fewer of rows and columns are orthogonal, and of length `gain`."""
    q = np.asarray(matrix, np.float64)
    q = q if q.shape[0] >= q.shape[1] else q.T
    np.testing.assert_allclose(q.T @ q, gain**2 * np.eye(q.shape[1]), atol=1e-5 * gain**2)


@pytest.mark.parametrize("gain", [0.01, 1, np.sqrt(2)])
@pytest.mark.parametrize("sizes", [(7, 3), (3, 7), (5, 5), (64, 1), (1, 4)])
def test_matrices_are_orthogonal(sizes, gain):
    matrix = orthogonal(np.random.default_rng(0), *sizes, gain)
    assert matrix.shape == sizes and matrix.dtype == np.float32
    assert_orthogonal(matrix, gain)


def test_matrices_are_drawn_evenly():
    """No direction is preferred, as one would be without the signs of QR's triangle."""
    rng = np.random.default_rng(0)
    drawn = np.stack([orthogonal(rng, 3, 2, 1) for _ in range(2000)])
    np.testing.assert_allclose(drawn.mean(0), 0, atol=4 * np.sqrt(1 / 3 / 2000))
    np.testing.assert_allclose(np.square(drawn).mean(0), 1 / 3, atol=0.03)


@pytest.mark.parametrize(("spec", "value_network"), KINDS)
def test_initial_weights_are_orthogonal_with_the_published_gains(spec, value_network):
    config = PPOConfig(num_hidden=16, num_layers=2, value_network=value_network)
    networks = ActorCritic(SPECS[spec], config, np.random.default_rng(0))
    for net, last in ((networks.pi, 0.01), (networks.vf, 1)):
        *hidden, output = net.kernels
        for kernel in hidden:
            assert_orthogonal(kernel, np.sqrt(2))
        assert_orthogonal(output, last)
        assert not any(np.any(bias) for bias in net.biases)
    assert len(networks.vf.kernels) == (1 if value_network == "shared" else 3)
    assert not np.any(networks.log_std) and networks.log_std.shape == (0 if spec == "discrete" else 2)


def test_all_random_numbers_of_the_networks_are_of_their_generator():
    def weights(seed):
        networks = ActorCritic(CONTINUOUS, PPOConfig(num_hidden=4), np.random.default_rng(seed))
        return np.concatenate([np.ravel(w) for w in networks.weights])

    np.testing.assert_array_equal(weights(0), weights(0))
    assert (weights(0) != weights(1)).any()


def test_first_actions_are_small_whatever_is_observed():
    agent = PPO(CONTINUOUS, PPOConfig(), np.random.default_rng(0), Communicator())
    rows = np.random.default_rng(1).normal(0, 5, (100, 3)).astype(np.float32)
    assert np.abs(agent.policy().act(rows)).max() < 0.1


@pytest.mark.parametrize(("spec", "value_network"), KINDS)
@pytest.mark.parametrize("num_layers", [1, 3])
def test_the_numpy_policy_equals_the_networks_in_the_graph(spec, value_network, num_layers):
    agent = agent_of(SPECS[spec], value_network=value_network, num_layers=num_layers, num_hidden=5)
    rows = np.random.default_rng(2).normal(size=(40, 3)).astype(np.float32)
    output, value = agent.networks(rows)
    policy = agent.policy()
    np.testing.assert_allclose(policy.network_output(rows), output, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(policy.value(rows), value, rtol=1e-4, atol=1e-6)
    assert value.shape == (40,) and np.std(output, 0).min() > 0.01 and np.std(value) > 0.01


def slow_outputs(agent, row):
    """Mean or logits, and value, of one row, a unit at a time."""

    def layer(kernel, bias, x):
        return [sum(float(k) * xi for k, xi in zip(column, x, strict=True)) + float(b)
                for column, b in zip(kernel.numpy().T, bias.numpy(), strict=True)]  # fmt: skip

    def through(net, x):
        for kernel, bias in list(zip(net.kernels, net.biases, strict=True))[:-1]:
            x = [np.tanh(y) for y in layer(kernel, bias, x)]
        return x, layer(net.kernels[-1], net.biases[-1], x)

    hidden, output = through(agent.networks.pi, row)
    return output, through(agent.networks.vf, hidden if agent.config.value_network == "shared" else row)[1][0]


@pytest.mark.parametrize(("spec", "value_network"), KINDS)
def test_networks_have_tanh_units_and_linear_outputs(spec, value_network):
    agent = agent_of(SPECS[spec], value_network=value_network, num_layers=2)
    row = np.float32([0.5, -2, 1])
    output, value = agent.networks(row[None])
    expected_output, expected_value = slow_outputs(agent, row)
    np.testing.assert_allclose(output[0], expected_output, rtol=1e-4)
    np.testing.assert_allclose(value[0], expected_value, rtol=1e-4)


@pytest.mark.parametrize(("spec", "value_network"), KINDS)
def test_the_weights_that_are_learnt_are_those_of_the_sizes(spec, value_network):
    agent = agent_of(SPECS[spec], value_network=value_network, num_layers=2)
    sizes = network_sizes(agent.spec, agent.config)
    assert sizes["pi"] == [3, 4, 4, agent.spec.action_size]
    assert sizes["vf"] == ([4, 1] if value_network == "shared" else [3, 4, 4, 1])
    of_nets = sum((a + 1) * b for net in sizes.values() for a, b in zip(net[:-1], net[1:], strict=True))
    assert sum(int(np.size(w)) for w in agent.weights) == of_nets + (0 if spec == "discrete" else 2)


@pytest.mark.parametrize("spec", [CONTINUOUS, DISCRETE])
def test_the_state_comes_back(spec):
    first, second = agent_of(spec), agent_of(spec)
    for weight in second.weights:
        weight.assign(weight + 1)
    second.networks.load_state(first.networks.state())
    for a, b in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(a, b)
