"""How actions are drawn: log-probabilities and entropies; `Policy.sample` draws."""

import math

import tensorflow as tf


def gaussian_log_prob(mean: tf.Tensor, log_std: tf.Tensor, action: tf.Tensor) -> tf.Tensor:
    """log N(u; mean, std) = sum -1/2 ((u - mean) / std)^2 - log std - 1/2 log 2 pi, over the u coordinates.

    `mean` and `action` are [N, u], `log_std` [u]; the result is [N].
    """
    assert mean.shape[1:] == log_std.shape == action.shape[1:], "expected [N, u], [u] and [N, u]"
    distance = (action - mean) / tf.exp(log_std)
    return tf.reduce_sum(-0.5 * tf.square(distance) - log_std - 0.5 * math.log(2 * math.pi), 1)


def gaussian_entropy(log_std: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """sum log std + 1/2 log 2 pi e: the same for all `rows` [N, u]; the result is [N]."""
    one = tf.reduce_sum(log_std + 0.5 * math.log(2 * math.pi * math.e))
    return one + tf.zeros_like(rows[:, 0])


def categorical_log_prob(logits: tf.Tensor, action: tf.Tensor) -> tf.Tensor:
    """log softmax(logits)[u]; `logits` are [N, u], `action` [N] whole numbers, the result is [N]."""
    chosen = tf.one_hot(action, logits.shape[1])  # [N, u]
    return tf.reduce_sum(chosen * tf.nn.log_softmax(logits), 1)


def categorical_entropy(logits: tf.Tensor) -> tf.Tensor:
    """-sum p log p with p = softmax(logits); [N, u] to [N]."""
    log_p = tf.nn.log_softmax(logits)
    return -tf.reduce_sum(tf.exp(log_p) * log_p, 1)
