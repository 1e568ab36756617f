"""The equations of the update on numbers that can be checked by hand, and rows that do not count."""

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


# ---- rows ----


def rows_of(function, count, seed=0):
    """Random arguments of `count` rows each, with the scalar where it belongs and without the valid rows."""
    rng = np.random.default_rng(seed)
    rows = [rng.normal(size=count).astype(np.float32) for _ in range(3)]
    return {
        losses.mean_over: rows[:1],
        losses.normalized_advantage: rows[:1],
        losses.policy_loss: [*rows, EPS],
        losses.value_loss: [*rows, EPS],
        losses.approximate_kl: rows[:2],
        losses.clipped_share: [*rows[:2], EPS],
    }[function]


FUNCTIONS = (losses.mean_over, losses.normalized_advantage, losses.policy_loss, losses.value_loss,
             losses.approximate_kl, losses.clipped_share)  # fmt: skip
ARGUMENTS = [(f, i) for f in FUNCTIONS for i, x in enumerate([*rows_of(f, 4), np.ones(4)]) if np.ndim(x) == 1]


@pytest.mark.parametrize(("function", "which"), ARGUMENTS)
def test_columns_are_refused_where_rows_are_expected(function, which):
    arguments = [*rows_of(function, 4), np.ones(4, np.float32)]
    arguments[which] = arguments[which][:, None]
    with pytest.raises(AssertionError, match=r"expected \[N\], got \(4, [14]\)"):
        function(*arguments)


LOSSES = FUNCTIONS[2:]


@pytest.mark.parametrize("function", LOSSES)
def test_rows_that_are_not_valid_change_neither_the_loss_nor_the_slope(function):
    arguments, valid = rows_of(function, 20), (np.random.default_rng(1).random(20) < 0.6).astype(np.float32)
    first = tf.Variable(arguments[0])
    with tf.GradientTape(persistent=True) as tape:
        masked = function(first, *arguments[1:], valid)
        kept = [x[valid > 0] if np.ndim(x) else x for x in arguments[1:]]
        left_out = function(tf.boolean_mask(first, valid > 0), *kept, np.ones(int(valid.sum()), np.float32))
    np.testing.assert_allclose(masked, left_out, rtol=1e-5)
    if function is not losses.clipped_share:  # a count
        slopes = [tf.convert_to_tensor(tape.gradient(loss, first)) for loss in (masked, left_out)]
        np.testing.assert_allclose(*slopes, rtol=1e-5, atol=1e-7)
        assert (slopes[0].numpy()[valid == 0] == 0).all() and np.abs(slopes[0]).max() > 0
