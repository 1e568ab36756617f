"""The equations of PPO's update, one function each (1707.06347).

`valid` [N] is 1 for rows that count and 0 for the others. All rows are [N], and `cliprange` = eps is a scalar.
"""

import tensorflow as tf


def mean_over(x: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Return the mean of `x` over the valid rows; 0 where there are none."""
    # Every loss ends here: [N] with [N, 1] would have been broadcast to [N, N] without a warning.
    for rows in (x, valid):
        assert len(rows.shape) == 1, f"expected [N], got {rows.shape}"
    return tf.reduce_sum(x * valid) / tf.maximum(tf.reduce_sum(valid), 1)


def normalized_advantage(advantage: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Return (A - mean A) / (std A + 1e-8), by the mean and std of the valid rows of a minibatch."""
    centred = advantage - mean_over(advantage, valid)
    return centred / (tf.sqrt(mean_over(tf.square(centred), valid)) + 1e-8)


def policy_loss(
    log_prob: tf.Tensor, old_log_prob: tf.Tensor, advantage: tf.Tensor, cliprange: tf.Tensor, valid: tf.Tensor
) -> tf.Tensor:
    """Return -mean min(r A, clip(r, 1 - eps, 1 + eps) A),  r = pi(u | o) / pi_old(u | o)   (1707.06347, eq. 7)."""
    ratio = tf.exp(log_prob - old_log_prob)
    clipped = tf.clip_by_value(ratio, 1 - cliprange, 1 + cliprange)
    return -mean_over(tf.minimum(ratio * advantage, clipped * advantage), valid)


def value_loss(
    value: tf.Tensor, old_value: tf.Tensor, target: tf.Tensor, cliprange: tf.Tensor | None, valid: tf.Tensor
) -> tf.Tensor:
    """Return 1/2 mean max((V - R)^2, (V_old + clip(V - V_old, -eps, eps) - R)^2).

    So a change of the value beyond eps = `cliprange` gains nothing, as for the policy's ratio (OpenAI Baselines' code;
    not in the paper). Without a `cliprange` it is 1/2 mean (V - R)^2 (eq. 9).
    """
    error = tf.square(value - target)
    if cliprange is not None:
        near = old_value + tf.clip_by_value(value - old_value, -cliprange, cliprange)
        error = tf.maximum(error, tf.square(near - target))
    return 0.5 * mean_over(error, valid)


def approximate_kl(log_prob: tf.Tensor, old_log_prob: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Return 1/2 mean (log pi - log pi_old)^2, close to the divergence of pi_old from pi for small steps."""
    return 0.5 * mean_over(tf.square(log_prob - old_log_prob), valid)


def clipped_share(log_prob: tf.Tensor, old_log_prob: tf.Tensor, cliprange: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Return the share of rows whose ratio is outside 1 - eps to 1 + eps."""
    beyond = tf.abs(tf.exp(log_prob - old_log_prob) - 1) > cliprange
    return mean_over(tf.cast(beyond, tf.float32), valid)
