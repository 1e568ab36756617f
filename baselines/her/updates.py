"""All updates of a cycle: in one compiled call, or with the gradients averaged over workers between any two."""

from typing import Protocol

import numpy as np
import tensorflow as tf

from baselines.common.mpi import Communicator
from baselines.her.types import TransitionBatch
from baselines.learning.adam import flatten, unflatten

Gradients = tuple[list[tf.Tensor], list[tf.Tensor]]  # of the critic's weights, of the actor's


class Learner(Protocol):
    """What is updated."""

    metrics: tuple[str, ...]
    weights: tuple[list[tf.Variable], list[tf.Variable]]

    def gradients(self, batch: TransitionBatch) -> tuple[Gradients, tf.Tensor]:
        """Of a minibatch at the present weights, and its metrics [len(metrics)]."""

    def apply(self, gradients: Gradients, number: tf.Tensor) -> None:
        """Step the weights; `number` counts the updates of a cycle from 1."""


class LocalUpdates:
    """For one worker: the whole loop is one compiled call."""

    def __init__(self, learner: Learner):
        self._learner = learner

    @tf.function(jit_compile=True)
    def __call__(self, batches: TransitionBatch) -> tf.Tensor:
        """One update for each leading row of `batches` [n_batches, N, ...]; their metrics [n_batches, metrics]."""
        n_batches = batches.reward.shape[0]
        rows = tf.TensorArray(tf.float32, n_batches, element_shape=[len(self._learner.metrics)])
        for i in tf.range(n_batches):
            batch = TransitionBatch(*(x if x is None else x[i] for x in batches))
            gradients, metrics = self._learner.gradients(batch)
            self._learner.apply(gradients, i + 1)
            rows = rows.write(i, metrics)
        return rows.stack()


class AveragedUpdates:
    """For several workers: compiled calls, as XLA knows no MPI, in TensorFlow's loop, which is faster than Python's."""

    def __init__(self, learner: Learner, comm: Communicator):
        self._learner, self._comm = learner, comm

    @tf.function
    def __call__(self, batches: TransitionBatch) -> tf.Tensor:
        """As of `LocalUpdates`; all workers call it together."""
        n_batches = batches.reward.shape[0]
        rows = tf.TensorArray(tf.float32, n_batches, element_shape=[len(self._learner.metrics)])
        flat, metrics = self._gradients(batches, tf.constant(0))
        rows = rows.write(0, metrics)
        for i in tf.range(1, n_batches):
            # One call an update: it applies the last gradients and computes the next ones.
            flat, metrics = self._apply_then_gradients(self._mean_of_all(flat), batches, i)
            rows = rows.write(i, metrics)
        self._apply(self._mean_of_all(flat), tf.constant(n_batches))
        return rows.stack()

    def _mean_of_all(self, flat: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.numpy_function(self._comm.mean, [flat], flat.dtype), flat.shape)

    @tf.function(jit_compile=True)
    def _gradients(self, batches: TransitionBatch, i: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        batch = TransitionBatch(*(x if x is None else tf.gather(x, i) for x in batches))
        (Q, pi), metrics = self._learner.gradients(batch)
        return flatten(Q + pi), metrics

    @tf.function(jit_compile=True)
    def _apply(self, flat: tf.Tensor, number: tf.Tensor) -> None:
        Q, pi = self._learner.weights
        split = sum(int(np.prod(w.shape)) for w in Q)
        self._learner.apply((unflatten(flat[:split], Q), unflatten(flat[split:], pi)), number)

    @tf.function(jit_compile=True)
    def _apply_then_gradients(
        self, flat: tf.Tensor, batches: TransitionBatch, i: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        self._apply(flat, i)
        gradients: tuple[tf.Tensor, tf.Tensor] = self._gradients(batches, i)
        return gradients


def make_updates(learner: Learner, comm: Communicator) -> LocalUpdates | AveragedUpdates:
    """What suits the number of workers."""
    return LocalUpdates(learner) if comm.size == 1 else AveragedUpdates(learner, comm)
