"""Files that appear whole or not at all."""

import contextlib
import errno
import json
import os
import tempfile
from collections.abc import Iterator
from typing import IO, Any, AnyStr

from baselines.common.errors import UserError

_LARGEST_JSON = 1 << 20  # bytes; ours have about 4 kB


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


def read_json(path: str) -> dict[str, Any]:
    """Return the JSON object in a file. Raises UserError."""
    try:
        if os.path.getsize(path) > _LARGEST_JSON:
            raise ValueError(f"it is larger than {_LARGEST_JSON} bytes")
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        if not isinstance(document, dict):
            raise ValueError("it holds no JSON object")
        return document
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"cannot read {path}: {error}") from None


def append_whole(path: str, data: bytes) -> None:
    """Append `data` to a file: all of it or, raising OSError, nothing."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
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
