"""A policy as an ONNX file."""

import itertools

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from baselines.policies.exporting.graph import Graph, Step

# Old ones, which every runtime of the last years reads: `onnx` alone would write its newest.
_OPSET, _IR_VERSION = 13, 8
_OPS = {"add": "Add", "subtract": "Sub", "multiply": "Mul", "tanh": "Tanh", "round": "Round"}
_PAIRS = {"clip": ("Max", "Min"), "normalize": ("Sub", "Div")}
_ACTIVATIONS = {"relu_network": "Relu", "tanh_network": "Tanh"}


def write(graph: Graph, path: str) -> None:
    """The file at `path`; inputs [N, size] and output [N, ..] have the graph's names."""
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", n]) for name, n in graph.inputs.items()]
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(graph.action_type))
    output = helper.make_tensor_value_info("action", kind, ["N", *graph.action_shape])
    numbers = [numpy_helper.from_array(np.asarray(array), name) for name, array in graph.constants.items()]
    nodes = list(itertools.chain.from_iterable(map(_nodes, graph.steps)))
    model = helper.make_model(
        helper.make_graph(nodes, "policy", inputs, [output], numbers),
        producer_name="baselines",
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid("", _OPSET)],
    )
    onnx.checker.check_model(model)
    with open(path, "wb") as file:
        file.write(model.SerializeToString())


def _nodes(step: Step) -> list[onnx.NodeProto]:
    x, *others = step.inputs
    if step.op in _ACTIVATIONS:
        return _network(step, _ACTIVATIONS[step.op])
    if step.op in _PAIRS:
        (first, second), (a, b), between = _PAIRS[step.op], others, f"{step.output}/0"
        return [helper.make_node(first, [x, a], [between]), helper.make_node(second, [between, b], [step.output])]
    if step.op == "concat":
        return [helper.make_node("Concat", list(step.inputs), [step.output], axis=-1)]
    if step.op == "argmax":
        return [helper.make_node("ArgMax", [x], [step.output], axis=-1, keepdims=0)]
    if step.op == "cast":
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(step.kind))
        return [helper.make_node("Cast", [x], [step.output], to=kind)]
    return [helper.make_node(_OPS[step.op], list(step.inputs), [step.output])]


def _network(step: Step, activation: str) -> list[onnx.NodeProto]:
    x, *arrays = step.inputs
    nodes = []
    for i, (kernel, bias) in enumerate(zip(arrays[::2], arrays[1::2], strict=True)):
        product, total, seen = (f"{step.output}/{i}/{name}" for name in ("product", "sum", "seen"))
        is_last = 2 * i + 2 == len(arrays)
        nodes.append(helper.make_node("MatMul", [x, kernel], [product]))
        nodes.append(helper.make_node("Add", [product, bias], [step.output if is_last else total]))
        if not is_last:
            nodes.append(helper.make_node(activation, [total], [seen]))
        x = seen
    return nodes
