"""Importing TensorFlow without its notes, and without changing anything else in the process."""

import contextlib
import ctypes
import functools
import os
import random
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

from baselines.common.cores import cores
from baselines.common.errors import UserError

_importing = threading.Lock()
_forked = threading.Event()  # set in a process that was forked after TensorFlow had started its threads


def check_usable() -> None:
    """Raise UserError where TensorFlow would end this process, or wait forever for threads that no fork copies."""
    if _forked.is_set():
        remedy = 'start processes with multiprocessing.get_context("spawn"), or before the first training'
        raise UserError(f"TensorFlow cannot be used in a process that was forked after its first use: {remedy}")
    flags = " ".join(f"{n}={os.environ[n]}" for n in ("XLA_FLAGS", "TF_XLA_FLAGS") if os.environ.get(n))
    if flags and (why := _fatal_error(flags)):
        raise UserError(f"{flags} ends TensorFlow ({why}): correct this variable, or unset it")


@functools.cache
def _fatal_error(flags: str) -> str | None:
    """Return why a process that computes with these flags ends, as with an unknown one; None if it does not."""
    compute = "import tensorflow as tf; tf.function(tf.square, jit_compile=True)(1.0)"
    done = subprocess.run([sys.executable, "-c", compute], capture_output=True, text=True)
    fatal = re.search(r"^F\d{4} .*?\] (.*)", done.stderr, re.MULTILINE)
    return (fatal[1] if fatal else f"exit code {done.returncode}") if done.returncode else None


def import_tensorflow() -> None:
    """Import it, and keep its start-up notes off the screen. A missing TensorFlow raises where it is needed.

    Raises UserError where it cannot be used.
    """
    check_usable()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _importing:
        if "tensorflow" not in sys.modules:
            numbers = random.getstate()  # `rich`, which Keras imports, draws a number from the program's generator
            with _same_cores(), _silent_stderr(), contextlib.suppress(ImportError):
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


@contextlib.contextmanager
def _same_cores() -> Iterator[None]:
    """Restore the cores of this thread: the import lets it use all, whatever `taskset` or --jobs said (TF 2.21)."""
    before = cores()
    try:
        yield
    finally:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, before)


def note_fork() -> None:
    """Note in a forked process that TensorFlow had started its threads before, if it had."""
    eager: Any = sys.modules.get("tensorflow.python.eager.context")
    if eager and getattr(eager.context_safe(), "_initialized", False):
        _forked.set()
