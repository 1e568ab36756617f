"""Initial weights, and the networks in TensorFlow and in NumPy against each other and unit by unit."""

import numpy as np
import pytest

from baselines.ppo2.config import PPOConfig
from baselines.ppo2.networks import ActorCritic, orthogonal
from tests.ppo2.helpers import KINDS, agent_of


def assert_orthogonal(matrix, gain):
    """The rows or columns, the fewer, are orthogonal with length `gain`."""
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
    networks = ActorCritic(spec, config, np.random.default_rng(0))
    outputs = {networks.pi: (0.01, [3, 16, 16], spec.action_size), networks.vf: (1, [3, 16, 16], 1)}
    if value_network == "shared":
        outputs[networks.vf] = 1, [16], 1
    for network, (gain, inputs, outs) in outputs.items():
        *hidden, output = network.kernels
        assert [kernel.shape for kernel in network.kernels] == list(zip(inputs, [*inputs[1:], outs], strict=True))
        for kernel in hidden:
            assert_orthogonal(kernel, np.sqrt(2))
        assert_orthogonal(output, gain)
        assert not any(np.any(bias) for bias in network.biases)
    assert not np.any(networks.log_std) and networks.log_std.shape == (0 if spec.discrete else 2)
    assert len(networks.weights) == 2 * sum(len(n.kernels) for n in outputs) + (not spec.discrete)


def slow_outputs(agent, row):
    """Mean or logits, and value, of one row, unit by unit: tanh units and linear outputs."""

    def layer(kernel, bias, x):
        return [sum(float(k) * xi for k, xi in zip(column, x, strict=True)) + float(b)
                for column, b in zip(kernel.numpy().T, bias.numpy(), strict=True)]  # fmt: skip

    def through(net, x):
        for kernel, bias in list(zip(net.kernels, net.biases, strict=True))[:-1]:
            x = [np.tanh(y) for y in layer(kernel, bias, x)]
        return x, layer(net.kernels[-1], net.biases[-1], x)

    hidden, output = through(agent.actor_critic.pi, row)
    return output, through(agent.actor_critic.vf, hidden if agent.config.value_network == "shared" else row)[1][0]


@pytest.mark.parametrize(("spec", "value_network"), KINDS)
@pytest.mark.parametrize("num_layers", [1, 3])
def test_the_numpy_policy_equals_the_networks_in_tensorflow_and_unit_by_unit(spec, value_network, num_layers):
    agent = agent_of(spec, value_network=value_network, num_layers=num_layers, num_hidden=5)
    rows = np.random.default_rng(2).normal(size=(40, 3)).astype(np.float32)
    output, value = agent.actor_critic(rows)
    expected_output, expected_value = slow_outputs(agent, rows[0])
    np.testing.assert_allclose(output[0], expected_output, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(value[0], expected_value, rtol=1e-4, atol=1e-6)
    policy = agent.policy()
    np.testing.assert_allclose(policy.network_output(rows), output, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(policy.value(rows), value, rtol=1e-4, atol=1e-6)
    assert value.shape == (40,) and np.std(output, 0).min() > 0.01 and np.std(value) > 0.01
