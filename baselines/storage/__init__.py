"""Files that appear whole or not at all, and files of strangers.

A `.safetensors` file of arrays and a JSON document holds a policy or a checkpoint. Its header's metadata holds the
document and a CRC-32 of everything, so that damage is noticed. Reading executes nothing.
"""

import contextlib
import errno
import glob
import json
import os
import shutil
import stat
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from typing import IO, Any, AnyStr, BinaryIO

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from baselines.common.errors import TrainingError, UserError, one_line

SUFFIX = ".safetensors"
_UNFINISHED = ".unfinished."  # how the folders of files that are being written begin
_LARGEST_HEADER = 8 << 20  # bytes; JSON takes some twenty times as much memory


def open_regular(path: str, most: int, mode: str = "rb") -> BinaryIO:
    """Open a file that may be a stranger's and has at most `most` bytes. Raises OSError, for pipes and devices too."""
    # A pipe would be waited for.
    flags = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags | (os.O_RDWR if "+" in mode else os.O_RDONLY))
    status = os.fstat(handle)
    if stat.S_ISREG(status.st_mode) and status.st_size <= most:
        return open(handle, mode)  # type: ignore[return-value]
    os.close(handle)
    if stat.S_ISREG(status.st_mode):
        raise OSError(errno.EFBIG, f"it has more than {most >> 20} MiB", path)
    raise OSError(errno.EINVAL, "it is a folder" if stat.S_ISDIR(status.st_mode) else "it is a pipe or a device", path)


def check_own_files(folder: str) -> None:
    """Raise UserError for links, pipes and devices in a folder that may be a stranger's: they lead out of it."""
    for where, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(where, name)
            with contextlib.suppress(FileNotFoundError):  # a file that is being written
                kind = os.lstat(path)
                if not stat.S_ISDIR(kind.st_mode) and not (stat.S_ISREG(kind.st_mode) and kind.st_nlink == 1):
                    remedy = "remove it, or copy what it leads to (cp -rL)"
                    raise UserError(f"{path} is a link, a pipe or a device, which may lead elsewhere: {remedy}")
        if where == folder and "wandb" in folders:  # Weights & Biases makes links there
            folders.remove("wandb")


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
    place, name = os.path.split(path)
    os.makedirs(place, exist_ok=True)
    # In a folder of its own, where safetensors also writes a file first.
    with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=place, ignore_cleanup_errors=True) as folder:
        with synced(open(os.path.join(folder, name), "xb")) as file:
            yield file
        os.replace(file.name, path)


def write_file(path: str, content: bytes) -> None:
    """Replace the file by this content. Raises TrainingError."""
    try:
        with replace_file(path) as file:
            file.write(content)
    except OSError as error:
        raise TrainingError(f"cannot write {path}: {error.strerror}") from None


def remove_unfinished(folder: str) -> None:
    """Remove what processes that were killed have begun to write in `folder` and the folders in it."""
    for place in ("", "*"):
        for path in glob.glob(os.path.join(glob.escape(folder), place, f"{_UNFINISHED}*")):
            shutil.rmtree(path, ignore_errors=True)


def append_whole(path: str, data: bytes) -> None:
    """Append `data` to a file: all of it or, raising OSError, nothing."""
    with open(path, "ab", buffering=0) as file:
        end = file.tell()
        try:
            # One system call, so that a process that is killed has written all or nothing.
            if os.write(file.fileno(), data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            file.truncate(end)
            raise


def lock(file: IO[str]) -> None:
    """Lock the file until it is closed or this process ends. Raises BlockingIOError where another process holds it."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except (ImportError, OSError):  # Windows, or a file system without locks
        pass


def write_arrays(path: str, document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> int:
    """Write the file and return its size in bytes. Raises OSError."""
    # safetensors writes the memory of an array as it lies.
    arrays = {k: np.asarray(x, np.asarray(x).dtype.newbyteorder("<"), order="C") for k, x in arrays.items()}
    header = json.dumps({"document": document, "crc32": _checksums(document, arrays)})
    if len(header) > _LARGEST_HEADER // 2:  # the names and shapes of the arrays take the rest
        raise OSError(errno.EFBIG, f"its settings and losses have more than {_LARGEST_HEADER >> 21} MiB")
    with replace_file(path) as file:
        try:
            save_file(arrays, file.name, {"baselines": header})  # one key: their order is random
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


def read_arrays(path: str, most: int = 1 << 62) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return document and arrays of a file that `write_arrays` wrote, of at most `most` bytes. Raises UserError."""
    with _opened(path, most) as (file, header):
        arrays: dict[str, np.ndarray] = {name: file.get_tensor(name) for name in file.keys()}
        if header.get("crc32") != _checksums(header["document"], arrays):
            raise ValueError("its checksum does not match: it is damaged")
        return header["document"], arrays


@contextlib.contextmanager
def _opened(path: str, most: int = 1 << 62) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Give the open file and the header that `write_arrays` made; errors become UserError."""
    try:
        with open_regular(path, most) as start:
            if int.from_bytes(start.read(8), "little") > _LARGEST_HEADER:
                raise ValueError("its header is damaged or too long")
        with safe_open(path, framework="np") as file:
            header = json.loads((file.metadata() or {}).get("baselines", "null"))
            if not isinstance(header, dict) or not isinstance(header.get("document"), dict):
                raise ValueError("it has no document of baselines")
            yield file, header
    except Exception as error:  # what safetensors raises depends on the damage
        reason = (getattr(error, "strerror", None) or one_line(error))[:200]
        raise UserError(f"cannot read {path}: it is not a {SUFFIX} file of baselines ({reason})") from None


def checksum(document: Mapping[str, Any]) -> int:
    """Return the CRC-32 of a JSON document."""
    return zlib.crc32(json.dumps(document).encode())


def _checksums(document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Return the CRC-32 of the document under "" and of each array, its type and shape included, under its name."""
    sums = {"": checksum(document)}
    for name, array in arrays.items():
        kind = zlib.crc32(f"{array.dtype.str}{array.shape}".encode())
        sums[name] = zlib.crc32(array.reshape(-1).view(np.uint8).data, kind)
    return sums
