"""PPO's policies, pi(u | o) and V(o), in NumPy; this module does not import TensorFlow."""

from collections.abc import Mapping

import numpy as np

from baselines.common.specs import EnvSpec
from baselines.policies.policy import Policy, PolicyDesign, forward, layers_of
from baselines.ppo2.config import PPOConfig


class PPOPolicy(Policy):
    """A policy that also draws actions and values observations, as training needs it."""

    def __init__(self, spec: EnvSpec, config: PPOConfig, arrays: Mapping[str, np.ndarray]):
        normalizes = config.normalize_observations
        design = PolicyDesign(
            columns=tuple((entry, "") for entry in spec.observation_sizes),
            network="networks/pi",
            statistics=("observation_stats",) if normalizes else (),
            norm_clip=config.norm_clip if normalizes else None,
            activation="tanh",
        )
        super().__init__(spec, design, arrays, "ppo2", config.document())
        shared = self.layers[:-1] if config.value_network == "shared" else ()
        self._value_layers = [*shared, *layers_of(arrays, "networks/vf")]

    def value(self, inputs: np.ndarray) -> np.ndarray:
        """Return V(o) [N] of normalised observations [N, o]."""
        return forward(self._value_layers, inputs, np.tanh)[:, 0]

    def sample(self, inputs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return actions [N, u] drawn from pi(u | o), not clipped, for normalised observations [N, o]."""
        output = self.network_output(inputs)
        if self.spec.discrete:
            # Gumbel's trick: the largest of logits with such noise is drawn with probability softmax(logits).
            drawn: np.ndarray = (output + rng.gumbel(size=output.shape)).argmax(1)
            return drawn
        return output + np.exp(self.arrays["networks/log_std"]) * rng.standard_normal(output.shape, np.float32)
