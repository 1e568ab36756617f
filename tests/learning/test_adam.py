"""Adam against a slow twin, with its own epsilon and with a learning rate for each step; and flat gradients."""

import math

import numpy as np
import pytest
import tensorflow as tf

from baselines.learning.adam import Adam, adam_update, flatten, unflatten


def slow_adam(weight, gradients, rates, epsilon):
    """One number after the updates by these gradients."""
    m = v = 0.0
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        weight -= rate * math.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (math.sqrt(v) + epsilon)
    return weight


GRADIENTS = [3.0, -1.0, 0.5, 0.0, 1e-4]


@pytest.mark.parametrize("epsilon", [1e-8, 1e-5, 0.1])
def test_steps_are_those_of_the_slow_twin(epsilon):
    weight = tf.Variable([[2.0]])
    adam = Adam([weight], 0.01, epsilon)
    for g in GRADIENTS:
        adam.apply([tf.constant([[g]])])
    assert float(weight[0, 0]) == pytest.approx(slow_adam(2.0, GRADIENTS, [0.01] * 5, epsilon), rel=1e-5)
    assert adam.step == 5


def test_the_default_epsilon_is_1e_8():
    small = 1e-7  # beside it, an epsilon of 1e-8 counts and another would count more
    weight = tf.Variable([2.0])
    Adam([weight], 0.5).apply([tf.constant([small])])
    assert float(weight[0]) == pytest.approx(slow_adam(2.0, [small], [0.5], 1e-8), rel=1e-5)
    assert slow_adam(2.0, [small], [0.5], 1e-5) > 1.99 > 1.9 > slow_adam(2.0, [small], [0.5], 1e-8)


@pytest.mark.parametrize("compiled", [False, True])
def test_each_step_may_have_a_learning_rate_of_its_own(compiled):
    rates, weights = [0.1, 0.0, 0.05, 0.2, 0.01], [tf.Variable([2.0, 1.0]), tf.Variable(-1.0)]
    adam = Adam(weights, 123.0, 1e-5)
    apply = tf.function(adam.apply, jit_compile=True) if compiled else adam.apply
    for g, rate in zip(GRADIENTS, rates, strict=True):
        apply([tf.constant([g, -g]), tf.constant(g)], tf.constant(rate))
    expected = [slow_adam(2.0, GRADIENTS, rates, 1e-5), slow_adam(1.0, [-g for g in GRADIENTS], rates, 1e-5)]
    np.testing.assert_allclose(weights[0], expected, rtol=1e-5)
    assert float(weights[1]) == pytest.approx(slow_adam(-1.0, GRADIENTS, rates, 1e-5), rel=1e-5)


def test_a_learning_rate_of_0_changes_the_moments_alone():
    weight = tf.Variable([2.0])
    adam = Adam([weight], 1.0)
    adam.apply([tf.constant([4.0])], tf.constant(0.0))
    assert weight == [2] and adam.step == 1
    np.testing.assert_allclose([adam.m[0], adam.v[0]], [[0.4], [0.016]], rtol=1e-5)


def test_the_first_step_by_hand():
    """As long as the learning rate, whatever the gradient: m / sqrt(v) is its sign, once both are unbiased."""
    change, m, v = adam_update(tf.constant([5.0, -0.1]), 0.0, 0.0, tf.constant(1.0), 0.25, 1e-8)
    np.testing.assert_allclose(change, [-0.25, 0.25], rtol=1e-4)
    np.testing.assert_allclose(m, [0.5, -0.01], rtol=1e-5)
    np.testing.assert_allclose(v, [0.025, 0.00001], rtol=1e-4)


def test_the_state_comes_back():
    def stepped(adam, times):
        for _ in range(times):
            adam.apply([tf.constant([1.0, -2.0])], tf.constant(0.1))
        return adam.weights[0].numpy()

    first, second = (Adam([tf.Variable([0.0, 0.0])], 1.0, 1e-5) for _ in range(2))
    second.weights[0].assign(stepped(first, 3))
    second.load_state(first.state())
    np.testing.assert_array_equal(stepped(first, 2), stepped(second, 2))


def test_flat_gradients_come_apart_again():
    weights = [tf.Variable(np.arange(6.0).reshape(2, 3)), tf.Variable(7.0), tf.Variable([8.0, 9.0])]
    weights = [tf.Variable(tf.cast(w, tf.float32)) for w in weights]
    flat = flatten(weights)
    assert flat.numpy().tolist() == [0, 1, 2, 3, 4, 5, 7, 8, 9]
    for part, weight in zip(unflatten(flat, weights), weights, strict=True):
        np.testing.assert_array_equal(part, weight)
