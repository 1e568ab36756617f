"""All updates from one rollout: in one compiled call, or with the gradients averaged over workers between any two."""

from collections.abc import Callable
from typing import Any, Protocol

import tensorflow as tf

from baselines.common.mpi import Communicator
from baselines.learning.adam import flatten, unflatten
from baselines.ppo2.types import Batch


class Learner(Protocol):
    """What is updated."""

    of_updates: tuple[str, ...]
    weights: list[tf.Variable]

    def log_prob(self, batch: Batch) -> tf.Tensor:
        """Of the actions at the present weights, [N]."""

    def gradients(
        self, batch: Batch, old_log_prob: tf.Tensor, cliprange: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Of a minibatch at the present weights, and its metrics [len(of_updates)]."""

    def apply(self, gradients: list[tf.Tensor], learning_rate: tf.Tensor) -> None:
        """Step the weights."""


class Updates:
    """An update for each row of `order` [K, N], which names rows of a batch."""

    def __init__(self, learner: Learner, comm: Communicator):
        self._learner, self._comm = learner, comm
        self._alone = comm.size == 1
        # XLA compiles the whole loop for one worker. It knows no MPI: for several, what is between two averages.
        self._call = tf.function(self._all, jit_compile=self._alone)
        self._gradients = self._part(self._flat_gradients)
        self._apply = self._part(self._apply_flat)

    def _part(self, function: Callable[..., Any]) -> Callable[..., Any]:
        compiled: Callable[..., Any] = function if self._alone else tf.function(function, jit_compile=True)
        return compiled

    def __call__(self, batch: Batch, order: tf.Tensor, learning_rate: tf.Tensor, cliprange: tf.Tensor) -> tf.Tensor:
        """The metrics of the updates, [K, len(of_updates)]. All workers call this together."""
        return self._call(batch, order, learning_rate, cliprange)

    def _all(self, batch: Batch, order: tf.Tensor, learning_rate: tf.Tensor, cliprange: tf.Tensor) -> tf.Tensor:
        count = order.shape[0]
        rows = tf.TensorArray(tf.float32, count, element_shape=[len(self._learner.of_updates)])
        old_log_prob = self._learner.log_prob(batch)
        for i in tf.range(count):
            flat, metrics = self._gradients(batch, old_log_prob, order[i], cliprange)
            self._apply(self._mean_of_all(flat), learning_rate)
            rows = rows.write(i, metrics)
        return rows.stack()

    def _flat_gradients(
        self, batch: Batch, old_log_prob: tf.Tensor, which: tf.Tensor, cliprange: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        minibatch = Batch(*(tf.gather(x, which) for x in batch))
        gradients, metrics = self._learner.gradients(minibatch, tf.gather(old_log_prob, which), cliprange)
        return flatten(gradients), metrics

    def _apply_flat(self, flat: tf.Tensor, learning_rate: tf.Tensor) -> None:
        self._learner.apply(unflatten(flat, self._learner.weights), learning_rate)

    def _mean_of_all(self, flat: tf.Tensor) -> tf.Tensor:
        if self._alone:
            return flat
        return tf.ensure_shape(tf.numpy_function(self._comm.mean, [flat], flat.dtype), flat.shape)
