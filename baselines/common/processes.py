"""Commands in processes of their own, several at a time, which get the signals that this process gets."""

import os
import queue
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

from baselines.common.cores import cores
from baselines.common.errors import Interrupted, UserError

T = TypeVar("T")
R = TypeVar("R")
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
SECONDS_BETWEEN_LOOKS = 1.0


class Children:
    """Commands that run, perhaps from several threads; `handlers(children.stop)` passes signals on to all of them."""

    def __init__(self) -> None:
        self.signal = 0  # the one that asked to stop
        self._live: set[subprocess.Popen[bytes]] = set()

    def run(
        self, command: list[str], output: Path, one_thread: bool = False, enough: Callable[[], bool] | None = None
    ) -> int:
        """Run a command, append its output to `output`, and return its exit code.

        As soon as `enough()` is true, the command gets SIGTERM. Raises Interrupted, without beginning, after a signal.
        """
        self.check()
        environment = {**os.environ, **(dict.fromkeys(THREADS, "1") if one_thread else {})}
        with output.open("ab") as file:
            # A session of its own: Ctrl-C comes only from here, and not a second time from the terminal.
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment, start_new_session=True
            )
        self._live.add(process)
        if self.signal:  # it came since
            process.send_signal(self.signal)
        try:
            while enough and process.poll() is None and not enough():
                time.sleep(SECONDS_BETWEEN_LOOKS)
        finally:
            if enough and process.poll() is None:
                process.send_signal(signal.SIGTERM)
            code = process.wait()
            self._live.discard(process)
        return code

    def check(self) -> None:
        """Raise Interrupted where this process was asked to stop."""
        if self.signal:
            raise Interrupted("stopped", self.signal)

    def stop(self, number: int, frame: object = None) -> None:
        """Send the signal to all commands that run, and let no other begin."""
        self.signal = number
        for process in list(self._live):
            process.send_signal(number)


def check_jobs(jobs: int) -> None:
    """Raise UserError where there are fewer cores than jobs."""
    if not 1 <= jobs <= len(cores()):
        raise UserError(f"--jobs: expected 1 to {len(cores())}, a core for each, got {jobs}")


def each(
    tasks: Sequence[T], perform: Callable[[T], R], children: Children, shares: Sequence[Sequence[int]],
    meanwhile: Callable[[], object] = lambda: None,
) -> Generator[tuple[T, R]]:  # fmt: skip
    """Perform all tasks, one at a time for each share of the cores; yield each with its result when it ends.

    With several shares, a task and the processes that it starts have the cores of one share (Linux). `meanwhile` is
    called about once a second. Raises Interrupted.
    """
    free: queue.SimpleQueue[Sequence[int]] = queue.SimpleQueue()
    for share in shares:
        free.put(share)

    def pin() -> None:
        if len(shares) > 1 and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, free.get())  # of this thread

    with ThreadPoolExecutor(len(shares), initializer=pin) as pool:
        left = {pool.submit(perform, task): task for task in tasks}
        try:
            while left:
                ended, _ = wait(left, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
                meanwhile()
                for future in ended:
                    yield left.pop(future), future.result()
        except BaseException:  # else the pool would perform all other tasks before the error is raised
            if not children.signal:
                children.stop(signal.SIGTERM)
            raise
