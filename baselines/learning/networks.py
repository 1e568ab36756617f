"""Feed-forward networks, and the threads that TensorFlow computes them with."""

import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from baselines.common.cores import cores
from baselines.common.mpi import Communicator

# (rng, fan_in, fan_out, whether it is the output layer) -> a kernel [fan_in, fan_out]
Initializer = Callable[[np.random.Generator, int, int, bool], np.ndarray]


def glorot_uniform(rng: np.random.Generator, fan_in: int, fan_out: int, last: bool) -> np.ndarray:
    """Return a kernel [fan_in, fan_out] of uniform numbers (Glorot & Bengio 2010, eq. 16)."""
    limit = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, (fan_in, fan_out)).astype(np.float32)


class Variables(tf.Module):
    """Variables by name, whose values are the state."""

    def named(self) -> dict[str, tf.Variable]:
        """Return all variables by the names of their arrays."""
        raise NotImplementedError

    def state(self) -> dict[str, np.ndarray]:
        """Return the values by name."""
        return {name: x.numpy().copy() for name, x in self.named().items()}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore a `state` of the same shapes. Raises KeyError or ValueError."""
        for name, x in self.named().items():
            x.assign(arrays[name])


class MLP(Variables):
    """Hidden layers and a linear output, as pairs of `kernel` [in, out] and `bias` [out], which starts at zero."""

    def __init__(
        self, sizes: Sequence[int], rng: np.random.Generator, name: str,
        activation: Callable[[tf.Tensor], tf.Tensor] = tf.nn.relu, initializer: Initializer = glorot_uniform,
        layer_norm: float | None = None,
    ):  # fmt: skip
        """Make layers of `sizes`, from the inputs to the outputs.

        With `layer_norm`, a small number that is added to the variance, the units of each hidden layer are normalised
        before the activation, without scale and shift (1607.06450).
        """
        super().__init__(name=name)
        self.kernels, self.biases, self._activation, self._layer_norm = [], [], activation, layer_norm
        for i, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            self.kernels.append(tf.Variable(initializer(rng, fan_in, fan_out, i == len(sizes) - 2)))
            self.biases.append(tf.Variable(tf.zeros(fan_out)))

    @property
    def weights(self) -> list[tf.Variable]:
        """All variables: 0_kernel, 0_bias, 1_kernel, ...; flat vectors of weights have this order."""
        return [w for layer in zip(self.kernels, self.biases, strict=True) for w in layer]

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Return the outputs [N, out] for inputs [N, in]."""
        return self.output(self.hidden(x))

    def hidden(self, x: tf.Tensor) -> tf.Tensor:
        """Return the units of the last hidden layer [N, hidden], or `x` where there is none."""
        for kernel, bias in zip(self.kernels[:-1], self.biases[:-1], strict=True):
            x = x @ kernel + bias
            if self._layer_norm is not None:
                mean, variance = tf.nn.moments(x, 1, keepdims=True)
                x = (x - mean) * tf.math.rsqrt(variance + self._layer_norm)
            x = self._activation(x)
        return x

    def output(self, hidden: tf.Tensor) -> tf.Tensor:
        """Return the linear output [N, out] of the last hidden layer."""
        return hidden @ self.kernels[-1] + self.biases[-1]

    def named(self) -> dict[str, tf.Variable]:
        """Return 0_kernel [in, out], 0_bias [out], 1_kernel, ..."""
        return {f"{i // 2}_{('kernel', 'bias')[i % 2]}": weight for i, weight in enumerate(self.weights)}


def share_threads(comm: Communicator) -> None:
    """Limit TensorFlow to this worker's share of the cores; to be called before anything is computed."""
    share = comm.share_of_cores()
    if share < len(cores()):  # TensorFlow knows neither other workers nor quotas
        with contextlib.suppress(RuntimeError):  # the caller has used TensorFlow already
            tf.config.threading.set_intra_op_parallelism_threads(share)
            tf.config.threading.set_inter_op_parallelism_threads(1)
