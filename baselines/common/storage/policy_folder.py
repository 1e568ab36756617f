"""Named arrays and a JSON document in a folder: written whole or not at all, and read without executing anything."""

import json
import math
import os
import shutil
import tempfile
from collections.abc import Mapping

import numpy as np

from baselines.common.errors import UserError
from baselines.common.storage.files import synced
from baselines.common.storage.npz import plain_array, read_members

_DOCUMENT, _ARRAYS = "config.json", "arrays.npz"
_LARGEST_DOCUMENT = 1 << 20  # bytes; ours have about 1 kB


def write(path: str, document: Mapping, arrays: Mapping[str, np.ndarray]) -> None:
    """Write folder `path`, in place of an earlier one of this kind.

    All is written under a temporary name first. The earlier folder is renamed to `path.old` for the moment between
    two renames; `read_document` and `read_arrays` find it there if the machine died in that moment.
    """
    parent = os.path.dirname(os.path.abspath(path))
    os.makedirs(parent, exist_ok=True)
    new = tempfile.mkdtemp(prefix=f".{os.path.basename(path)}.", dir=parent)
    try:
        os.chmod(new, 0o755)  # mkdtemp's 0700 is for secrets
        with synced(open(os.path.join(new, _DOCUMENT), "w", encoding="utf-8")) as file:
            json.dump(document, file, indent=2)
        with synced(open(os.path.join(new, _ARRAYS), "wb")) as file:
            np.savez(file, allow_pickle=False, **arrays)
        old = path + ".old"
        if os.path.lexists(path):
            shutil.rmtree(old, ignore_errors=True)
            os.rename(path, old)
        os.rename(new, path)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def read_document(path: str, name: str = _DOCUMENT) -> dict:
    """A JSON document, by default that of a folder that `write` made. Raises UserError."""
    file = os.path.join(existing(path), name)
    try:
        if os.path.getsize(file) > _LARGEST_DOCUMENT:
            raise ValueError(f"it is larger than {_LARGEST_DOCUMENT} bytes")
        with open(file, encoding="utf-8") as opened:
            document = json.load(opened)
        if not isinstance(document, dict):
            raise ValueError("it holds no JSON object")
        return document
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"cannot read {file}: {error}") from None


def read_arrays(path: str, expected: Mapping[str, tuple[tuple[int, ...], type]]) -> dict[str, np.ndarray]:
    """The arrays of a folder that `write` made, which must have exactly these names, shapes and types.

    No more is read than arrays of these sizes can have. Raises UserError.
    """
    file = os.path.join(existing(path), _ARRAYS)
    claimed = sum(math.prod(shape) * np.dtype(kind).itemsize + 1000 for shape, kind in expected.values())
    try:
        # Ours are not compressed: what unpacks to more than the file has bytes is none of ours.
        contents = read_members(file, min(claimed, os.path.getsize(file)))
        if contents.keys() != expected.keys():
            odd = sorted(contents.keys() ^ expected.keys())
            raise ValueError(f"its arrays are not those of such a network; the first odd one is {odd[0]!r}")
        arrays = {name: plain_array(content) for name, content in contents.items()}
        for name, (shape, kind) in expected.items():
            _check(name, arrays[name], shape, kind)
        return arrays
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {file}: {error}") from None


def _check(name: str, array: np.ndarray, shape: tuple[int, ...], kind: type) -> None:
    if array.shape != shape or array.dtype != kind:
        expected = f"{np.dtype(kind)} {list(shape)}"
        raise ValueError(f"array '{name}': expected {expected}, got {array.dtype} {list(array.shape)}")
    if not np.isfinite(array).all():
        raise ValueError(f"array '{name}' has values that are not finite")


def existing(path: str) -> str:
    """Where the folder `path` is: at its name, or set aside if the machine died between two renames of `write`."""
    return path + ".old" if not os.path.isdir(path) and os.path.isdir(path + ".old") else path
