"""The formats that a policy is exported to, and how their files come to their place."""

import contextlib
import importlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from baselines.common.errors import UserError, nearest
from baselines.learning.quiet import import_tensorflow
from baselines.policies.exporting.graph import Exportable
from baselines.storage.files import check_writable, synced


@dataclass(frozen=True)
class Format:
    """How its files are called, and what its writer needs beside NumPy."""

    suffixes: tuple[str, ...]  # none: a folder
    extra: str = ""  # of `pip install`
    needs_tensorflow: bool = False


FORMATS = {
    "savedmodel": Format((), "baselines-her", needs_tensorflow=True),
    "tflite": Format((".tflite",), "'baselines-her[tflite]'", needs_tensorflow=True),
    "onnx": Format((".onnx",), "'baselines-her[onnx]'"),
    "numpy": Format((".py", ".npz")),
}


def export(policy: Any, format: str, output: str) -> None:
    """Write a policy, whole or not at all. Raises UserError."""
    places = place_for(format, output)
    if not isinstance(policy, Exportable):
        raise UserError(f"a {type(policy).__name__} of this algorithm cannot be exported: it has no method graph()")
    graph = policy.graph()
    writer = _writer(format)
    try:
        with _moved_when_whole(places) as folder:
            writer.write(graph, os.path.join(folder, os.path.basename(places[0])))
    except OSError as error:
        raise UserError(f"cannot write {output}: {error.strerror or error}") from None


def place_for(format: str, output: str) -> list[str]:
    """The files or the folder that an export to `output` makes. Raises UserError where there is something already."""
    if format not in FORMATS:
        raise UserError(f"format: expected one of {', '.join(FORMATS)}, got '{format}'{nearest(format, FORMATS)}")
    suffixes, path = FORMATS[format].suffixes, os.path.abspath(output)
    if suffixes and not (output.endswith(suffixes[0]) and os.path.basename(output) != suffixes[0]):
        raise UserError(f"--output={output}: expected a file that ends with {suffixes[0]}")
    places = [path.removesuffix(suffixes[0]) + suffix for suffix in suffixes] or [path]
    for place in places:
        if os.path.lexists(place):
            raise UserError(f"--output={output}: {place} is there already; move it away, or give another name")
    check_writable(os.path.dirname(path))
    return places


def _writer(format: str) -> Any:
    """The module `to_<format>`. Raises UserError where a package is missing."""
    if FORMATS[format].needs_tensorflow:
        import_tensorflow()
    try:
        return importlib.import_module(f"baselines.policies.exporting.to_{format}")
    except ImportError as error:
        missing, extra = error.name or str(error), FORMATS[format].extra
        raise UserError(f"--format={format} needs {missing}: pip install {extra}") from None


@contextlib.contextmanager
def _moved_when_whole(places: list[str]) -> Iterator[str]:
    """A folder to write files in, which are moved to `places` when the block ends, or removed where it fails."""
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
            for place in reversed(places):  # the file that reads the others last
                os.rename(os.path.join(folder, os.path.basename(place)), place)
                moved.append(place)
        except BaseException:
            for place in moved:
                shutil.rmtree(place) if os.path.isdir(place) else os.unlink(place)
            raise
