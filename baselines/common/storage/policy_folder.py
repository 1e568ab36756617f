"""Named arrays and a JSON document in a folder: written whole or not at all, and read without executing anything."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from baselines.common.errors import UserError
from baselines.common.storage.files import synced
from baselines.common.storage.npz import plain_array, read_members

_DOCUMENT, _ARRAYS = "policy.json", "arrays.npz"
_DOCUMENT_OF_FORMAT_1 = "config.json"
_LARGEST_DOCUMENT = 1 << 20  # bytes; ours have about 1 kB


def write(path: str, document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write folder `path`, in place of an earlier one of this kind.

    All is written under a temporary name first. The earlier folder is renamed to `path.old` for the moment between
    two renames; `read` finds it there if the machine died in that moment.
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


def read(path: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Document and arrays of a folder that `write` made, or of its `latest`. Raises UserError.

    No more is read than the files have bytes.
    """
    path = _existing(path)
    if not os.path.isdir(path):
        raise UserError(f"no policy at {path}: there is no such folder")
    if not any(os.path.exists(os.path.join(path, name)) for name in (_DOCUMENT, _ARRAYS)):
        path = _existing(os.path.join(path, "latest"))
    there = [name for name in (_DOCUMENT, _DOCUMENT_OF_FORMAT_1) if os.path.exists(os.path.join(path, name))]
    document = read_document(path, (there or [_DOCUMENT])[0])
    file = os.path.join(path, _ARRAYS)
    try:
        # Ours are not compressed: what unpacks to more than the file has bytes is none of ours.
        contents = read_members(file, os.path.getsize(file))
        return document, {name: plain_array(content) for name, content in contents.items()}
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {file}: {error}") from None


def read_document(folder: str, name: str) -> dict[str, Any]:
    """A JSON object in a file of a folder. Raises UserError."""
    file = os.path.join(folder, name)
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


def _existing(path: str) -> str:
    """Where the folder `path` is: at its name, or set aside if the machine died between two renames of `write`."""
    return path + ".old" if not os.path.isdir(path) and os.path.isdir(path + ".old") else path
