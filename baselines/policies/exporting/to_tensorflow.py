"""A policy as a SavedModel of TensorFlow, and as a TFLite file, which LiteRT runs."""

import os
import tempfile
from typing import Any

import tensorflow as tf

from baselines.common.errors import UserError
from baselines.policies.exporting.steps import action_type, inputs_of, steps_of
from baselines.policies.policy import Policy


def write_savedmodel(policy: Policy, path: str, exact: tf.DType = tf.float64) -> None:
    """Write a folder whose signature "serving_default" takes the inputs [N, size] by name and returns `action`.

    Actions are scaled to the environment's units in the type `exact`.
    """
    inputs = {name: tf.TensorSpec([None, size], tf.float32, name) for name, size in inputs_of(policy).items()}
    function = tf.function(lambda **entries: {"action": _action(policy, entries, exact)})
    tf.saved_model.save(tf.Module(), path, signatures=function.get_concrete_function(**inputs))


def write_tflite(policy: Policy, path: str) -> None:
    """Write a file with the signature of the SavedModel. Raises UserError for a type that TFLite does not have."""
    if action_type(policy) == "uint64":
        raise UserError("--format=tflite: actions of type uint64, which TFLite cannot make")
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "model")
        write_savedmodel(policy, model, exact=tf.float32)  # TFLite does not calculate in float64
        data = tf.lite.TFLiteConverter.from_saved_model(model).convert()
    with open(path, "wb") as file:
        file.write(data)


def _action(policy: Policy, entries: dict[str, Any], exact: tf.DType) -> Any:
    """Return what `Policy.act` returns."""
    operations = {
        "clip": lambda x, low, high: tf.minimum(tf.maximum(x, low), high),
        "normalize": lambda x, mean, std: (x - mean) / std,
        "layer": lambda x, kernel, bias: x @ kernel + bias,
        "relu": tf.nn.relu,
        "tanh": tf.tanh,
        "argmax": lambda x: tf.argmax(x, -1, tf.int64),
        "multiply": tf.multiply,
        "to_units": lambda x, half_width, low: (tf.cast(x, exact) + 1) * half_width + low,
        "round": tf.round,
    }
    x = tf.concat([entries[a] - entries[b] if b else entries[a] for a, b in policy.design.columns], -1)
    for operation, *operands in steps_of(policy):
        kinds = (exact if getattr(operand, "dtype", None) == "float64" else tf.float32 for operand in operands)
        x = operations[operation](x, *map(tf.cast, operands, kinds))
    return tf.cast(x, action_type(policy))
