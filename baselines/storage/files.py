"""Files and folders that a run writes."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from typing import IO, AnyStr

from baselines.common.errors import UserError


def check_writable(folder: str) -> None:
    """Try, without making it, that `folder` can be made and written to. Raises UserError."""
    there = os.path.abspath(folder)
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise UserError(f"cannot write to folder {folder}: {error.strerror}") from None


def check_file_writable(path: str) -> None:
    """Try, without making it, that a file can be written at `path`. Raises UserError."""
    if os.path.isdir(path):
        raise UserError(f"cannot write {path}: it is a folder")
    check_writable(os.path.dirname(os.path.abspath(path)))


@contextlib.contextmanager
def synced(file: IO[AnyStr]) -> Iterator[IO[AnyStr]]:
    """An opened file that is closed, and on the disk, when the block ends."""
    with file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def replace_file(path: str) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path` when the block ends, and leaves no trace if it fails."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(path) or ".")
    try:
        with synced(os.fdopen(handle, "wb")) as file:
            yield file
        os.chmod(temporary, 0o644)  # mkstemp's 0600 is for secrets
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def append_whole(path: str, data: bytes) -> None:
    """Append to a file all of `data` or, raising OSError, nothing of it."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        end = os.fstat(handle).st_size
        try:
            # One call: a process that is killed has written all or nothing.
            if os.write(handle, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.ftruncate(handle, end)
            raise
    finally:
        os.close(handle)


def lock(file: IO[str]) -> None:
    """Keep the file locked until it is closed or this process ends. Raises BlockingIOError where another one does."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        pass  # a file system that knows no locks
