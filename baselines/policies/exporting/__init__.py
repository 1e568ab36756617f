"""Exports of policies to formats of other programs: their files, and how these get to their place."""

import contextlib
import importlib
import keyword
import os
import re
import tempfile
from typing import Any, NamedTuple

from baselines.common.errors import Path, UserError, as_path, nearest
from baselines.learning.quiet import import_tensorflow
from baselines.policies.exporting.steps import inputs_of
from baselines.policies.policy import Policy
from baselines.storage import check_writable, synced


class Format(NamedTuple):
    """A format's files, and what its writer needs beside NumPy."""

    module: str  # which has a function `write_FORMAT(policy, path)`
    suffixes: tuple[str, ...]  # of its files; none: it is a folder
    extra: str = ""  # of `pip install`


FORMATS = {
    "savedmodel": Format("to_tensorflow", (), "baselines-her"),
    "tflite": Format("to_tensorflow", (".tflite",), "'baselines-her[tflite]'"),
    "onnx": Format("to_onnx", (".onnx",), "'baselines-her[onnx]'"),
    "numpy": Format("to_numpy", (".py", ".npz")),
}


def export(policy: Policy, format: str, output: Path) -> list[str]:
    """Write a policy, whole or not at all, and return the paths of its files or its folder. Raises UserError."""
    places = _places(str(format), as_path("output", output))
    if not isinstance(policy, Policy):
        raise UserError(f"expected a policy, from agent.policy() or load_policy(path), got {policy!r:.80}")
    if type(policy).act is not Policy.act:
        raise UserError(f"cannot export a {type(policy).__name__}, which acts in a way of its own")
    for name in inputs_of(policy):
        if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) or keyword.iskeyword(name) or name == "action":
            raise UserError(f"cannot export an input '{name}': expected a word of letters, digits and _, not 'action'")
    module, _, extra = FORMATS[format]
    if module == "to_tensorflow":
        import_tensorflow()
    try:
        writers: Any = importlib.import_module(f"baselines.policies.exporting.{module}")
    except ImportError as error:
        raise UserError(f"--format={format} needs {error.name or error}: pip install {extra}") from None
    parent = os.path.dirname(places[0])
    try:
        os.makedirs(parent, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export.", dir=parent) as folder, contextlib.ExitStack() as undo:
            getattr(writers, f"write_{format}")(policy, os.path.join(folder, os.path.basename(places[0])))
            for root, _, files in os.walk(folder):
                for file in files:
                    with synced(open(os.path.join(root, file), "rb+")):
                        pass
            for place in reversed(places):  # last the file that reads the others
                os.rename(os.path.join(folder, os.path.basename(place)), place)
                undo.callback(os.unlink, place)
            undo.pop_all()
    except OSError as error:
        raise UserError(f"cannot write {output}: {error.strerror or error}") from None
    return places


def _places(format: str, output: str) -> list[str]:
    """Return the files or the folder to write. Raises UserError where one exists already."""
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
