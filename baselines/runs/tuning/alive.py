"""Which trials still run: their processes leave a note in the storage now and then, which those that died do not."""

import contextlib
import math
import os
import platform
import threading
import time
from collections.abc import Iterator

import optuna

_NOTE = "alive"
_EVERY = 30.0  # seconds between two notes
_LOST_AFTER = 600.0  # seconds without one; long, as clocks of machines differ


def note(trial: optuna.Trial) -> None:
    """That this process works on the trial."""
    trial.set_user_attr(_NOTE, {"place": _place(), "process": os.getpid(), "at": time.time()})


@contextlib.contextmanager
def noting(trial: optuna.Trial) -> Iterator[None]:
    """A note every half minute inside this block."""
    over = threading.Event()

    def notes() -> None:
        while not over.wait(_EVERY):
            # The trial itself meets the same storage, and says what is wrong with it.
            with contextlib.suppress(Exception):
                note(trial)
        with contextlib.suppress(Exception):
            trial.storage.remove_session()  # a connection to a database belongs to a thread

    thread = threading.Thread(target=notes, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def is_lost(trial: optuna.trial.FrozenTrial) -> bool:
    """Whether the process that ran it has died: here for sure, on other machines by its last note."""
    last = trial.user_attrs.get(_NOTE)
    if not isinstance(last, dict) or not isinstance(last.get("at"), float) or not math.isfinite(last["at"]):
        began = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
        return time.time() - began > _LOST_AFTER
    if last.get("place") == _place() and isinstance(last.get("process"), int):
        try:
            os.kill(last["process"], 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):
            pass  # it is someone else's, or no process's number
    silent: float = time.time() - last["at"]
    return silent > _LOST_AFTER


def _place() -> str:
    """Where a process number means something: a machine since it was started, and a container on it."""
    parts = [platform.node()]
    with contextlib.suppress(OSError):  # Linux has these
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            parts.append(file.read().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)
