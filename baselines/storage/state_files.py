"""A series of whole states in one folder, a `.safetensors` file for each number and worker."""

import contextlib
import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from baselines.storage.arrays import SUFFIX, read_arrays, write_arrays


def write(folder: str, number: int, rank: int, document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> int:
    """Write this worker's file `number` and return its size in bytes. Raises OSError."""
    return write_arrays(_path(folder, number, rank), document, arrays)


def numbers(folder: str, rank: int) -> list[int]:
    """Return the numbers of which this worker has files, in order."""
    pattern = re.compile(rf"(\d{{1,18}})-rank{rank}{re.escape(SUFFIX)}")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(int(match[1]) for name in names if (match := pattern.fullmatch(name)))


def remove(folder: str, number: int, rank: int) -> None:
    """Delete this worker's file, if there is one."""
    with contextlib.suppress(OSError):
        os.unlink(_path(folder, number, rank))


def read(folder: str, number: int, rank: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return document and arrays of a file. Raises UserError."""
    return read_arrays(_path(folder, number, rank))


def _path(folder: str, number: int, rank: int) -> str:
    return os.path.join(folder, f"{number}-rank{rank}{SUFFIX}")
