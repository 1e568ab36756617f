"""What a policy computes, as plain data that every format is written from. No TensorFlow.

A step is one of

    add, subtract, multiply (a, b)      tanh, round, argmax (x)     concat (x, ...)     cast (x), to the step's `kind`
    clip (x, low, high)                 normalize (x, mean, std): (x - mean) / std
    relu_network, tanh_network (x, kernel, bias, kernel, bias, ...): hidden layers and a linear output

of values with one row for each observation: [N, size], and [N] after `argmax`.
"""

import dataclasses
import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from baselines.common.errors import UserError
from baselines.common.specs import Actions, EnvSpec


@dataclass(frozen=True)
class Step:
    """`output = op(*inputs)`; the inputs are names of observations, of constants and of earlier outputs."""

    output: str
    op: str
    inputs: tuple[str, ...]
    kind: str = ""


@dataclass(frozen=True)
class Graph:
    """The whole computation, from the observation to `action`, which is the last step's output."""

    env_id: str
    inputs: Mapping[str, int]  # size of each entry of the observation that is needed; float32
    constants: Mapping[str, np.ndarray]  # those without dimensions are plain numbers
    steps: tuple[Step, ...]
    action_shape: tuple[int, ...]  # of one action
    action_type: str


@runtime_checkable
class Exportable(Protocol):
    """A policy that can be exported."""

    def graph(self) -> Graph:
        """What `act` computes."""


class GraphBuilder:
    """Writes down the steps of a policy, which are called in their order and return the name of their output."""

    def __init__(self, spec: EnvSpec):
        self._spec = spec
        self._inputs: dict[str, int] = {}
        self._constants: dict[str, np.ndarray] = {}
        self._steps: list[Step] = []

    def input(self, name: str) -> str:
        """An entry of the observation. Raises UserError for a name that not every format can have."""
        if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) or keyword.iskeyword(name) or name == "action":
            raise UserError(f"cannot export an input '{name}': expected a word of letters, digits and _, not 'action'")
        self._inputs[name] = self._spec.observation_sizes[name]
        return name

    def constant(self, name: str, value: np.ndarray) -> str:
        """An array, or a number as an array without dimensions."""
        self._constants[f"_{name}"] = value
        return f"_{name}"

    def step(self, output: str, op: str, *inputs: str | float, kind: str = "") -> str:
        """Plain numbers become constants, float32. All but inputs begin with _, as no input does."""
        assert output.isidentifier() and output not in {*self._inputs, *(step.output for step in self._steps)}
        names = [x if isinstance(x, str) else self.constant(f"{output}/{i}", np.array(x, np.float32))
                 for i, x in enumerate(inputs)]  # fmt: skip
        self._steps.append(Step(f"_{output}", op, tuple(names), kind))
        return f"_{output}"

    def normalize(self, name: str, x: str, mean: np.ndarray, std: np.ndarray) -> str:
        """(x - mean) / std."""
        statistics = self.constant(f"{name}_mean", mean), self.constant(f"{name}_std", std)
        return self.step(f"{name}_normalized", "normalize", x, *statistics)

    def network(self, name: str, x: str, layers: Sequence[tuple[np.ndarray, np.ndarray]], activation: str) -> str:
        """`numpy_networks.forward`, with activation "relu" or "tanh"."""
        arrays: list[str] = []
        for i, (kernel, bias) in enumerate(layers):
            arrays += self.constant(f"{name}_{i}_kernel", kernel), self.constant(f"{name}_{i}_bias", bias)
        return self.step(f"{name}_output", f"{activation}_network", x, *arrays)

    def end(self, output: str) -> Graph:
        """The graph, of whose last step `output` are the actions in [-1, 1] or a number for each discrete action."""
        shape: tuple[int, ...] = (self._spec.action_size,)
        kind = "float32"
        if self._spec.discrete:
            self.step("place", "argmax", output)
            shape, kind = (), "int64"
        elif self._spec.actions.low:
            self._to_env(output, self._spec.actions)
            kind = self._spec.actions.type
        last = dataclasses.replace(self._steps[-1], output="action")
        return Graph(self._spec.env_id, self._inputs, self._constants, (*self._steps[:-1], last), shape, kind)

    def _to_env(self, x: str, actions: Actions) -> None:
        """`Actions.to_env`."""
        low, high, kind = np.array(actions.low, np.float64), np.array(actions.high, np.float64), np.dtype(actions.type)
        x = self.step("exact", "cast", x, kind="float64")
        x = self.step("from_zero", "add", x, self.constant("one", np.array(1.0)))
        x = self.step("above_low", "multiply", x, self.constant("half_width", (high - low) / 2))
        x = self.step("in_units", "add", x, self.constant("low", low))
        if np.issubdtype(kind, np.integer):
            x = self.step("whole", "round", x)
        least, most = (np.asarray(bound.astype(kind), np.float64) for bound in (low, high))
        x = self.step("bounded", "clip", x, self.constant("least", least), self.constant("most", most))
        self.step("typed", "cast", x, kind=kind.name)
