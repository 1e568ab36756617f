"""Folders that a run writes to."""

import os
import tempfile

from baselines.common.errors import UserError


def make_writable(folder: str) -> None:
    """Create `folder` if need be and try that it can be written to. Raises UserError."""
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"cannot write to folder {folder}: {error.strerror}") from None
