"""Files that appear whole or not at all, and arrays with a JSON document in one `.safetensors` file.

Such a file holds a policy or a checkpoint. Its header's metadata holds the document and a CRC-32 of everything, so that
damage is noticed. Reading executes nothing.
"""

import contextlib
import errno
import json
import os
import stat
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from typing import IO, Any, AnyStr

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from baselines.common.errors import UserError, one_line

SUFFIX = ".safetensors"


def check_writable(folder: str) -> None:
    """Raise UserError where `folder` could not be created or written to; creates nothing."""
    existing = os.path.abspath(folder)
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise UserError(f"cannot write to folder {folder}: {error.strerror}") from None


def check_file_writable(path: str) -> None:
    """Raise UserError where no file could be written at `path`; creates nothing."""
    if os.path.isdir(path):
        raise UserError(f"cannot write {path}: it is a folder")
    check_writable(os.path.dirname(os.path.abspath(path)))


@contextlib.contextmanager
def synced(file: IO[AnyStr]) -> Iterator[IO[AnyStr]]:
    """Give an open file, which is closed and on the disk when the block ends."""
    with file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def replace_file(path: str) -> Iterator[IO[bytes]]:
    """Give a new file that takes the place of `path` when the block ends, or leaves no trace where it fails.

    Where `path` is a symbolic link, the file that it leads to is replaced. `.name` is the new file's temporary path.
    """
    path = os.path.realpath(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.{os.urandom(4).hex()}")
    new = open(temporary, "xb")  # not tempfile's mkstemp, which ignores the user's umask
    try:
        with synced(new) as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def append_whole(path: str, data: bytes) -> None:
    """Append `data` to a file: all of it or, raising OSError, nothing."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        end = os.fstat(handle).st_size
        try:
            # One system call, so that a process that is killed has written all or nothing.
            if os.write(handle, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.ftruncate(handle, end)
            raise
    finally:
        os.close(handle)


def lock(file: IO[str]) -> None:
    """Lock the file until it is closed or this process ends. Raises BlockingIOError where another process holds it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        pass  # the file system has no locks


def write_arrays(path: str, document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> int:
    """Write the file and return its size in bytes. Raises OSError."""
    # safetensors writes the memory of an array as it lies.
    arrays = {k: np.asarray(x, np.asarray(x).dtype.newbyteorder("<"), order="C") for k, x in arrays.items()}
    header = {"document": document, "crc32": _checksums(document, arrays)}
    with replace_file(path) as file:
        try:
            save_file(arrays, file.name, {"baselines": json.dumps(header)})  # one key: their order is random
        except SafetensorError as error:
            raise OSError(str(error)) from None
        # save_file has put a file of its own there, which only its owner may read.
        os.chmod(file.name, stat.S_IMODE(os.fstat(file.fileno()).st_mode))
        with synced(open(file.name, "rb+")):
            return os.path.getsize(file.name)


def read_document(path: str) -> dict[str, Any]:
    """Return the document only, unchecked. Raises UserError where the file is not one that `write_arrays` wrote."""
    with _opened(path) as (_, header):
        document: dict[str, Any] = header["document"]
        return document


def read_arrays(path: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return document and arrays. Raises UserError where the file is damaged or not one that `write_arrays` wrote."""
    with _opened(path) as (file, header):
        arrays: dict[str, np.ndarray] = {name: file.get_tensor(name) for name in file.keys()}
        if header.get("crc32") != _checksums(header["document"], arrays):
            raise ValueError("its checksum does not match: it is damaged")
        return header["document"], arrays


@contextlib.contextmanager
def _opened(path: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Give the open file and the header that `write_arrays` made; errors become UserError."""
    try:
        if not os.path.isfile(path):  # opening a pipe would wait for ever
            raise OSError("it is a folder" if os.path.isdir(path) else "there is no such file")
        with safe_open(path, framework="np") as file:
            header = json.loads((file.metadata() or {}).get("baselines", "null"))
            if not isinstance(header, dict) or not isinstance(header.get("document"), dict):
                raise ValueError("it has no document of baselines")
            yield file, header
    except (OSError, ValueError, TypeError, SafetensorError, RecursionError) as error:
        reason = one_line(error)[:200]
        raise UserError(f"cannot read {path}: it is not a {SUFFIX} file of baselines ({reason})") from None


def _checksums(document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Return the CRC-32 of the document under "" and of each array, its type and shape included, under its name."""
    sums = {"": zlib.crc32(json.dumps(document).encode())}
    for name, array in arrays.items():
        kind = zlib.crc32(f"{array.dtype.str}{array.shape}".encode())
        sums[name] = zlib.crc32(array.reshape(-1).view(np.uint8).data, kind)
    return sums
