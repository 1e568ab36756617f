"""A series of whole states in one folder, a file each: arrays and a JSON document in plain `.npz`, never a pickle.

A file appears under its name when it is complete and on the disk; the one before is kept until the next one is. Each
array has a checksum (the archive's CRC-32), so that a damaged file is noticed when it is read.
"""

import contextlib
import json
import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from baselines.common.errors import UserError
from baselines.storage.files import replace_file
from baselines.storage.npz import plain_array, read_members

_DOCUMENT = "document"  # the member that holds the JSON


def write(folder: str, number: int, rank: int, document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> int:
    """Write this rank's file number `number`; returns its bytes. Raises OSError, and leaves no trace then."""
    text = np.frombuffer(json.dumps(document).encode(), np.uint8)
    path = _path(folder, number, rank)
    with replace_file(path) as file:
        np.savez(file, allow_pickle=False, **{_DOCUMENT: text}, **arrays)
    return os.path.getsize(path)


def numbers(folder: str, rank: int) -> list[int]:
    """Which numbers this rank has files of, in order."""
    pattern = re.compile(rf"(\d{{1,18}})-rank{rank}\.npz")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(int(found[1]) for name in names if (found := pattern.fullmatch(name)))


def remove(folder: str, number: int, rank: int) -> None:
    """Delete this rank's file, if there is one."""
    with contextlib.suppress(OSError):
        os.unlink(_path(folder, number, rank))


def read(folder: str, number: int, rank: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Document and arrays of a file. Raises UserError where it is damaged or none of ours."""
    path = _path(folder, number, rank)
    try:
        # Ours are not compressed: what unpacks to more than the file has bytes is none of ours.
        members = read_members(path, os.path.getsize(path))
        arrays = {name: plain_array(content) for name, content in members.items()}
        document = json.loads(arrays.pop(_DOCUMENT).astype(np.uint8).tobytes())
        if not isinstance(document, dict):
            raise ValueError("its document is no JSON object")
        return document, arrays
    except (OSError, ValueError, KeyError, RecursionError) as error:
        raise UserError(f"cannot read {path}: {error}") from None


def _path(folder: str, number: int, rank: int) -> str:
    return os.path.join(folder, f"{number}-rank{rank}.npz")
