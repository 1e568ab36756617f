"""A policy as a SavedModel of TensorFlow, and as a TFLite file, which LiteRT runs."""

import os
import tempfile
from typing import Any

import tensorflow as tf

from baselines.common.errors import UserError
from baselines.policies.exporting.formats import action_type, bounds_of, inputs_of
from baselines.policies.policy import Policy

_ACTIVATIONS = {"relu": tf.nn.relu, "tanh": tf.tanh}


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
    design = policy.design
    x = tf.concat([entries[a] - entries[b] if b else entries[a] for a, b in design.columns], -1)
    if design.clip is not None:
        x = _clip(x, -design.clip, design.clip)
    if design.statistics:
        x = (x - policy.mean) / policy.std
        x = x if design.norm_clip is None else _clip(x, -design.norm_clip, design.norm_clip)
    for i, (kernel, bias) in enumerate(policy.layers):
        x = (x if i == 0 else _ACTIVATIONS[design.activation](x)) @ kernel + bias
    if policy.spec.discrete:
        return tf.argmax(x, -1, tf.int64)
    x = design.scale * (tf.tanh(x) if design.squash == "tanh" else _clip(x, -1.0, 1.0))
    if bounds := {name: tf.constant(bound, exact) for name, bound in bounds_of(policy).items()}:
        x = (tf.cast(x, exact) + 1) * bounds["half_width"] + bounds["low"]
        x = tf.round(x) if action_type(policy).kind in "iu" else x
        x = tf.cast(_clip(x, bounds["least"], bounds["most"]), action_type(policy))
    return x


def _clip(x: Any, low: Any, high: Any) -> Any:
    return tf.minimum(tf.maximum(x, low), high)
