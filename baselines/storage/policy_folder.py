"""Named arrays and a JSON document in a folder: written whole or not at all, and read without executing anything."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from baselines.common.errors import UserError
from baselines.storage.files import synced
from baselines.storage.kinds import odd_kind
from baselines.storage.npz import plain_array, read_members

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
        raise UserError(f"no policy at {path}: {_why_no_folder(path)}")
    if not any(os.path.exists(os.path.join(path, name)) for name in (_DOCUMENT, _ARRAYS)):
        latest = _existing(os.path.join(path, "latest"))
        if not os.path.isdir(latest):
            raise UserError(f"no policy in {path}: {_why_none_in(path)}")
        path = latest
    there = [name for name in (_DOCUMENT, _DOCUMENT_OF_FORMAT_1) if os.path.exists(os.path.join(path, name))]
    document = read_document(path, (there or [_DOCUMENT])[0])
    file = os.path.join(path, _ARRAYS)
    try:
        # Ours are not compressed: what unpacks to more than the file has bytes is none of ours.
        contents = read_members(file, os.path.getsize(file))
        return document, {name: plain_array(content) for name, content in contents.items()}
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {file}: {error}") from None


def _why_no_folder(path: str) -> str:
    """And what to give, for a file in place of the folder."""
    if not os.path.lexists(path):
        return "there is no such folder"
    if os.path.basename(path) in (_DOCUMENT, _ARRAYS, _DOCUMENT_OF_FORMAT_1):
        return f"it is one file of a folder; give that: {os.path.dirname(path) or '.'}"
    try:
        kind = odd_kind(path) or "it is a file"
    except OSError as error:
        kind = f"it cannot be read ({error.strerror})"
    return f"{kind}. Policies here are folders, which --save_path=DIR writes"


def _why_none_in(folder: str) -> str:
    there = sorted(os.listdir(folder))
    if pickles := [name for name in there if name.endswith((".pkl", ".pickle"))]:
        return f"{pickles[0]} is a pickle, which is not read here. Policies here are what --save_path=DIR writes"
    if "checkpoint" in there and _DOCUMENT_OF_FORMAT_1 in there:
        return "it is a run's log folder; give the folder that its --save_path named, or --resume it"
    return f"it has no {_DOCUMENT}, nor a folder 'latest' that has, as --save_path=DIR writes them"


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
    except OSError as error:
        raise UserError(f"cannot read {file}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"cannot read {file}: {odd_kind(file) or error}") from None


def _existing(path: str) -> str:
    """Where the folder `path` is: at its name, or set aside if the machine died between two renames of `write`."""
    return path + ".old" if not os.path.isdir(path) and os.path.isdir(path + ".old") else path
