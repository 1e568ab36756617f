"""A policy as a SavedModel of TensorFlow."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from baselines.policies.exporting.graph import Graph, Step


def write(graph: Graph, path: str) -> None:
    """Folder `path`, whose signature "serving_default" takes the inputs by name and returns `action`."""
    inputs = {name: tf.TensorSpec([None, size], tf.float32, name) for name, size in graph.inputs.items()}
    function = tf.function(_function(graph)).get_concrete_function(**inputs)
    tf.saved_model.save(tf.Module(), path, signatures=function)


def _function(graph: Graph) -> Callable[..., dict[str, Any]]:
    def act(**inputs: Any) -> dict[str, Any]:
        values = {**inputs, **{name: tf.constant(array) for name, array in graph.constants.items()}}
        for step in graph.steps:
            values[step.output] = _result(step, [values[name] for name in step.inputs])
        return {"action": values["action"]}

    return act


def _result(step: Step, inputs: list[Any]) -> Any:
    if step.op == "cast":
        return tf.cast(inputs[0], step.kind)
    return _OPS[step.op](*inputs)


def _network(activation: Callable[[Any], Any]) -> Callable[..., Any]:
    def forward(x: Any, *arrays: Any) -> Any:
        *hidden, (kernel, bias) = zip(arrays[::2], arrays[1::2], strict=True)
        for k, b in hidden:
            x = activation(x @ k + b)
        return x @ kernel + bias

    return forward


_OPS: dict[str, Callable[..., Any]] = {
    "add": tf.add,
    "subtract": tf.subtract,
    "multiply": tf.multiply,
    "normalize": lambda x, mean, std: (x - mean) / std,
    "clip": lambda x, low, high: tf.minimum(tf.maximum(x, low), high),
    "concat": lambda *parts: tf.concat(parts, -1),
    "tanh": tf.tanh,
    "round": tf.round,
    "argmax": lambda x: tf.argmax(x, -1, tf.int64),
    "relu_network": _network(tf.nn.relu),
    "tanh_network": _network(tf.tanh),
}
