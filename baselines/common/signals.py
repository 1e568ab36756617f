"""Requests to stop: Ctrl-C, SIGTERM and SIGHUP."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator

from baselines.common.errors import STOP_SIGNALS


class StopRequest:
    """The signal that asked to stop, 0 while there was none."""

    signal = 0


@contextlib.contextmanager
def stop_requests(quiet: bool = False, at_once: bool = False) -> Iterator[StopRequest]:
    """Let Ctrl-C, SIGTERM and SIGHUP set a `StopRequest` inside this block; a second Ctrl-C raises KeyboardInterrupt.

    With `at_once` the first signal raises it.
    """
    request = StopRequest()

    def note(number: int, frame: object) -> None:
        again, request.signal = request.signal, number
        if at_once or (again and number == signal.SIGINT):
            raise KeyboardInterrupt
        if not quiet:
            # Not print, which the signal may have interrupted; and the reader of stderr may have ended.
            with contextlib.suppress(OSError):
                below_the_bar = b"\n" if os.isatty(2) else b""
                os.write(2, below_the_bar + b"stopping after this cycle (Ctrl-C again: at once)\n")

    with handlers(note):
        yield request


@contextlib.contextmanager
def handlers(handle: Callable[[int, object], None]) -> Iterator[None]:
    """Call `handle` for SIGTERM and Ctrl-C inside this block."""
    before = {}
    try:
        for number in STOP_SIGNALS:
            # A shell makes background jobs of a script ignore Ctrl-C.
            if signal.getsignal(number) != signal.SIG_IGN:
                with contextlib.suppress(ValueError):  # only the main thread may set handlers
                    before[number] = signal.signal(number, handle)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
