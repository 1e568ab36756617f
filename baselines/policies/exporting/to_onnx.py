"""A policy as an ONNX file."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from baselines.policies.exporting.steps import action_type, inputs_of, steps_of
from baselines.policies.policy import Policy


def write_onnx(policy: Policy, path: str) -> None:
    """Write the file, with an input [N, size] for each entry of the observation and the output `action` [N, ..]."""
    kind = helper.np_dtype_to_tensor_dtype(action_type(policy))
    nodes, constants = _graph(policy, kind)
    inputs = [helper.make_tensor_value_info(k, TensorProto.FLOAT, ["N", n]) for k, n in inputs_of(policy).items()]
    shape: list[str | int | None] = ["N"] if policy.spec.discrete else ["N", policy.spec.action_size]
    output = helper.make_tensor_value_info("action", kind, shape)
    model = helper.make_model(
        helper.make_graph(nodes, "policy", inputs, [output], constants),
        producer_name="baselines",
        # Old versions, which every runtime of the last years reads: `onnx` by itself would write its newest.
        ir_version=8,
        opset_imports=[helper.make_opsetid("", 13)],
    )
    onnx.checker.check_model(model)
    with open(path, "wb") as file:
        file.write(model.SerializeToString())


def _graph(policy: Policy, kind: int) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Return the nodes of `Policy.act`, the last of which gives `action`, and their constants."""
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def add(op: str, *operands: str | float | np.ndarray, **attributes: Any) -> str:
        """Add a node and return the name of its output. Such names begin with _, as no input's does."""
        names = []
        for operand in operands:
            if not isinstance(operand, str):
                array = operand if isinstance(operand, np.ndarray) else np.array(operand, np.float32)
                operand = f"_constant{len(constants)}"
                constants.append(numpy_helper.from_array(array, operand))
            names.append(operand)
        nodes.append(helper.make_node(op, names, [f"_{len(nodes)}"], **attributes))
        return str(nodes[-1].output[0])

    operations: dict[str, Callable[..., str]] = {
        "clip": lambda x, low, high: add("Min", add("Max", x, low), high),
        "normalize": lambda x, mean, std: add("Div", add("Sub", x, mean), std),
        "layer": lambda x, kernel, bias: add("Add", add("MatMul", x, kernel), bias),
        "relu": lambda x: add("Relu", x),
        "tanh": lambda x: add("Tanh", x),
        "argmax": lambda x: add("ArgMax", x, axis=-1, keepdims=0),
        "multiply": lambda x, factor: add("Mul", x, factor),
        "to_units": lambda x, half_width, low: add(
            "Add", add("Mul", add("Add", add("Cast", x, to=TensorProto.DOUBLE), np.array(1.0)), half_width), low
        ),
        "round": lambda x: add("Round", x),
    }
    x = add("Concat", *(add("Sub", a, b) if b else a for a, b in policy.design.columns), axis=-1)
    for operation, *operands in steps_of(policy):
        x = operations[operation](x, *operands)
    add("Cast", x, to=kind)
    nodes[-1].output[0] = "action"
    return nodes, constants
