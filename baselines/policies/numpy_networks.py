"""Networks in NumPy: what acts during rollouts and on a robot. No TensorFlow."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from baselines.common.errors import UserError
from baselines.common.specs import EnvSpec
from baselines.policies.exporting.graph import Graph, GraphBuilder
from baselines.policies.policy import ObservationLike, checked_entries

Layers = Sequence[tuple[np.ndarray, np.ndarray]]  # (kernel [in, out], bias [out]) of each layer
_MOST_LAYERS = 100


def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0)."""
    positive: np.ndarray = np.maximum(x, 0)
    return positive


def forward(layers: Layers, x: np.ndarray, activation: Callable[[np.ndarray], np.ndarray] = relu) -> np.ndarray:
    """Hidden layers and a linear output of `x` [N, in].

    In NumPy because a batch of a few rows costs 50 us here and 250 us through TensorFlow.
    """
    kernel, bias = layers[-1]
    return hidden(layers, x, activation) @ kernel + bias


def hidden(layers: Layers, x: np.ndarray, activation: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """What the last hidden layer gives; `x` itself where there is none."""
    for kernel, bias in layers[:-1]:
        x = activation(x @ kernel + bias)
    return x


def check_arrays(arrays: Mapping[str, np.ndarray], expected: Mapping[str, tuple[tuple[int, ...], type]]) -> None:
    """Raise UserError unless these are exactly the names, shapes and types that are expected, and all is finite."""
    if arrays.keys() != expected.keys():
        odd = sorted(arrays.keys() ^ expected.keys())
        raise UserError(f"its arrays are not those of such a network; the first odd one is {odd[0]!r}")
    for name, (shape, kind) in expected.items():
        array = arrays[name]
        if array.shape != shape or array.dtype != kind:
            wanted = f"{np.dtype(kind)} {list(shape)}"
            raise UserError(f"array '{name}': expected {wanted}, got {array.dtype} {list(array.shape)}")
        if not np.isfinite(array).all():
            raise UserError(f"array '{name}' has values that are not finite")


class NetworkPolicy:
    """One network from all entries of the observation to the action: the policy of algorithms without their own.

    Actions are the outputs, clipped to [-1, 1] and scaled to the environment's bounds; where they are discrete, the
    place of the largest output.
    """

    def __init__(self, spec: EnvSpec, layers: Layers):
        self.spec = spec
        self.layers = [(np.asarray(k, np.float32), np.asarray(b, np.float32)) for k, b in layers]

    def act(self, observation: ObservationLike) -> np.ndarray:
        """The action for an observation, or for several at once."""
        entries = checked_entries(observation, self.spec.observation_sizes)
        parts = [np.asarray(entry, np.float32) for entry in entries.values()]
        x = np.concatenate(parts, axis=-1)  # [..., in]
        output = forward(self.layers, np.atleast_2d(x)).reshape(*x.shape[:-1], self.spec.action_size)
        action: np.ndarray = output.argmax(-1)
        return action if self.spec.discrete else self.spec.actions.to_env(np.clip(output, -1, 1))

    def graph(self) -> Graph:
        """What `act` computes."""
        g = GraphBuilder(self.spec)
        entries = [g.input(key) for key in self.spec.observation_sizes]
        output = g.network("pi", g.step("x", "concat", *entries), self.layers, "relu")
        return g.end(output if self.spec.discrete else g.step("unit", "clip", output, -1, 1))

    def document(self) -> dict[str, Any]:
        return {"alg": NETWORK, "environment": self.spec.document(), "layers": len(self.layers)}

    def arrays(self) -> dict[str, np.ndarray]:
        named = [(f"{i}_kernel", f"{i}_bias") for i in range(len(self.layers))]
        return dict(zip(sum(named, ()), sum(self.layers, ()), strict=True))

    @classmethod
    def load(cls, document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "NetworkPolicy":
        """What `document()` and `arrays()` gave. Raises UserError."""
        if document.get("alg") != NETWORK:
            raise UserError(f"expected a policy that is one network, got one of --alg={document.get('alg')}")
        spec, count = EnvSpec.from_document(document.get("environment", {})), document.get("layers")
        if type(count) is not int or not 1 <= count <= _MOST_LAYERS:
            raise UserError(f"layers: expected 1 to {_MOST_LAYERS}, got {count!r}")
        inner = [arrays[f"{i}_bias"].size if f"{i}_bias" in arrays else 0 for i in range(count - 1)]
        sizes = [sum(spec.observation_sizes.values()), *inner, spec.action_size]
        expected: dict[str, tuple[tuple[int, ...], type]] = {}
        for i in range(count):
            expected[f"{i}_kernel"] = (sizes[i], sizes[i + 1]), np.float32
            expected[f"{i}_bias"] = (sizes[i + 1],), np.float32
        check_arrays(arrays, expected)
        return cls(spec, [(arrays[f"{i}_kernel"], arrays[f"{i}_bias"]) for i in range(count)])


NETWORK = "network"  # the name of such policies, in the place of an algorithm's
