"""A policy as a TFLite file, which LiteRT runs."""

import dataclasses
import os
import tempfile

import numpy as np
import tensorflow as tf

from baselines.common.errors import UserError
from baselines.policies.exporting import to_savedmodel
from baselines.policies.exporting.graph import Graph

_NOT_THERE = ("uint64",)


def write(graph: Graph, path: str) -> None:
    """The file at `path`, with the signature of the SavedModel. Raises UserError for what TFLite cannot say."""
    if graph.action_type in _NOT_THERE:
        raise UserError(f"--format=tflite: actions of type {graph.action_type}, which TFLite cannot make")
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "model")
        to_savedmodel.write(in_single_precision(graph), model)
        data = tf.lite.TFLiteConverter.from_saved_model(model).convert()
    with open(path, "wb") as file:
        file.write(data)


def in_single_precision(graph: Graph) -> Graph:
    """TFLite does not calculate in float64; it only casts to it, which the last step may do."""
    *steps, last = graph.steps
    single = [dataclasses.replace(s, kind="float32") if s.kind == "float64" else s for s in steps]
    constants = {n: x.astype(np.float32) if x.dtype == np.float64 else x for n, x in graph.constants.items()}
    return dataclasses.replace(graph, constants=constants, steps=(*single, last))
