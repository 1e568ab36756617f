"""All updates of a cycle: one compiled call, or gradients that are averaged over MPI workers before each step."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import tensorflow as tf

from baselines.common.errors import TrainingError
from baselines.common.mpi import Communicator
from baselines.learning.adam import flatten, unflatten
from baselines.learning.networks import MLP

Batch = TypeVar("Batch", bound=tuple[Any, ...])


class Learner(Protocol):
    """An agent whose weights are updated from minibatches.

    Attributes:
        metrics: Names of what `gradients` measures, in their order.
        weights: Everything that is trained, in the order of the gradients.
    """

    metrics: tuple[str, ...]
    weights: list[tf.Variable]

    def prepare(self, data: Any) -> Any:
        """Return the data of a call with what depends on the weights before its first update."""

    def minibatch(self, data: Any, i: tf.Tensor) -> Any:
        """Return the rows of update `i` of a call, counted from 0."""

    def gradients(self, batch: Any) -> tuple[list[tf.Tensor], dict[str, tf.Tensor]]:
        """Return the gradient for each of `weights`, at their present values, and the metrics by name (scalars)."""

    def apply(self, gradients: Sequence[tf.Tensor], data: Any, step: tf.Tensor) -> None:
        """Step the weights; `step` counts the updates of a call from 1."""

    def networks(self) -> dict[str, MLP]:
        """Return every network by the name that its arrays have in states and policies."""


class Updater:
    """Runs the updates of a learner, and counts them in `updates`; all workers update together."""

    def __init__(self, learner: Learner, comm: Communicator):
        self._learner, self._comm, self.updates = learner, comm, 0
        # XLA compiles the whole loop for one worker. It knows no MPI, so for several workers only the parts between two
        # averages are compiled, within TensorFlow's loop, which is faster than Python's.
        self._run = tf.function(self._alone, jit_compile=True) if comm.size == 1 else tf.function(self._averaged)

    def __call__(self, data: Any, count: int, remedy: str) -> dict[str, float]:
        """Run `count` updates and return the mean of each metric. All workers must call this together.

        Raises TrainingError, with the `remedy`, for a metric that is not finite.
        """
        rows = self._run(data, tf.range(1, count + 1)).numpy()  # [count, metrics]
        for update, metric in np.argwhere(~np.isfinite(rows)):  # the first of them
            name = self._learner.metrics[metric]
            raise TrainingError(f"{name} is {rows[update, metric]} at update {self.updates + update + 1}. {remedy}")
        self.updates += count
        return dict(zip(self._learner.metrics, rows.mean(0).tolist(), strict=True))

    def _alone(self, data: Any, steps: tf.Tensor) -> tf.Tensor:
        data = self._learner.prepare(data)
        rows = self._rows(steps)
        for i in tf.range(steps.shape[0]):
            gradients, metrics = self._learner.gradients(self._learner.minibatch(data, i))
            self._learner.apply(gradients, data, i + 1)
            rows = rows.write(i, self._row(metrics))
        return rows.stack()

    def _averaged(self, data: Any, steps: tf.Tensor) -> tf.Tensor:
        count = steps.shape[0]
        data = self._prepare(data)
        rows = self._rows(steps)
        flat, row = self._gradients(data, tf.constant(0))
        rows = rows.write(0, row)
        for i in tf.range(1, count):
            # One compiled call an update: it applies the last gradients and computes the next ones.
            flat, row = self._apply_then_gradients(self._mean_of_all(flat), data, i)
            rows = rows.write(i, row)
        self._apply(self._mean_of_all(flat), data, tf.constant(count))
        return rows.stack()

    def _rows(self, steps: tf.Tensor) -> tf.TensorArray:
        return tf.TensorArray(tf.float32, steps.shape[0], element_shape=[len(self._learner.metrics)])

    def _row(self, metrics: dict[str, tf.Tensor]) -> tf.Tensor:
        assert tuple(metrics) == self._learner.metrics, "the learner measures other metrics than it names"
        return tf.stack(list(metrics.values()))

    def _mean_of_all(self, flat: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.numpy_function(self._comm.mean, [flat], flat.dtype), flat.shape)

    @tf.function(jit_compile=True)
    def _prepare(self, data: Any) -> Any:
        return self._learner.prepare(data)

    @tf.function(jit_compile=True)
    def _gradients(self, data: Any, i: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        gradients, metrics = self._learner.gradients(self._learner.minibatch(data, i))
        return flatten(gradients), self._row(metrics)

    @tf.function(jit_compile=True)
    def _apply(self, flat: tf.Tensor, data: Any, step: tf.Tensor) -> None:
        self._learner.apply(unflatten(flat, self._learner.weights), data, step)

    @tf.function(jit_compile=True)
    def _apply_then_gradients(self, flat: tf.Tensor, data: Any, i: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        self._apply(flat, data, i)
        following: tuple[tf.Tensor, tf.Tensor] = self._gradients(data, i)
        return following
