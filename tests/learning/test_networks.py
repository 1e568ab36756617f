"""Feed-forward networks in TensorFlow: layers, activations and initial weights."""

import numpy as np
import pytest
import tensorflow as tf

from baselines.learning.networks import MLP
from baselines.policies.policy import forward, relu

ACTIVATIONS = {"relu": (tf.nn.relu, relu), "tanh": (tf.tanh, np.tanh)}


def by_number(rng, fan_in, fan_out, last):
    """All of a kernel is how many inputs it has, and negative in the last layer."""
    return np.full((fan_in, fan_out), -fan_in if last else fan_in, np.float32)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_kernels_are_drawn_evenly_within_glorots_limit_and_biases_are_zero(rng):
    net = MLP((30, 50, 20), rng, "net")
    for kernel, (fan_in, fan_out) in zip(net.kernels, ((30, 50), (50, 20)), strict=True):
        limit = np.sqrt(6 / (fan_in + fan_out))
        assert kernel.shape == (fan_in, fan_out)
        assert 0.95 * limit < np.abs(kernel).max() <= limit
        assert np.std(kernel) == pytest.approx(limit / np.sqrt(3), rel=0.05)
    assert not any(np.any(bias) for bias in net.biases)


def test_initial_kernels_may_be_others_and_know_which_is_the_last(rng):
    net = MLP((3, 4, 5, 2), rng, "net", initializer=by_number)
    assert [set(np.ravel(kernel)) for kernel in net.kernels] == [{3}, {4}, {-5}]
    assert [kernel.shape for kernel in net.kernels] == [(3, 4), (4, 5), (5, 2)]
    assert [set(np.ravel(kernel)) for kernel in MLP((3, 2), rng, "net", initializer=by_number).kernels] == [{-3}]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_those_of_numpy(name, rng):
    of_graph, of_numpy = ACTIVATIONS[name]
    net = MLP((3, 4, 5, 2), rng, "net", of_graph)
    for bias in net.biases:
        bias.assign(rng.normal(size=bias.shape))
    x = rng.normal(0, 2, (20, 3)).astype(np.float32)
    layers = [(kernel.numpy(), bias.numpy()) for kernel, bias in zip(net.kernels, net.biases, strict=True)]
    np.testing.assert_allclose(net(x), forward(layers, x, of_numpy), rtol=1e-4, atol=1e-5)
    hidden = of_numpy(of_numpy(x @ layers[0][0] + layers[0][1]) @ layers[1][0] + layers[1][1])
    np.testing.assert_allclose(net.hidden(x), hidden, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(net.output(net.hidden(x)), net(x))


def test_layer_norm_gives_hidden_units_of_mean_0_and_variance_1_before_the_activation(rng):
    net = MLP((3, 50, 40, 2), rng, "net", tf.identity, layer_norm=1e-6)
    x = rng.normal(3, 2, (20, 3)).astype(np.float32)
    units = net.hidden(x).numpy()  # [20, 40]
    np.testing.assert_allclose(units.mean(1), 0, atol=1e-5)
    np.testing.assert_allclose(units.var(1), 1, rtol=1e-3)
    relu_net = MLP((3, 40, 2), rng, "net", layer_norm=1e-6)
    plain = x @ relu_net.kernels[0].numpy()
    normed = (plain - plain.mean(1, keepdims=True)) / plain.std(1, keepdims=True)
    np.testing.assert_allclose(relu_net.hidden(x), np.maximum(normed, 0), rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(relu_net(x), relu_net.output(relu_net.hidden(x)), "the output is as it is")


def test_by_hand(rng):
    net = MLP((2, 2, 1), rng, "net", tf.tanh)
    net.load_state({"0_kernel": np.float32([[1, 0], [0, 2]]), "0_bias": np.float32([0, 1]),
                    "1_kernel": np.float32([[3], [-1]]), "1_bias": np.float32([0.5])})  # fmt: skip
    np.testing.assert_allclose(net(np.float32([[1, -1]])), [[3 * np.tanh(1) - np.tanh(-1) + 0.5]], rtol=1e-6)


def test_without_hidden_layers_a_network_is_linear(rng):
    net = MLP((3, 2), rng, "net", tf.tanh)
    x = rng.normal(0, 9, (4, 3)).astype(np.float32)
    np.testing.assert_array_equal(net.hidden(x), x)
    np.testing.assert_allclose(net(x), x @ net.kernels[0].numpy(), rtol=1e-5)


def test_the_state_comes_back_whatever_the_activation(rng):
    first, second = (MLP((3, 4, 2), rng, "net", tf.tanh) for _ in range(2))
    second.load_state(first.state())
    assert list(first.state()) == ["0_kernel", "0_bias", "1_kernel", "1_bias"]
    for mine, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(mine, other)
