"""The equations of DDPG + HER, one function each (arXiv 1707.01495, section 4.4 and appendix A)."""

import tensorflow as tf


def bellman_target(reward: tf.Tensor, next_value: tf.Tensor, gamma: float, low: float, high: float) -> tf.Tensor:
    """Compute y = clip(r + gamma * Q'(o2, g, pi'(o2, g)), low, high) (1707.01495, appendix A).

    `reward` and `next_value` = Q' are [N, 1]; so is the result, through which no gradient flows.
    """
    _assert_columns(reward, next_value)
    return tf.stop_gradient(tf.clip_by_value(reward + gamma * next_value, low, high))  # [N, 1]


def critic_loss(target: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    """Compute L_Q = mean (y - Q(o, g, u))^2 (DDPG, 1509.02971, eq. 4) of [N, 1] and [N, 1], a scalar."""
    _assert_columns(target, value)
    return tf.reduce_mean(tf.square(target - value))


def actor_loss(value_of_pi: tf.Tensor, scaled_pi: tf.Tensor, action_l2: float) -> tf.Tensor:
    """Compute L_pi = -mean Q(o, g, pi(o, g)) + action_l2 * mean (pi / max_u)^2 (1707.01495, appendix A).

    `value_of_pi` is [N, 1], `scaled_pi` = pi / max_u is [N, u]; the second mean is over rows and coordinates.
    """
    _assert_columns(value_of_pi)
    return -tf.reduce_mean(value_of_pi) + action_l2 * tf.reduce_mean(tf.square(scaled_pi))


def q_filter(value: tf.Tensor, value_of_pi: tf.Tensor) -> tf.Tensor:
    """Return 1 where a demonstrated action is better than the policy's, Q(o, g, u) > Q(o, g, pi), else 0.

    All are [N, 1] (1709.10089, eq. 2).
    """
    _assert_columns(value, value_of_pi)
    return tf.cast(value > value_of_pi, tf.float32)


def cloning_loss(pi: tf.Tensor, action: tf.Tensor, passed: tf.Tensor) -> tf.Tensor:
    """Compute L_BC = sum over rows with passed = 1 of |pi(o, g) - u|^2 (1709.10089, eq. 1): a sum, not a mean.

    `pi` and the demonstrated `action` are [N, u], `passed` is [N, 1].
    """
    _assert_columns(passed)
    return tf.reduce_sum(passed * tf.square(pi - action))


def _assert_columns(*tensors: tf.Tensor) -> None:
    # [N] against [N, 1] would broadcast to [N, N] without a word.
    for tensor in tensors:
        assert len(tensor.shape) == 2 and tensor.shape[1] == 1, f"expected [N, 1], got {tensor.shape}"
