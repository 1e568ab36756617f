"""Importing TensorFlow without its notes, and without changing anything else in the process."""

import contextlib
import ctypes
import os
import random
import sys
import threading
from collections.abc import Iterator
from typing import Any

from baselines.common.errors import UserError

_importing = threading.Lock()
_forked = threading.Event()  # set in a process that was forked after TensorFlow had started its threads


def import_tensorflow() -> None:
    """Import it, and keep its start-up notes off the screen. A missing TensorFlow raises where it is needed.

    Raises UserError in a process where it would wait forever for threads that a fork does not copy.
    """
    if _forked.is_set():
        raise UserError(
            "TensorFlow cannot be used in a process that was forked after its first use: start processes with "
            'multiprocessing.get_context("spawn"), or before the first training'
        )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _importing:
        if "tensorflow" not in sys.modules:
            numbers = random.getstate()  # `rich`, which Keras imports, draws a number from the program's generator
            with _silent_stderr(), contextlib.suppress(ImportError):
                import tensorflow  # noqa: F401
            random.setstate(numbers)


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """TensorFlow writes to the `stderr` of C while it is imported, whatever its log level.

    This replaces that variable and not file descriptor 2, which Python, other threads and new processes use.
    """
    try:
        c = ctypes.CDLL(None)
        stderr = ctypes.c_void_p.in_dll(c, "__stderrp" if sys.platform == "darwin" else "stderr")
    except (TypeError, ValueError):  # another C library
        yield
        return
    c.fopen.restype = ctypes.c_void_p
    kept, stderr.value = stderr.value, c.fopen(os.devnull.encode(), b"w")  # never closed: a library may have kept it
    try:
        yield
    finally:
        stderr.value = kept


def _after_fork() -> None:
    eager: Any = sys.modules.get("tensorflow.python.eager.context")
    if eager and eager.context()._initialized:
        _forked.set()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)
