"""The policy pi(u | o) and the value V(o), on normalised observations."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from baselines.common.specs import EnvSpec
from baselines.learning.networks import MLP
from baselines.ppo2 import distributions
from baselines.ppo2.config import PPOConfig

HIDDEN_GAIN, POLICY_GAIN, VALUE_GAIN = np.sqrt(2), 0.01, 1.0  # of initial weights; small first actions


class ActorCritic(tf.Module):
    """Networks of `num_layers` hidden layers of `num_hidden` tanh units.

    pi(u | o) = N(MLP(o), std), with a std per coordinate that is learnt beside the network; or, where actions are
    discrete, softmax(MLP(o)).  V(o) = MLP(o), whose hidden layers may be the policy's (`value_network=shared`).
    """

    def __init__(self, spec: EnvSpec, config: PPOConfig, rng: np.random.Generator):
        """Make networks for the environment's sizes."""
        super().__init__()
        inputs, hidden = sum(spec.observation_sizes.values()), [config.num_hidden] * config.num_layers
        self.shared, self.discrete = config.value_network == "shared", spec.discrete
        self.pi = _network([inputs, *hidden, spec.action_size], rng, "pi", POLICY_GAIN)
        self.vf = _network([config.num_hidden, 1] if self.shared else [inputs, *hidden, 1], rng, "vf", VALUE_GAIN)
        self.log_std = tf.Variable(tf.zeros(0 if spec.discrete else spec.action_size))

    def __call__(self, observation: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return means or logits [N, u], and values [N]."""
        hidden = self.pi.hidden(observation)
        return self.pi.output(hidden), self.vf(hidden if self.shared else observation)[:, 0]

    def log_prob(self, output: tf.Tensor, action: tf.Tensor) -> tf.Tensor:
        """Return log pi of actions [N, u], given means or logits [N, u]; [N]."""
        if self.discrete:
            return distributions.categorical_log_prob(output, action)
        return distributions.gaussian_log_prob(output, self.log_std, action)

    def entropy(self, output: tf.Tensor) -> tf.Tensor:
        """Return the entropy of the policy, given means or logits [N, u]; [N]."""
        if self.discrete:
            return distributions.categorical_entropy(output)
        return distributions.gaussian_entropy(self.log_std, output)

    @property
    def weights(self) -> list[tf.Variable]:
        """All variables, in the order of the gradients."""
        return [*self.pi.weights, *self.vf.weights, *([] if self.discrete else [self.log_std])]

    def state(self) -> dict[str, np.ndarray]:
        """Return the standard deviation; the networks have states of their own."""
        return {"log_std": self.log_std.numpy().copy()}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore a `state`. Raises KeyError or ValueError."""
        self.log_std.assign(arrays["log_std"])


def _network(sizes: Sequence[int], rng: np.random.Generator, name: str, output_gain: float) -> MLP:
    def initializer(rng: np.random.Generator, fan_in: int, fan_out: int, last: bool) -> np.ndarray:
        return orthogonal(rng, fan_in, fan_out, output_gain if last else HIDDEN_GAIN)

    return MLP(sizes, rng, name, tf.tanh, initializer)


def orthogonal(rng: np.random.Generator, fan_in: int, fan_out: int, gain: float) -> np.ndarray:
    """Return a random matrix [fan_in, fan_out] whose rows or columns, the fewer, are orthogonal and of length `gain`.

    The source is Saxe et al. 2014, 1312.6120.
    """
    tall = rng.standard_normal((max(fan_in, fan_out), min(fan_in, fan_out)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diag(r))  # uniform over all such matrices
    return (gain * (q if fan_in >= fan_out else q.T)).astype(np.float32)
