"""Errors that a user can act on; each message is one line."""

import difflib
import signal
from collections.abc import Iterable

# Signals that ask a run to stop; SIGHUP, with which a terminal closes, is unknown to Windows.
STOP_SIGNALS = tuple(getattr(signal, n) for n in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, n))


class UserError(Exception):
    """Bad input: a command prints the message and exits with code 2."""


class TrainingError(Exception):
    """A run that cannot continue, e.g. because of NaN: a command prints the message and exits with code 1."""


class Interrupted(Exception):
    """A run that one of STOP_SIGNALS stopped in order: a command prints the message and exits with 128 + signal."""

    def __init__(self, message: str, signal: int):
        super().__init__(message)
        self.exit_code = 128 + signal


def one_line(error: BaseException) -> str:
    """Return the error's message without line breaks."""
    return " ".join(str(error).split())


def nearest(word: str, known: Iterable[str], count: int = 3) -> str:
    """Return `"; nearest: a, b"` with the known words most similar to `word`, or the empty string."""
    folded = {k.lower(): k for k in known}
    close = difflib.get_close_matches(word.lower(), folded, n=count, cutoff=0.5)
    return f"; nearest: {', '.join(folded[c] for c in close)}" if close else ""
