"""Adam, and helpers for gradients that are averaged over all workers."""

import zlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from baselines.common.errors import TrainingError
from baselines.common.mpi import Communicator
from baselines.learning.networks import Variables

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def adam_update(
    gradient: tf.Tensor, m: tf.Tensor, v: tf.Tensor, step: tf.Tensor, rate: float | tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Compute one step of Adam (1412.6980, end of section 2), on tensors of one shape.

    m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
    change = -rate * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + epsilon)

    `step` is t, counted from 1, a float scalar. Returns change, m, v.
    """
    m = BETA1 * m + (1 - BETA1) * gradient
    v = BETA2 * v + (1 - BETA2) * tf.square(gradient)
    step_size = rate * tf.sqrt(1 - BETA2**step) / (1 - BETA1**step)
    return -step_size * m / (tf.sqrt(v) + epsilon), m, v


class Adam(Variables):
    """Adam for some weights. Every worker must apply the same (averaged) gradients."""

    def __init__(self, weights: Sequence[tf.Variable], learning_rate: float, epsilon: float = EPSILON):
        """Start with moments of zero at step 0."""
        super().__init__()
        self.weights = list(weights)
        self.learning_rate, self.epsilon = learning_rate, epsilon
        self.m = [tf.Variable(tf.zeros_like(w)) for w in weights]
        self.v = [tf.Variable(tf.zeros_like(w)) for w in weights]
        self.step = tf.Variable(0.0)

    def apply(self, gradients: Sequence[tf.Tensor], learning_rate: tf.Tensor | None = None) -> None:
        """Step all weights, with another `learning_rate` if one is given; to be called inside a `tf.function`."""
        step, rate = self.step.assign_add(1.0), self.learning_rate if learning_rate is None else learning_rate
        for weight, gradient, m, v in zip(self.weights, gradients, self.m, self.v, strict=True):
            change, new_m, new_v = adam_update(gradient, m, v, step, rate, self.epsilon)
            weight.assign_add(change)
            m.assign(new_m)
            v.assign(new_v)

    def named(self) -> dict[str, tf.Variable]:
        """Return `step`, and for example `m/0` of the first weight."""
        moments = {f"{kind}/{i}": x for kind in ("m", "v") for i, x in enumerate(getattr(self, kind))}
        return {"step": self.step, **moments}


def flatten(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return all tensors raveled into one vector."""
    return tf.concat([tf.reshape(t, [-1]) for t in tensors], 0)


def unflatten(flat: tf.Tensor, weights: Sequence[tf.Variable]) -> list[tf.Tensor]:
    """Return the tensors that `flatten` made a vector of, in the shapes of `weights`."""
    parts = tf.split(flat, [int(np.prod(w.shape)) for w in weights])
    return [tf.reshape(part, w.shape) for part, w in zip(parts, weights, strict=True)]


def check_workers_agree(weights: Sequence[tf.Variable], comm: Communicator) -> None:
    """Raise TrainingError, naming the ranks, where any worker's weights differ in a bit from rank 0's."""
    checksum = zlib.crc32(flatten(weights).numpy().tobytes())
    everyone = comm.all_gather(checksum)
    if different := [str(rank) for rank, theirs in enumerate(everyone) if theirs != everyone[0]]:
        remedy = "workers must run the same code, libraries and kind of processor"
        raise TrainingError(f"the weights of rank {', '.join(different)} differ from those of rank 0: {remedy}")
