"""The formats that a policy is exported to, and how their files get to their place."""

import contextlib
import importlib
import keyword
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from baselines.common.errors import UserError, nearest
from baselines.learning.quiet import import_tensorflow
from baselines.policies.policy import Policy
from baselines.storage.files import check_writable, synced


@dataclass(frozen=True)
class Format:
    """The names of a format's files, and what its writer needs beside NumPy."""

    writer: str  # module and function
    suffixes: tuple[str, ...]  # none: a folder
    extra: str = ""  # of `pip install`
    needs_tensorflow: bool = False


FORMATS = {
    "savedmodel": Format("to_tensorflow.write_savedmodel", (), "baselines-her", needs_tensorflow=True),
    "tflite": Format("to_tensorflow.write_tflite", (".tflite",), "'baselines-her[tflite]'", needs_tensorflow=True),
    "onnx": Format("to_onnx.write", (".onnx",), "'baselines-her[onnx]'"),
    "numpy": Format("to_numpy.write", (".py", ".npz")),
}


def export(policy: Policy, format: str, output: str) -> None:
    """Write a policy, whole or not at all, in place of nothing. Raises UserError."""
    places = place_for(format, output)
    if getattr(type(policy), "act", None) is not Policy.act:
        raise UserError(f"cannot export a {type(policy).__name__}, which acts in a way of its own")
    for name in inputs_of(policy):
        if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) or keyword.iskeyword(name) or name == "action":
            raise UserError(f"cannot export an input '{name}': expected a word of letters, digits and _, not 'action'")
    write = _writer(format)
    try:
        with _moved_when_whole(places) as folder:
            write(policy, os.path.join(folder, os.path.basename(places[0])))
    except OSError as error:
        raise UserError(f"cannot write {output}: {error.strerror or error}") from None


def place_for(format: str, output: str) -> list[str]:
    """Return the files or the folder that an export to `output` makes. Raises UserError where one exists already."""
    if format not in FORMATS:
        raise UserError(f"format: expected one of {', '.join(FORMATS)}, got '{format}'{nearest(format, FORMATS)}")
    suffixes, path = FORMATS[format].suffixes, os.path.abspath(output)
    if suffixes and not (output.endswith(suffixes[0]) and os.path.basename(output) != suffixes[0]):
        raise UserError(f"--output={output}: expected a file that ends with {suffixes[0]}")
    places = [path.removesuffix(suffixes[0]) + suffix for suffix in suffixes] or [path]
    for place in places:
        if os.path.lexists(place):
            raise UserError(f"--output={output}: {place} exists already; move it away, or give another name")
    check_writable(os.path.dirname(path))
    return places


def inputs_of(policy: Policy) -> dict[str, int]:
    """Return the size of each entry of the observation that the policy reads."""
    names = [name for a, b in policy.design.columns for name in ((a, b) if b else (a,))]
    return {name: policy.spec.observation_sizes[name] for name in names}


def bounds_of(policy: Policy) -> dict[str, np.ndarray]:
    """Return the float64 arrays that scale [-1, 1] to the environment's units; none where those are its units.

    `(x + 1) * half_width + low`, rounded for whole numbers and bounded by `least` and `most`, is the action.
    """
    actions = policy.spec.actions
    if policy.spec.discrete or not actions.low:
        return {}
    low, high = np.array(actions.low, np.float64), np.array(actions.high, np.float64)
    least, most = (bound.astype(actions.type).astype(np.float64) for bound in (low, high))
    return {"half_width": (high - low) / 2, "low": low, "least": least, "most": most}


def action_type(policy: Policy) -> "np.dtype[Any]":
    """Return the type of the exported actions."""
    return np.dtype("int64" if policy.spec.discrete else policy.spec.actions.type if bounds_of(policy) else "float32")


def _writer(format: str) -> Any:
    """Return the function that writes a format. Raises UserError where a package is missing."""
    if FORMATS[format].needs_tensorflow:
        import_tensorflow()
    module, function = FORMATS[format].writer.split(".")
    try:
        return getattr(importlib.import_module(f"baselines.policies.exporting.{module}"), function)
    except ImportError as error:
        missing, extra = error.name or str(error), FORMATS[format].extra
        raise UserError(f"--format={format} needs {missing}: pip install {extra}") from None


@contextlib.contextmanager
def _moved_when_whole(places: list[str]) -> Iterator[str]:
    """Give a folder to write files in, which are moved to `places` when the block ends, or removed where it fails."""
    parent = os.path.dirname(places[0])
    os.makedirs(parent, exist_ok=True)
    moved: list[str] = []
    with tempfile.TemporaryDirectory(prefix=".export.", dir=parent) as folder:
        try:
            yield folder
            for root, _, files in os.walk(folder):
                for file in files:
                    with synced(open(os.path.join(root, file), "rb+")):
                        pass
            for place in reversed(places):  # last the file that reads the others
                os.rename(os.path.join(folder, os.path.basename(place)), place)
                moved.append(place)
        except BaseException:
            for place in moved:
                shutil.rmtree(place) if os.path.isdir(place) else os.unlink(place)
            raise
