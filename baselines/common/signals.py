"""Being asked to stop."""

import contextlib
import signal
import sys
from collections.abc import Iterator


class StopRequest:
    """`signal` is the number of the signal that asked to stop in order, 0 while there was none."""

    def __init__(self):
        self.signal = 0

    def _note(self, number: int, frame) -> None:
        if self.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number
        print("stopping after this cycle (Ctrl-C again: at once)", file=sys.stderr, flush=True)


@contextlib.contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """SIGTERM and Ctrl-C only leave a note inside this block; a second Ctrl-C raises KeyboardInterrupt."""
    request, before = StopRequest(), {}
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) != signal.SIG_IGN:  # as it is for jobs in the background of a script
                with contextlib.suppress(ValueError):  # only the main thread may; others are stopped as ever
                    before[number] = signal.signal(number, request._note)
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
