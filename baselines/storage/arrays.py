"""One JSON document and named arrays in one `.safetensors` file: policies and checkpoints.

The file appears under its name when it is complete and on the disk. The header's metadata holds the document and a
CRC-32 of everything, so that damage is noticed. Reading executes nothing.
"""

import json
import os
import stat
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from baselines.common.errors import UserError
from baselines.storage.files import replace_file, synced

SUFFIX = ".safetensors"


def write_arrays(path: str, document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> int:
    """Write the file and return its size in bytes. Raises OSError."""
    # safetensors writes the memory of an array as it lies.
    arrays = {k: np.asarray(x, np.asarray(x).dtype.newbyteorder("<"), order="C") for k, x in arrays.items()}
    text = json.dumps(document)
    metadata = {"document": text, "crc32": json.dumps(_checksums(text, arrays))}
    with replace_file(path) as file:
        try:
            save_file(arrays, file.name, metadata)
        except SafetensorError as error:
            raise OSError(str(error)) from None
        # save_file has put a file of its own there, which only its owner may read.
        os.chmod(file.name, stat.S_IMODE(os.fstat(file.fileno()).st_mode))
        with synced(open(file.name, "rb+")):
            return os.path.getsize(file.name)


def read_document(path: str) -> dict[str, Any]:
    """Return the document only, unchecked. Raises UserError where the file is not one that `write_arrays` wrote."""
    try:
        with _open(path) as file:
            return _document(file.metadata() or {})
    except (OSError, ValueError, SafetensorError, RecursionError) as error:
        raise _refused(path, error) from None


def read_arrays(path: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return document and arrays. Raises UserError where the file is damaged or not one that `write_arrays` wrote."""
    try:
        with _open(path) as file:
            metadata = file.metadata() or {}
            document = _document(metadata)
            arrays: dict[str, np.ndarray] = {name: file.get_tensor(name) for name in file.keys()}
        if json.loads(metadata.get("crc32", "")) != _checksums(metadata["document"], arrays):
            raise ValueError("its checksum does not match: it is damaged")
        return document, arrays
    except (OSError, ValueError, TypeError, SafetensorError, RecursionError) as error:
        raise _refused(path, error) from None


def _open(path: str) -> Any:
    if not os.path.isfile(path):  # opening a pipe would wait for ever
        raise OSError("it is a folder" if os.path.isdir(path) else "there is no such file")
    return safe_open(path, framework="np")


def _document(metadata: Mapping[str, str]) -> dict[str, Any]:
    document = json.loads(metadata.get("document", "null"))
    if not isinstance(document, dict):
        raise ValueError("it has no document of baselines")
    return document


def _checksums(text: str, arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Return the CRC-32 of the document under "" and of each array, its type and shape included, under its name."""
    sums = {"": zlib.crc32(text.encode())}
    for name, array in arrays.items():
        kind = zlib.crc32(f"{array.dtype.str}{array.shape}".encode())
        sums[name] = zlib.crc32(array.reshape(-1).view(np.uint8).data, kind)
    return sums


def _refused(path: str, error: Exception) -> UserError:
    reason = " ".join(str(error).split())[:200]
    return UserError(f"cannot read {path}: it is not a {SUFFIX} file of baselines ({reason})")
