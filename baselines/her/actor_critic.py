"""The policy pi(o, g) and its value Q(o, g, u), on normalised inputs."""

import numpy as np
import tensorflow as tf

from baselines.her.experiment.config import HERConfig
from baselines.her.types import GoalEnvSpec
from baselines.learning.networks import MLP


class ActorCritic(tf.Module):
    """Two networks of `layers` hidden layers of `hidden` ReLU units.

    pi(o, g)   = max_u * tanh(MLP([o, g]))          [N, u]
    Q(o, g, u) = MLP([o, g, u / max_u])             [N, 1]

    `o` and `g` are normalised already (see `DDPG.inputs`).
    """

    def __init__(self, spec: GoalEnvSpec, config: HERConfig, rng: np.random.Generator, name: str):
        super().__init__(name=name)
        inputs = spec.observation_size + spec.goal_size
        middle = [config.hidden] * config.layers
        self.max_u = config.max_u
        self.pi_network = MLP([inputs, *middle, spec.action_size], rng, "pi")
        self.Q_network = MLP([inputs + spec.action_size, *middle, 1], rng, "Q")

    def pi(self, o: tf.Tensor, g: tf.Tensor) -> tf.Tensor:
        return self.max_u * tf.tanh(self.pi_network(tf.concat([o, g], 1)))  # [N, u]

    def Q(self, o: tf.Tensor, g: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        return self.Q_network(tf.concat([o, g, u / self.max_u], 1))  # [N, 1]

    @property
    def weights(self) -> list[tf.Variable]:
        return self.pi_network.weights + self.Q_network.weights
