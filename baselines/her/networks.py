"""The actor pi(o, g) and a list of critics Q(o, g, u), on normalised inputs."""

import numpy as np
import tensorflow as tf

from baselines.common.specs import EnvSpec
from baselines.her.experiment.config import HERConfig
from baselines.her.policy import LAYER_NORM
from baselines.learning.networks import MLP


class ActorCritic(tf.Module):
    """One actor and `n_critics` critics, each of `layers` hidden layers of `hidden` ReLU units.

    pi(o, g)   = max_u * tanh(MLP([o, g]))          [N, u]
    Q(o, g, u) = MLP([o, g, u / max_u])             [N, 1] each

    The critics see u / max_u, so that their inputs are within [-1, 1] whatever max_u is. `layer_norm` normalises the
    units of each of their hidden layers before ReLU.
    """

    def __init__(self, spec: EnvSpec, config: HERConfig, rng: np.random.Generator, name: str):
        super().__init__(name=name)
        inputs = spec.observation_size + spec.goal_size
        hidden = [config.hidden] * config.layers
        self.max_u = config.max_u
        self.actor = MLP([inputs, *hidden, spec.action_size], rng, "pi")
        self.critics = [
            MLP([inputs + spec.action_size, *hidden, 1], rng, "Q", layer_norm=LAYER_NORM if config.layer_norm else None)
            for _ in range(config.n_critics)
        ]

    def pi(self, o: tf.Tensor, g: tf.Tensor) -> tf.Tensor:
        """Return actions [N, u]."""
        return self.max_u * tf.tanh(self.actor(tf.concat([o, g], 1)))  # [N, u]

    def Q(self, o: tf.Tensor, g: tf.Tensor, u: tf.Tensor) -> list[tf.Tensor]:
        """Return each critic's value of the actions, a list of [N, 1]."""
        inputs = tf.concat([o, g, u / self.max_u], 1)
        return [critic(inputs) for critic in self.critics]  # [N, 1] each

    @property
    def critic_weights(self) -> list[tf.Variable]:
        """The weights of all critics, one critic after the other."""
        return [weight for critic in self.critics for weight in critic.weights]

    @property
    def weights(self) -> list[tf.Variable]:
        """The weights of the critics, then those of the actor."""
        return self.critic_weights + self.actor.weights

    def networks(self) -> dict[str, MLP]:
        """Return the networks by name: main_pi, main_Q, main_Q2, ... of the `main` ones."""
        names = ["Q", *(f"Q{i}" for i in range(2, len(self.critics) + 1))]
        return {f"{self.name}_{n}": net for n, net in zip(["pi", *names], [self.actor, *self.critics], strict=True)}
