"""A trained policy in NumPy: what acts during rollouts, and all that a robot needs. No TensorFlow."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from baselines.common.errors import UserError
from baselines.common.settings import from_document
from baselines.common.specs import EnvSpec
from baselines.policies.exporting.graph import Graph, GraphBuilder
from baselines.policies.numpy_networks import Layers, check_arrays, forward, hidden
from baselines.policies.policy import ObservationLike, checked_entries
from baselines.ppo2.config import PPOConfig
from baselines.ppo2.normalization import normalized

_STATISTICS = ("mean", "std", "sum", "sumsq", "count")


class Policy:
    """pi(u | o) and V(o), with the statistics that normalise observations."""

    def __init__(self, spec: EnvSpec, config: PPOConfig, arrays: Mapping[str, np.ndarray]):
        """`arrays` are those of an agent."""

        def layers(net: str) -> Layers:
            names = [f"networks/{net}/{i}" for i in range(len(sizes[net]) - 1)]
            return [(arrays[f"{name}_kernel"], arrays[f"{name}_bias"]) for name in names]

        self.spec, self.config, self._arrays = spec, config, arrays
        sizes = network_sizes(spec, config)
        self._pi, self._vf, self._std = layers("pi"), layers("vf"), np.exp(arrays["networks/log_std"])
        self._mean_and_std = arrays["observation_stats/mean"], arrays["observation_stats/std"]

    def act(self, observation: ObservationLike) -> np.ndarray:
        """The most probable action [u] for an observation, or [N, u] for N of them, in the environment's own units.

        `observation` is a dictionary of vectors, or the only one itself; where actions are discrete, the answer is a
        whole number, or [N].
        """
        rows = self.rows(checked_entries(observation, self.spec.observation_sizes))
        output = self.output(np.atleast_2d(self.normalize(rows)))
        if self.spec.discrete:
            best: np.ndarray = output.argmax(-1).reshape(rows.shape[:-1])
            return best
        action = self.spec.actions.to_env(np.clip(output, -1, 1))
        return action.reshape(*rows.shape[:-1], self.spec.action_size)

    def rows(self, observation: ObservationLike) -> np.ndarray:
        """All entries of an observation one after the other, [.., o]. Raises UserError for others than in training."""
        entries = observation if isinstance(observation, Mapping) else {"observation": observation}
        parts = []
        for key, size in self.spec.observation_sizes.items():
            if key not in entries:
                raise UserError(f"expected an observation with '{key}', got {', '.join(map(str, entries))}")
            parts.append(part := np.asarray(entries[key], np.float32))
            if part.shape[-1:] != (size,):
                raise UserError(f"expected '{key}' to have {size} numbers, got {list(part.shape)}")
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)

    def normalize(self, rows: np.ndarray) -> np.ndarray:
        """What the networks see, [.., o]."""
        if not self.config.normalize_observations:
            return rows
        return normalized(rows, *self._mean_and_std, self.config.norm_clip)

    def output(self, observation: np.ndarray) -> np.ndarray:
        """Means or logits [N, u], of normalised observations [N, o]."""
        return forward(self._pi, observation, np.tanh)

    def value(self, observation: np.ndarray) -> np.ndarray:
        """V(o) [N] of normalised observations [N, o]."""
        if self.config.value_network == "shared":
            observation = hidden(self._pi, observation, np.tanh)
        return forward(self._vf, observation, np.tanh)[:, 0]

    def sample(self, observation: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Actions [N, u] drawn from pi(u | o), not clipped, of normalised observations [N, o]."""
        output = self.output(observation)
        if self.spec.discrete:
            # Gumbel's trick: the largest of logits with such noise is drawn with probability softmax(logits).
            drawn: np.ndarray = (output + rng.gumbel(size=output.shape)).argmax(1)
            return drawn
        noise = rng.standard_normal(output.shape, np.float32)
        return output + self._std * noise

    def graph(self) -> Graph:
        """What `act` computes."""
        g = GraphBuilder(self.spec)
        rows = g.step("rows_together", "concat", *map(g.input, self.spec.observation_sizes))
        x = rows
        if self.config.normalize_observations:
            x = g.normalize("observation", rows, *self._mean_and_std)
            x = g.step("seen", "clip", x, -self.config.norm_clip, self.config.norm_clip)
        output = g.network("pi", x, self._pi, "tanh")
        return g.end(output if self.spec.discrete else g.step("unit", "clip", output, -1, 1))

    def document(self) -> dict[str, Any]:
        """Sizes and settings, as JSON."""
        return {"alg": "ppo2", "environment": self.spec.document(), "config": self.config.document()}

    def arrays(self) -> dict[str, np.ndarray]:
        """The agent's networks and statistics."""
        return dict(self._arrays)


def load_policy(document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Policy:
    """What `Policy.document` and `Policy.arrays` gave. Raises UserError."""
    if document.get("alg") != "ppo2":
        raise UserError(f"expected a policy of --alg=ppo2, got one of --alg={document.get('alg')}")
    spec = EnvSpec.from_document(document.get("environment", {}))
    config: PPOConfig = from_document(PPOConfig, document.get("config", {}))
    check_arrays(arrays, expected_arrays(spec, config))
    for name, array in arrays.items():
        if name.endswith(("/std", "/count")) and not (array > 0).all():
            raise UserError(f"array '{name}' is not positive")
    return Policy(spec, config, arrays)


def network_sizes(spec: EnvSpec, config: PPOConfig) -> dict[str, list[int]]:
    """The units of each layer of the policy and of the value, from the inputs to the outputs."""
    inputs, middle = sum(spec.observation_sizes.values()), [config.num_hidden] * config.num_layers
    value = [config.num_hidden, 1] if config.value_network == "shared" else [inputs, *middle, 1]
    return {"pi": [inputs, *middle, spec.action_size], "vf": value}


def expected_arrays(spec: EnvSpec, config: PPOConfig) -> dict[str, tuple[tuple[int, ...], type]]:
    """Shape and type of each array of an agent."""
    expected: dict[str, tuple[tuple[int, ...], type]] = {
        "networks/log_std": ((0 if spec.discrete else spec.action_size,), np.float32)
    }
    for net, sizes in network_sizes(spec, config).items():
        for i, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            expected[f"networks/{net}/{i}_kernel"] = (fan_in, fan_out), np.float32
            expected[f"networks/{net}/{i}_bias"] = (fan_out,), np.float32
    for stats, size in (("observation_stats", sum(spec.observation_sizes.values())), ("return_stats", 1)):
        for name in _STATISTICS:
            kind = np.float32 if name in ("mean", "std") else np.float64
            expected[f"{stats}/{name}"] = (1 if name == "count" else size,), kind
    return expected
