"""Running mean and standard deviation of observations and goals, over all workers."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from baselines.common.mpi import Communicator


class Normalizer:
    """Statistics of all vectors seen so far by all workers; sums are float64.

    mean = sum / count;  std = sqrt(max(eps^2, sumsq / count - mean^2))

    The count starts at `initial_count` with a sum of 0, as if so many zero vectors had been seen. It is 1 in OpenAI
    Baselines, where its weight fades: after 49 samples around 100 the mean reads 98. With a count below 1, a normalizer
    changes nothing until its first update: mean 0 and standard deviation 1.
    """

    def __init__(
        self, size: int, eps: float, comm: Communicator, simulated_workers: int = 1, initial_count: float = 1.0
    ):
        """Expect vectors of `size` numbers; each call of `update` gets the data of `simulated_workers` workers.

        The sums are divided by the workers because the reference implementation averages them over MPI, too.
        """
        self.size, self.eps, self.comm, self.simulated_workers = size, eps, comm, simulated_workers
        self.sum = np.zeros(size)
        self.sumsq = np.zeros(size)
        self.count = np.full(1, initial_count)
        self.variables = tf.Variable(tf.zeros(size)), tf.Variable(tf.ones(size))  # mean and std for compiled updates
        self._refresh()

    def update(self, x: np.ndarray) -> None:
        """Take in this worker's `x` [N, size]. All workers must call this together."""
        x = np.asarray(x, np.float64).reshape(-1, self.size)
        local = np.concatenate([x.sum(0), np.square(x).sum(0), [len(x)]])
        average = self.comm.mean(local) / self.simulated_workers
        self.sum += average[: self.size]
        self.sumsq += average[self.size : -1]
        self.count += average[-1]
        self._refresh()

    def _refresh(self) -> None:
        mean = self.sum / self.count
        variance = self.sumsq / self.count - np.square(mean)
        self.mean = mean.astype(np.float32)  # [size]
        self.std = np.sqrt(np.maximum(self.eps**2, variance)).astype(np.float32)  # [size]
        if self.count[0] < 1:
            self.std = np.ones_like(self.std)
        for variable, value in zip(self.variables, (self.mean, self.std), strict=True):
            variable.assign(value)

    def state(self) -> dict[str, np.ndarray]:
        """Return the state in float64 (sum, sumsq, count) and the mean and std that follow from it, in float32."""
        return {k: getattr(self, k) for k in ("sum", "sumsq", "count", "mean", "std")}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore a `state` of the same size. Raises KeyError or ValueError."""
        total, squares, count = (np.array(arrays[k], np.float64) for k in ("sum", "sumsq", "count"))
        if not total.shape == squares.shape == (self.size,) or count.shape != (1,) or not count > 0:
            raise ValueError(f"expected statistics of {self.size} numbers")
        self.sum, self.sumsq, self.count = total, squares, count
        self._refresh()
