"""Requests to stop: Ctrl-C and SIGTERM."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator


class StopRequest:
    """The signal that asked to stop, 0 while there was none."""

    def __init__(self, quiet: bool):
        self.signal, self._quiet = 0, quiet

    def note(self, number: int, frame: object) -> None:
        """Handle a signal: remember it. Raises KeyboardInterrupt for a second Ctrl-C."""
        if self.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number
        if not self._quiet:
            # Not print, which the signal may have interrupted; and the reader of stderr may have ended.
            with contextlib.suppress(OSError):
                os.write(2, b"stopping after this cycle (Ctrl-C again: at once)\n")


@contextlib.contextmanager
def interrupts() -> Iterator[list[int]]:
    """Let SIGTERM and Ctrl-C raise KeyboardInterrupt inside this block; yields the numbers of the signals."""
    numbers: list[int] = []

    def note(number: int, frame: object) -> None:
        numbers.append(number)
        raise KeyboardInterrupt

    with _handled_by(note):
        yield numbers


@contextlib.contextmanager
def stop_requests(quiet: bool) -> Iterator[StopRequest]:
    """Let SIGTERM and Ctrl-C set a `StopRequest` inside this block; a second Ctrl-C raises KeyboardInterrupt."""
    request = StopRequest(quiet)
    with _handled_by(request.note):
        yield request


@contextlib.contextmanager
def _handled_by(note: Callable[[int, object], None]) -> Iterator[None]:
    before = {}
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            # A shell makes background jobs of a script ignore Ctrl-C.
            if signal.getsignal(number) != signal.SIG_IGN:
                with contextlib.suppress(ValueError):  # only the main thread may set handlers
                    before[number] = signal.signal(number, note)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
