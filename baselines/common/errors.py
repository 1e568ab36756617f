"""Errors that a user can act on, each message in one line, and the paths that users give."""

import difflib
import os
import re
import signal
from collections.abc import Iterable

Path = str | os.PathLike[str]  # as text, or one of pathlib
# Signals that ask a run to stop; SIGHUP, with which a terminal closes, is unknown to Windows.
STOP_SIGNALS = tuple(getattr(signal, n) for n in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, n))

_LONGEST = 2000  # characters of a message
# USER:PASSWORD@HOST, ?password=...
_SECRETS = ((r":(?!//)\S+@", ":***@"), (r"(?i)(pass\w*|pwd|secret|token)=[^\s&'\"]+", r"\1=***"))


def printable(text: str) -> str:
    """Return the text without control characters and passwords of addresses, both of which files may hold."""
    for pattern, shown in _SECRETS:
        text = re.sub(pattern, shown, text)
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


class _Message(Exception):
    """An error whose message is one printable line, whatever a file put into it."""

    def __init__(self, message: object):
        super().__init__(shortened(printable(" ".join(str(message).split())), _LONGEST))


class UserError(_Message):
    """Bad input: a command prints the message and exits with code 2."""


class TrainingError(_Message):
    """A run that cannot continue, e.g. because of NaN: a command prints the message and exits with code 1."""


class Interrupted(_Message):
    """A run that one of STOP_SIGNALS stopped in order: a command prints the message and exits with 128 + signal."""

    def __init__(self, message: str, signal: int):
        super().__init__(message)
        self.exit_code = 128 + signal


def one_line(error: BaseException) -> str:
    """Return the error's message as one printable line."""
    return str(_Message(error))


def shortened(text: str, most: int) -> str:
    """Replace the middle of a long text by dots."""
    end = (most - 3) // 2
    return text if len(text) <= most else f"{text[: most - 3 - end]}...{text[-end:]}"


def counted(number: int, noun: str) -> str:
    """Return "1 epoch", "2 epochs"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def nearest(word: str, known: Iterable[str], count: int = 3) -> str:
    """Return `"; nearest: a, b"` with the known words most similar to `word`, or the empty string."""
    folded = {k.lower(): k for k in known}
    close = difflib.get_close_matches(word.lower(), folded, n=count, cutoff=0.5)
    return f"; nearest: {', '.join(folded[c] for c in close)}" if close else ""


def as_path(name: str, value: object) -> str:
    """Return a path as text, with ~ expanded. Raises UserError for anything else; `name` is that of the argument."""
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(path, str) or not path or "\0" in path:
        got = "an empty word" if path == "" else f"{value!r:.80}"
        raise UserError(f"{name}: expected a file or folder, got {got}")
    return os.path.expanduser(path)
