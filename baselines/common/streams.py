"""Standard streams: output that cannot be shown never ends a program."""

import contextlib
import os
import sys
from typing import TextIO


def open_streams() -> None:
    """Give closed standard streams (`2>&-`, daemons) a place that drops all text.

    Otherwise a file of the run would become descriptor 2, into which libraries write their messages.
    """
    with contextlib.suppress(OSError):
        while (lowest_free := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(lowest_free, True)
        os.close(lowest_free)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))


def show(text: str, stream: TextIO | None = None) -> None:
    """Print to a stream, by default standard output, with escapes for characters that it does not know.

    The text is dropped if the stream is closed, its disk is full, or the reader of its pipe has ended (`| head`).
    """
    stream = stream or sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    with contextlib.suppress(OSError, ValueError):  # ValueError: Python's own file object is closed
        print(escaped(text, encoding), file=stream, flush=True)


def escaped(text: str, encoding: str = "utf-8") -> str:
    """Return the text with escapes for what the encoding does not have, e.g. names of files that are not UTF-8."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def flush_streams() -> None:
    """Write what is still to be shown; drop what nobody can read, which Python would complain about when it exits."""
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except (OSError, ValueError, AttributeError):
            setattr(sys, name, open(os.devnull, "w"))
