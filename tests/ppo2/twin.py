"""A slow twin of PPO's update, as the papers write it: row by row, in float64."""

import math

import numpy as np
import tensorflow as tf

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-5


def forward(weights, row, config):
    """Return mean or logits, and value, of networks with one hidden layer."""
    x = tf.constant(row[None], tf.float64)
    hidden = tf.tanh(x @ weights[0] + weights[1])
    output = hidden @ weights[2] + weights[3]
    if config.value_network == "shared":
        return output[0], (hidden @ weights[4] + weights[5])[0, 0]
    return output[0], (tf.tanh(x @ weights[4] + weights[5]) @ weights[6] + weights[7])[0, 0]


def log_prob(weights, output, action, discrete):
    if discrete:
        return output[action] - tf.reduce_logsumexp(output)
    log_std = weights[-1]
    terms = [-(((u - mean) / tf.exp(s)) ** 2) / 2 - s - math.log(2 * math.pi) / 2
             for u, mean, s in zip(np.float64(action), output, log_std, strict=True)]  # fmt: skip
    return sum(terms)


def entropy(weights, output, discrete):
    if discrete:
        p = tf.nn.softmax(output)
        return -tf.reduce_sum(p * tf.math.log(p))
    return tf.reduce_sum(weights[-1] + math.log(2 * math.pi * math.e) / 2)


def loss_of(weights, batch, rows, old, cliprange, config, discrete):
    """Return the loss of a minibatch; and policy loss, value loss, entropy, divergence and clipped share."""
    rows = [i for i in rows if batch.valid[i]]
    advantages = np.array([batch.advantage[i] for i in rows], np.float64)
    advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    sums = [tf.constant(0.0, tf.float64)] * 5
    for i, advantage in zip(rows, advantages, strict=True):
        output, value = forward(weights, batch.observation[i], config)
        log_ratio = log_prob(weights, output, batch.action[i], discrete) - old[i]
        ratio = tf.exp(log_ratio)
        bounded = tf.clip_by_value(ratio, 1 - cliprange, 1 + cliprange)
        policy = -tf.minimum(ratio * advantage, bounded * advantage)
        error = (value - float(batch.target[i])) ** 2
        if config.clip_value:
            before = float(batch.value[i])
            near = before + tf.clip_by_value(value - before, -cliprange, cliprange)
            error = tf.maximum(error, (near - float(batch.target[i])) ** 2)
        beyond = float(abs(ratio - 1) > cliprange)
        parts = policy, error / 2, entropy(weights, output, discrete), log_ratio**2 / 2, beyond
        sums = [total + part for total, part in zip(sums, parts, strict=True)]
    means = [total / len(rows) for total in sums]
    loss = means[0] + config.vf_coef * means[1] - config.ent_coef * means[2]
    return loss, [float(mean) for mean in means]


def updated(start, batches, orders, learning_rate, cliprange, config, discrete):
    """Return the weights after all updates by Adam, and the metrics [K, 5] of the first worker.

    Each worker has one of `batches`, and in `orders` the rows of each of its minibatches.
    """
    weights = [tf.Variable(w, dtype=tf.float64) for w in start]
    old = [[log_prob(weights, forward(weights, o, config)[0], u, discrete)
            for o, u in zip(batch.observation, batch.action, strict=True)] for batch in batches]  # fmt: skip
    m, v, table = [0.0 for _ in weights], [0.0 for _ in weights], []
    for step, minibatches in enumerate(zip(*orders, strict=True), 1):
        gradients, metrics = [], []
        for worker, rows in enumerate(minibatches):
            with tf.GradientTape() as tape:
                loss, parts = loss_of(weights, batches[worker], rows, old[worker], cliprange, config, discrete)
            gradients.append([g.numpy() if g is not None else 0 for g in tape.gradient(loss, weights)])
            metrics.append(parts)
        table.append(metrics[0])
        mean = [sum(of_workers) / len(batches) for of_workers in zip(*gradients, strict=True)]
        norm = math.sqrt(sum(np.square(g).sum() for g in mean))
        shorter = min(1, config.max_grad_norm / norm) if config.max_grad_norm else 1
        for i, g in enumerate(mean):
            m[i] = BETA1 * m[i] + (1 - BETA1) * shorter * g
            v[i] = BETA2 * v[i] + (1 - BETA2) * (shorter * g) ** 2
            size = learning_rate * math.sqrt(1 - BETA2**step) / (1 - BETA1**step)
            weights[i].assign_sub(size * m[i] / (np.sqrt(v[i]) + EPSILON))
    return np.concatenate([np.ravel(w) for w in weights]), np.array(table)


def orders_of(seed, rows, config):
    """Return the rows of each minibatch, as a generator with this seed draws them."""
    rng = np.random.default_rng(seed)
    return [part for _ in range(config.noptepochs) for part in np.split(rng.permutation(rows), config.nminibatches)]
