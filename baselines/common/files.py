"""Files and folders that a run writes."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

from baselines.common.errors import UserError


def make_writable(folder: str) -> None:
    """Create `folder` if need be and try that it can be written to. Raises UserError."""
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"cannot write to folder {folder}: {error.strerror}") from None


@contextlib.contextmanager
def replace_file(path: str) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` when the block ends, and leaves no trace if it fails."""
    handle, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(path) or ".")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp's 0600 is for secrets
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
