"""Being asked to stop."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator


class StopRequest:
    """`signal` is the number of the signal that asked to stop in order, 0 while there was none."""

    def __init__(self, quiet: bool):
        self.signal, self._quiet = 0, quiet

    def _note(self, number: int, frame: object) -> None:
        if self.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number
        if not self._quiet:
            # Not print: it may be what the signal came in the middle of. And what reads it may be gone already.
            with contextlib.suppress(OSError):
                os.write(2, b"stopping after this cycle (Ctrl-C again: at once)\n")


@contextlib.contextmanager
def interrupts() -> Iterator[list[int]]:
    """SIGTERM and Ctrl-C raise KeyboardInterrupt inside this block; yields the numbers of those that came."""
    came: list[int] = []

    def note(number: int, frame: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    with _handled_by(note):
        yield came


@contextlib.contextmanager
def stop_requests(quiet: bool) -> Iterator[StopRequest]:
    """SIGTERM and Ctrl-C only leave a note inside this block; a second Ctrl-C raises KeyboardInterrupt."""
    request = StopRequest(quiet)
    with _handled_by(request._note):
        yield request


@contextlib.contextmanager
def _handled_by(note: Callable[[int, object], None]) -> Iterator[None]:
    """SIGTERM and Ctrl-C call `note` inside this block."""
    before = {}
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) != signal.SIG_IGN:  # as it is for jobs in the background of a script
                with contextlib.suppress(ValueError):  # only the main thread may; others are stopped as ever
                    before[number] = signal.signal(number, note)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
