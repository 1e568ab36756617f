"""Standard streams: output that cannot be shown never ends a program."""

import contextlib
import io
import os
import shutil
import sys
import textwrap
from typing import Any, TextIO

from baselines.common.errors import printable


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
        text = printable(text)
        if stream.isatty():  # it would break lines within words; commands, which are indented, stay whole
            text = "\n".join(wrapped(line) if line[:1].isalpha() else line for line in text.split("\n"))
        print(escaped(text, encoding), file=stream, flush=True)


def wrapped(text: str, indent: int = 2) -> str:
    """Return `text` in lines that fit the terminal, broken between words; all but the first have an `indent`."""
    width = shutil.get_terminal_size((110, 24)).columns  # COLUMNS, or the terminal's
    lines = textwrap.wrap(text, max(width, indent + 20), subsequent_indent=" " * indent, break_long_words=False,
                          break_on_hyphens=False)  # fmt: skip
    return "\n".join(lines)


def escaped(text: str, encoding: str = "utf-8") -> str:
    """Return the text with escapes for what the encoding does not have, e.g. names of files that are not UTF-8."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def flush_streams() -> None:
    """Write what is still to be shown, if that is possible."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()


class _Forgiving(io.FileIO):
    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


def forgive_streams() -> None:
    """Let everything that a command prints, and that its environments print, be dropped or escaped as by `show`."""
    open_streams()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__") and isinstance(stream, io.TextIOWrapper):
            flush_streams()
            raw = _Forgiving(stream.fileno(), "w", closefd=False)
            setattr(sys, name, io.TextIOWrapper(io.BufferedWriter(raw), stream.encoding, "backslashreplace",
                                                line_buffering=stream.line_buffering))  # fmt: skip
