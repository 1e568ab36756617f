"""Feed-forward networks, and the threads that TensorFlow computes them with."""

import contextlib
import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from baselines.common.mpi import Communicator


class MLP(tf.Module):
    """ReLU layers and a linear output, as pairs of `kernel` [in, out] and `bias` [out].

    Kernels start Glorot-uniform (Glorot & Bengio 2010, eq. 16), biases at zero.
    """

    def __init__(self, sizes: Sequence[int], rng: np.random.Generator, name: str):
        super().__init__(name=name)
        self.kernels, self.biases = [], []
        for fan_in, fan_out in itertools.pairwise(sizes):
            limit = np.sqrt(6 / (fan_in + fan_out))
            kernel = rng.uniform(-limit, limit, (fan_in, fan_out)).astype(np.float32)
            self.kernels.append(tf.Variable(kernel))
            self.biases.append(tf.Variable(tf.zeros(fan_out)))

    @property
    def weights(self) -> list[tf.Variable]:
        """0_kernel, 0_bias, 1_kernel, ... : the order of every flat vector of weights."""
        return [w for layer in zip(self.kernels, self.biases, strict=True) for w in layer]

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        *hidden, output = zip(self.kernels, self.biases, strict=True)
        for kernel, bias in hidden:
            x = tf.nn.relu(x @ kernel + bias)
        kernel, bias = output
        return x @ kernel + bias

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
