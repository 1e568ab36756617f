"""Errors that a user can act on; each message is one line."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Bad input: the launcher prints the message alone and exits with code 2."""


class TrainingError(Exception):
    """A run that cannot go on, e.g. for NaN: the launcher prints the message alone and exits with code 1."""


class Interrupted(Exception):
    """A run that was asked to stop, by Ctrl-C or SIGTERM, and did so in order: the launcher prints the message."""

    def __init__(self, message: str, signal: int):
        super().__init__(message)
        self.exit_code = 128 + signal


def nearest(word: str, known: Iterable[str], count: int = 3) -> str:
    """`"; nearest: a, b"` for the known words most like `word`, or the empty string."""
    folded = {k.lower(): k for k in known}
    close = difflib.get_close_matches(word.lower(), folded, n=count, cutoff=0.5)
    return f"; nearest: {', '.join(folded[c] for c in close)}" if close else ""
