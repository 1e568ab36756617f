"""The equations of PPO's update, one function each, on rows of which some are not valid (1707.06347)."""

import tensorflow as tf

EPSILON = 1e-8


def mean_over(x: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """The mean of `x` [N] over the rows where `valid` [N] is 1; 0 where there is none."""
    _assert_rows(x, valid)
    return tf.reduce_sum(x * valid) / tf.maximum(tf.reduce_sum(valid), 1)


def normalized_advantage(advantage: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """(A - mean A) / (std A + 1e-8) over the valid rows of a minibatch; all [N]."""
    centred = advantage - mean_over(advantage, valid)
    return centred / (tf.sqrt(mean_over(tf.square(centred), valid)) + EPSILON)


def policy_loss(
    log_prob: tf.Tensor, old_log_prob: tf.Tensor, advantage: tf.Tensor, cliprange: tf.Tensor, valid: tf.Tensor
) -> tf.Tensor:
    """L = -mean min(r A, clip(r, 1 - eps, 1 + eps) A),  r = pi(u | o) / pi_old(u | o)   (1707.06347, eq. 7)

    All [N] but for `cliprange` = eps, a scalar.
    """
    _assert_rows(log_prob, old_log_prob, advantage)
    ratio = tf.exp(log_prob - old_log_prob)
    clipped = tf.clip_by_value(ratio, 1 - cliprange, 1 + cliprange)
    return -mean_over(tf.minimum(ratio * advantage, clipped * advantage), valid)


def value_loss(
    value: tf.Tensor, old_value: tf.Tensor, target: tf.Tensor, cliprange: tf.Tensor | None, valid: tf.Tensor
) -> tf.Tensor:
    """L = 1/2 mean max((V - R)^2, (V_old + clip(V - V_old, -eps, eps) - R)^2)

    As the policy's ratio, the value may gain by a step of at most eps = `cliprange` (the original's code; not in the
    paper); None: 1/2 mean (V - R)^2 (eq. 9). All [N].
    """
    _assert_rows(value, old_value, target)
    error = tf.square(value - target)
    if cliprange is not None:
        near = old_value + tf.clip_by_value(value - old_value, -cliprange, cliprange)
        error = tf.maximum(error, tf.square(near - target))
    return 0.5 * mean_over(error, valid)


def approximate_kl(log_prob: tf.Tensor, old_log_prob: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """1/2 mean (log pi - log pi_old)^2, near the divergence of pi_old from pi for small steps. All [N]."""
    _assert_rows(log_prob, old_log_prob)
    return 0.5 * mean_over(tf.square(log_prob - old_log_prob), valid)


def clipped_share(log_prob: tf.Tensor, old_log_prob: tf.Tensor, cliprange: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Share of the rows whose ratio is beyond 1 - eps .. 1 + eps. All [N]."""
    _assert_rows(log_prob, old_log_prob)
    beyond = tf.abs(tf.exp(log_prob - old_log_prob) - 1) > cliprange
    return mean_over(tf.cast(beyond, tf.float32), valid)


def _assert_rows(*tensors: tf.Tensor) -> None:
    # [N] against [N, 1] would broadcast to [N, N] without a word.
    for tensor in tensors:
        assert len(tensor.shape) == 1, f"expected [N], got {tensor.shape}"
