"""All updates of a cycle: one compiled call, or gradients that are averaged over MPI workers before each step."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from baselines.common.errors import TrainingError
from baselines.common.mpi import Communicator
from baselines.common.state import Stateful, load_states, states_of
from baselines.learning.adam import check_workers_agree, flatten, unflatten
from baselines.learning.networks import MLP

CHECK_INTERVAL = 100  # updates between two comparisons of the workers' weights


class Learner(ABC):
    """An agent whose weights are updated from minibatches; all workers update together.

    Attributes:
        metrics: Names of what `gradients` measures, in their order.
        weights: Everything that is trained, in the order of the gradients.
        updates: The number of updates so far.
        compiled: False until the first updates, which take seconds longer.
    """

    metrics: tuple[str, ...]
    weights: list[tf.Variable]

    def __init__(
        self, comm: Communicator, policy_parts: Mapping[str, Stateful], optimizers: Mapping[str, Stateful], remedy: str
    ):
        """Give all workers the weights of rank 0; `remedy` ends the message of a metric that is not finite."""
        self.comm, self._policy_parts, self._optimizers, self._remedy = comm, policy_parts, optimizers, remedy
        self.updates, self.compiled = 0, False
        for weight in self.weights:
            weight.assign(comm.broadcast(weight.numpy()))
        # XLA compiles the whole loop for one worker. It knows no MPI, so for several workers only the parts between two
        # averages are compiled, within TensorFlow's loop, which is faster than Python's.
        self._run = tf.function(self._alone, jit_compile=True) if comm.size == 1 else tf.function(self._averaged)

    # ---- what an algorithm defines ----

    def prepare(self, data: Any) -> Any:
        """Return the data of a call with what depends on the weights before its first update."""
        return data

    @abstractmethod
    def minibatch(self, data: Any, i: tf.Tensor) -> Any:
        """Return the rows of update `i` of a call, counted from 0."""

    @abstractmethod
    def gradients(self, batch: Any) -> tuple[list[tf.Tensor], dict[str, tf.Tensor]]:
        """Return the gradient for each of `weights`, at their present values, and the metrics by name (scalars)."""

    @abstractmethod
    def apply(self, gradients: Sequence[tf.Tensor], data: Any, step: tf.Tensor) -> None:
        """Step the weights; `step` counts the updates of a call from 1."""

    @abstractmethod
    def networks(self) -> dict[str, MLP]:
        """Return every network by the name that its arrays have in states and policies."""

    # ---- updates ----

    def update(self, data: Any, count: int) -> dict[str, float]:
        """Run `count` updates and return the mean of each metric. All workers must call this together.

        Raises TrainingError for a metric that is not finite, and for weights that differ between workers.
        """
        rows = self._run(data, tf.range(1, count + 1)).numpy()  # [count, metrics]
        for update, metric in np.argwhere(~np.isfinite(rows)):  # the first of them
            what = f"{self.metrics[metric]} is {rows[update, metric]} at update {self.updates + update + 1}"
            raise TrainingError(f"{what}. {self._remedy}")
        before, self.updates, self.compiled = self.updates, self.updates + count, True
        if self.comm.size > 1 and self.updates // CHECK_INTERVAL > before // CHECK_INTERVAL:
            check_workers_agree(self.weights, self.comm)
        return dict(zip(self.metrics, rows.mean(0).tolist(), strict=True))

    def _alone(self, data: Any, steps: tf.Tensor) -> tf.Tensor:
        data = self.prepare(data)
        rows = self._rows(steps)
        for i in tf.range(steps.shape[0]):
            gradients, metrics = self.gradients(self.minibatch(data, i))
            self.apply(gradients, data, i + 1)
            rows = rows.write(i, self._row(metrics))
        return rows.stack()

    def _averaged(self, data: Any, steps: tf.Tensor) -> tf.Tensor:
        count = steps.shape[0]
        data = self._compiled_prepare(data)
        rows = self._rows(steps)
        flat, row = self._flat_gradients(data, tf.constant(0))
        rows = rows.write(0, row)
        for i in tf.range(1, count):
            # One compiled call an update: it applies the last gradients and computes the next ones.
            flat, row = self._apply_then_gradients(self._mean_of_all(flat), data, i)
            rows = rows.write(i, row)
        self._apply_flat(self._mean_of_all(flat), data, tf.constant(count))
        return rows.stack()

    def _rows(self, steps: tf.Tensor) -> tf.TensorArray:
        return tf.TensorArray(tf.float32, steps.shape[0], element_shape=[len(self.metrics)])

    def _row(self, metrics: dict[str, tf.Tensor]) -> tf.Tensor:
        assert tuple(metrics) == self.metrics, "the learner measures other metrics than it names"
        return tf.stack(list(metrics.values()))

    def _mean_of_all(self, flat: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.numpy_function(self.comm.mean, [flat], flat.dtype), flat.shape)

    @tf.function(jit_compile=True)
    def _compiled_prepare(self, data: Any) -> Any:
        return self.prepare(data)

    @tf.function(jit_compile=True)
    def _flat_gradients(self, data: Any, i: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        gradients, metrics = self.gradients(self.minibatch(data, i))
        return flatten(gradients), self._row(metrics)

    @tf.function(jit_compile=True)
    def _apply_flat(self, flat: tf.Tensor, data: Any, step: tf.Tensor) -> None:
        self.apply(unflatten(flat, self.weights), data, step)

    @tf.function(jit_compile=True)
    def _apply_then_gradients(self, flat: tf.Tensor, data: Any, i: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        self._apply_flat(flat, data, i)
        following: tuple[tf.Tensor, tf.Tensor] = self._flat_gradients(data, i)
        return following

    # ---- state ----

    def policy_state(self) -> dict[str, np.ndarray]:
        """Return networks and statistics as arrays, e.g. `main_pi/0_kernel`, `o_stats/sum`."""
        return states_of(self._policy_parts)

    def load_policy_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over a `policy_state` of the same sizes. Raises KeyError or ValueError."""
        load_states(self._policy_parts, arrays)

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that training changes."""
        return {**self.policy_state(), **states_of(self._optimizers), "updates": np.array(self.updates)}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore a `state` of the same sizes. Raises KeyError or ValueError."""
        self.load_policy_state(arrays)
        load_states(self._optimizers, arrays)
        self.updates = int(arrays["updates"])
