"""Feed-forward networks, and the threads that TensorFlow computes them with."""

import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from baselines.common.mpi import Communicator

# (rng, fan_in, fan_out, whether it is the output's) -> a kernel [fan_in, fan_out]
Initial = Callable[[np.random.Generator, int, int, bool], np.ndarray]


def glorot_uniform(rng: np.random.Generator, fan_in: int, fan_out: int, last: bool) -> np.ndarray:
    """Glorot & Bengio 2010, eq. 16."""
    limit = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, (fan_in, fan_out)).astype(np.float32)


class MLP(tf.Module):
    """Hidden layers and a linear output, as pairs of `kernel` [in, out] and `bias` [out]. Biases start at zero."""

    def __init__(
        self,
        sizes: Sequence[int],
        rng: np.random.Generator,
        name: str,
        activation: Callable[[tf.Tensor], tf.Tensor] = tf.nn.relu,
        initial: Initial = glorot_uniform,
    ):
        super().__init__(name=name)
        self.kernels, self.biases, self._activation = [], [], activation
        for i, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            self.kernels.append(tf.Variable(initial(rng, fan_in, fan_out, i == len(sizes) - 2)))
            self.biases.append(tf.Variable(tf.zeros(fan_out)))

    @property
    def weights(self) -> list[tf.Variable]:
        """0_kernel, 0_bias, 1_kernel, ... : the order of every flat vector of weights."""
        return [w for layer in zip(self.kernels, self.biases, strict=True) for w in layer]

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return self.output(self.hidden(x))

    def hidden(self, x: tf.Tensor) -> tf.Tensor:
        """What the last hidden layer gives; `x` itself where there is none."""
        for kernel, bias in zip(self.kernels[:-1], self.biases[:-1], strict=True):
            x = self._activation(x @ kernel + bias)
        return x

    def output(self, hidden: tf.Tensor) -> tf.Tensor:
        """The linear layer."""
        return hidden @ self.kernels[-1] + self.biases[-1]

    def state(self) -> dict[str, np.ndarray]:
        """Name -> array, e.g. `0_kernel` [in, out]."""
        return {name: w.numpy().copy() for name, w in zip(self._names(), self.weights, strict=True)}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` of a network of the same sizes gave."""
        for name, weight in zip(self._names(), self.weights, strict=True):
            weight.assign(arrays[name])

    def _names(self) -> list[str]:
        return [f"{i}_{kind}" for i in range(len(self.kernels)) for kind in ("kernel", "bias")]


def share_threads(comm: Communicator) -> None:
    """Let TensorFlow use this worker's share of the cores; before anything is computed."""
    if comm.size > 1:
        with contextlib.suppress(RuntimeError):  # the caller has used TensorFlow already
            tf.config.threading.set_intra_op_parallelism_threads(comm.share_of_cores())
            tf.config.threading.set_inter_op_parallelism_threads(1)
