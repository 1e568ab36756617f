"""A policy as an ONNX file."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from baselines.policies.exporting.formats import action_type, bounds_of, inputs_of
from baselines.policies.policy import Policy

# Old versions, which every runtime of the last years reads: `onnx` by itself would write its newest.
_OPSET, _IR_VERSION = 13, 8
_ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh"}


class _Nodes:
    """The nodes and constants of a graph; their names begin with _, as no input's does."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, op: str, *inputs: str | float | np.ndarray, **attributes: Any) -> str:
        """Add a node and return the name of its output; plain numbers become float32 constants."""
        names = [x if isinstance(x, str) else self._constant(x) for x in inputs]
        self.nodes.append(helper.make_node(op, names, [f"_{len(self.nodes)}"], **attributes))
        return str(self.nodes[-1].output[0])

    def clip(self, x: str, low: float | np.ndarray, high: float | np.ndarray) -> str:
        return self.add("Min", self.add("Max", x, low), high)

    def _constant(self, x: float | np.ndarray) -> str:
        array = x if isinstance(x, np.ndarray) else np.array(x, np.float32)
        self.constants.append(numpy_helper.from_array(array, f"_constant{len(self.constants)}"))
        return str(self.constants[-1].name)


def write(policy: Policy, path: str) -> None:
    """Write the file, with an input [N, size] for each entry of the observation and the output `action` [N, ..]."""
    nodes = _Nodes()
    _compute(policy, nodes)
    nodes.nodes[-1].output[0] = "action"
    inputs = [helper.make_tensor_value_info(k, TensorProto.FLOAT, ["N", n]) for k, n in inputs_of(policy).items()]
    kind = helper.np_dtype_to_tensor_dtype(action_type(policy))
    shape: list[str | int | None] = ["N"] if policy.spec.discrete else ["N", policy.spec.action_size]
    output = helper.make_tensor_value_info("action", kind, shape)
    model = helper.make_model(
        helper.make_graph(nodes.nodes, "policy", inputs, [output], nodes.constants),
        producer_name="baselines",
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid("", _OPSET)],
    )
    onnx.checker.check_model(model)
    with open(path, "wb") as file:
        file.write(model.SerializeToString())


def _compute(policy: Policy, nodes: _Nodes) -> None:
    """Add the nodes of `Policy.act`; the last one gives the action."""
    design, add = policy.design, nodes.add
    x = add("Concat", *(add("Sub", a, b) if b else a for a, b in design.columns), axis=-1)
    if design.clip is not None:
        x = nodes.clip(x, -design.clip, design.clip)
    if design.statistics:
        x = add("Div", add("Sub", x, policy.mean), policy.std)
        x = x if design.norm_clip is None else nodes.clip(x, -design.norm_clip, design.norm_clip)
    for i, (kernel, bias) in enumerate(policy.layers):
        x = x if i == 0 else add(_ACTIVATIONS[design.activation], x)
        x = add("Add", add("MatMul", x, kernel), bias)
    if policy.spec.discrete:
        add("ArgMax", x, axis=-1, keepdims=0)
        return
    x = add("Mul", add("Tanh", x) if design.squash == "tanh" else nodes.clip(x, -1, 1), design.scale)
    if bounds := bounds_of(policy):
        x = add("Cast", x, to=TensorProto.DOUBLE)
        x = add("Add", add("Mul", add("Add", x, np.array(1.0)), bounds["half_width"]), bounds["low"])
        x = add("Round", x) if action_type(policy).kind in "iu" else x
        x = nodes.clip(x, bounds["least"], bounds["most"])
        add("Cast", x, to=helper.np_dtype_to_tensor_dtype(action_type(policy)))
