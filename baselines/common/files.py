"""Files and folders that a run writes."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import IO

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
def synced(file: IO) -> Iterator[IO]:
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
