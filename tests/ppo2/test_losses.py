"""The equations of the update on numbers that can be checked by hand, and rows that do not count."""

import inspect

import numpy as np
import pytest
import tensorflow as tf

from baselines.ppo2 import losses

EPS = tf.constant(0.25)  # of ratios and values
ONE = tf.ones(1)
LOG = np.log(np.float32([0.5, 1, 2]))


def test_the_mean_is_over_valid_rows():
    x = tf.constant([1.0, 3.0, 100.0])
    assert losses.mean_over(x, tf.constant([1.0, 1.0, 0.0])) == 2
    assert losses.mean_over(x, tf.constant([0.0, 0.0, 1.0])) == 100
    assert losses.mean_over(x, tf.zeros(3)) == 0


@pytest.mark.parametrize(
    ("advantage", "valid", "expected"),
    [
        ([1, 3, 100], [1, 1, 0], [-1, 1]),  # as without the last row
        ([0, 0, 0, 4], [1, 1, 1, 1], np.array([-1, -1, -1, 3]) / np.sqrt(3)),  # mean 1, std sqrt(3)
        ([7, 7, 7, 7], [1, 1, 1, 1], [0, 0, 0, 0]),
    ],
)
def test_advantages_are_normalized_over_valid_rows(advantage, valid, expected):
    normalized = losses.normalized_advantage(np.float32(advantage), np.float32(valid))
    np.testing.assert_allclose(normalized[: len(expected)], expected, rtol=1e-6)


# ---- the policy's loss ----


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "slope"),
    # -min(r A, clip(r, 3/4, 5/4) A), and its derivative by log pi: -r A, or 0 where the bound counts.
    [(0.5, 1, -0.5, -0.5), (1, 1, -1, -1), (1.125, 1, -1.125, -1.125), (2, 1, -1.25, 0), (0.5, -1, 0.75, 0),
     (0.875, -1, 0.875, 0.875), (1, -1, 1, 1), (2, -1, 2, 2), (2, 0, 0, 0), (2, 4, -5, 0)],
)  # fmt: skip
def test_the_policys_loss_and_slope_by_hand(ratio, advantage, loss, slope):
    log_prob, old = tf.Variable([np.log(ratio) - 3], dtype=tf.float32), tf.constant([-3.0])
    with tf.GradientTape() as tape:
        found = losses.policy_loss(log_prob, old, tf.constant([float(advantage)]), EPS, ONE)
    assert float(found) == pytest.approx(loss, abs=1e-5)
    gradient = tape.gradient(found, log_prob)
    assert float(tf.convert_to_tensor(gradient)[0]) == pytest.approx(slope, abs=1e-5)


# ---- the value's loss ----


@pytest.mark.parametrize(
    ("value", "target", "free", "bounded"),
    # V_old = 0 and eps = 1: 1/2 (V - R)^2, and 1/2 max((V - R)^2, (clip(V, -1, 1) - R)^2).
    [(3, 5, 4 / 2, 16 / 2), (3, -1, 16 / 2, 16 / 2), (3, 1, 4 / 2, 4 / 2), (-3, -5, 4 / 2, 16 / 2),
     (-3, 5, 64 / 2, 64 / 2), (0.5, 4.5, 16 / 2, 16 / 2), (-1, 1, 4 / 2, 4 / 2), (5, 5, 0, 16 / 2)],
)  # fmt: skip
def test_the_values_loss_by_hand(value, target, free, bounded):
    value, target, old = tf.Variable([10.0 + value]), tf.constant([10.0 + target]), tf.constant([10.0])
    assert losses.value_loss(value, old, target, None, ONE) == free
    with tf.GradientTape() as tape:
        loss = losses.value_loss(value, old, target, tf.constant(1.0), ONE)
    assert loss == bounded
    slope = tf.convert_to_tensor(tape.gradient(loss, value))
    assert slope == [0 if bounded > free else float(value[0] - target[0])], "beyond the bound nothing is gained"


# ---- what is logged ----


def test_the_divergence_is_half_the_mean_square():
    log_prob, old = tf.constant([1.0, -1.0, 5.0]), tf.constant([0.0, 1.0, 2.0])
    assert losses.approximate_kl(log_prob, old, tf.constant([1.0, 1.0, 0.0])) == (1 + 4) / 4
    assert float(losses.approximate_kl(log_prob, old, tf.ones(3))) == pytest.approx((1 + 4 + 9) / 6)


@pytest.mark.parametrize(
    ("eps", "valid", "share"), [(0.25, [1, 1, 1], 2 / 3), (0.75, [1, 1, 1], 1 / 3), (1.5, [1, 1, 1], 0),
                                (0.25, [0, 1, 1], 1 / 2), (0.25, [0, 1, 0], 0)]
)  # fmt: skip
def test_the_share_of_ratios_beyond_the_bounds(eps, valid, share):
    found = losses.clipped_share(LOG, tf.zeros(3), tf.constant(eps), tf.constant(valid, tf.float32))
    assert float(found) == pytest.approx(share)


@pytest.mark.parametrize(
    "function",
    [losses.mean_over, losses.normalized_advantage, losses.policy_loss, losses.value_loss, losses.approximate_kl,
     losses.clipped_share],
)  # fmt: skip
def test_columns_are_refused_where_rows_are_expected(function):
    names = list(inspect.signature(function).parameters)
    rows = {name: EPS if name == "cliprange" else np.ones(4, np.float32) for name in names}
    for name in set(names) - {"cliprange"}:
        with pytest.raises(AssertionError, match=r"expected \[N\], got \(4, [14]\)"):
            function(**{**rows, name: rows[name][:, None]})
