"""The policy pi(u | o) and the value V(o), on normalised observations."""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from baselines.common.specs import EnvSpec
from baselines.learning.networks import MLP, Variables
from baselines.ppo2.config import PPOConfig

HIDDEN_GAIN, POLICY_GAIN, VALUE_GAIN = np.sqrt(2), 0.01, 1.0  # of initial weights; first actions are small


class ActorCritic(Variables):
    """A policy and a value, each of `num_layers` hidden layers of `num_hidden` tanh units.

    pi(u | o) = N(MLP(o), std), with one std per coordinate that is trained as a variable of its own; where actions are
    discrete, pi(u | o) = softmax(MLP(o)). V(o) = MLP(o), whose hidden layers may be the policy's
    (`value_network=shared`).
    """

    def __init__(self, spec: EnvSpec, config: PPOConfig, rng: np.random.Generator):
        super().__init__()
        inputs, hidden = sum(spec.observation_sizes.values()), [config.num_hidden] * config.num_layers
        self.shared, self.discrete = config.value_network == "shared", spec.discrete

        def network(sizes: Sequence[int], name: str, gain: float) -> MLP:
            return MLP(
                sizes, rng, name, tf.tanh, lambda rng, m, n, last: orthogonal(rng, m, n, gain if last else HIDDEN_GAIN)
            )

        self.pi = network([inputs, *hidden, spec.action_size], "pi", POLICY_GAIN)
        self.vf = network([config.num_hidden, 1] if self.shared else [inputs, *hidden, 1], "vf", VALUE_GAIN)
        self.log_std = tf.Variable(tf.zeros(0 if spec.discrete else spec.action_size))

    def __call__(self, observation: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return means or logits [N, u], and values [N]."""
        hidden = self.pi.hidden(observation)
        return self.pi.output(hidden), self.vf(hidden if self.shared else observation)[:, 0]

    def log_prob(self, output: tf.Tensor, action: tf.Tensor) -> tf.Tensor:
        """Return log pi of actions [N, u], [N]; `output` are means or logits [N, u].

        It is log softmax(logits)[u], or the sum over coordinates of -1/2 ((u - mean) / std)^2 - log std - 1/2 log 2 pi.
        """
        if self.discrete:
            return tf.reduce_sum(tf.one_hot(action, output.shape[1]) * tf.nn.log_softmax(output), 1)
        assert output.shape[1:] == self.log_std.shape == action.shape[1:], "expected actions [N, u]"
        distance = (action - output) / tf.exp(self.log_std)
        return tf.reduce_sum(-0.5 * tf.square(distance) - self.log_std - 0.5 * math.log(2 * math.pi), 1)

    def entropy(self, output: tf.Tensor) -> tf.Tensor:
        """Return the entropy of the policy, [N]; `output` are means or logits [N, u].

        It is -sum p log p of p = softmax(logits), or the sum over coordinates of log std + 1/2 log 2 pi e.
        """
        if self.discrete:
            log_p = tf.nn.log_softmax(output)
            return -tf.reduce_sum(tf.exp(log_p) * log_p, 1)
        return tf.reduce_sum(self.log_std + 0.5 * math.log(2 * math.pi * math.e)) + tf.zeros_like(output[:, 0])

    @property
    def weights(self) -> list[tf.Variable]:
        """All variables, in the order of the gradients."""
        return [*self.pi.weights, *self.vf.weights, *([] if self.discrete else [self.log_std])]

    def named(self) -> dict[str, tf.Variable]:
        """Return the standard deviation; the networks have states of their own."""
        return {"log_std": self.log_std}


def orthogonal(rng: np.random.Generator, fan_in: int, fan_out: int, gain: float) -> np.ndarray:
    """Return a random matrix [fan_in, fan_out] whose rows or columns, the fewer, are orthogonal with length `gain`."""
    tall = rng.standard_normal((max(fan_in, fan_out), min(fan_in, fan_out)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diag(r))  # without the signs, some matrices would be more likely than others
    return (gain * (q if fan_in >= fan_out else q.T)).astype(np.float32)
