"""Waiting, with limits that count only the time in which this process could run."""

import time
from collections.abc import Iterator

_SLICE = 0.5  # seconds


def slices(seconds: float) -> Iterator[float]:
    """Yield short times to wait, `seconds` in all.

    The time in which all stood still (Ctrl-Z, SIGSTOP) falls into one of them, and counts for no more than that one.
    """
    while seconds > 0:
        begin = time.monotonic()
        yield min(seconds, _SLICE)
        seconds -= min(time.monotonic() - begin, _SLICE)
