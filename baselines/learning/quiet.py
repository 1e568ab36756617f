"""Importing TensorFlow without its notes."""

import contextlib
import os
import sys
from collections.abc import Iterator


def import_tensorflow() -> None:
    """Import it, and keep its start-up notes off the screen. A missing TensorFlow raises where it is needed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _same_cores(), _silent_stderr(), contextlib.suppress(ImportError):
        import tensorflow  # noqa: F401


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """TensorFlow writes to file descriptor 2 from C++ while it is imported, whatever its log level."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as devnull:
        os.dup2(devnull.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextlib.contextmanager
def _same_cores() -> Iterator[None]:
    """Restore the cores of this thread: the import lets it use all, whatever `taskset` or --jobs said (TF 2.21)."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    try:
        yield
    finally:
        if before:
            os.sched_setaffinity(0, before)
