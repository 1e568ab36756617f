"""Checkpoints: the complete states of a run in its log folder, from which it continues exactly.

Each worker has a `.safetensors` file of its own for each number.
"""

import contextlib
import dataclasses
import os
import re
import time
from collections.abc import Mapping
from typing import Any

from baselines.common.errors import Interrupted, UserError
from baselines.common.mpi import Communicator
from baselines.common.signals import StopRequest
from baselines.runs.logger import Logger
from baselines.runs.options import Options
from baselines.runs.schedule import Schedule
from baselines.runs.state import RunState, Saved
from baselines.storage import SUFFIX, open_regular, read_arrays, write_arrays

FOLDER = "checkpoint"  # in the log folder
FORMAT = "baselines state 4"
_SLOW_SECONDS, _SLOW_SHARE = 1.0, 0.1  # saving a state is mentioned where it takes longer, and a larger share


@dataclasses.dataclass
class Checkpoints:
    """Checkpoints every `checkpoint_interval` epochs, and when Ctrl-C, SIGTERM or SIGHUP asks the run to stop."""

    options: Options
    schedule: Schedule
    state: RunState
    settings: Mapping[str, Any]  # which the run that is resumed must have in common
    comm: Communicator
    logger: Logger
    request: StopRequest

    def __post_init__(self) -> None:
        self._folder = os.path.join(str(self.options.log_path), FOLDER)
        self._written_at = time.perf_counter()

    def after_cycle(self) -> None:
        """Write a checkpoint and raise Interrupted if any worker was asked to stop."""
        signal = max(self.comm.all_gather(self.request.signal))
        if signal:
            lost = "" if self._write() else ", but the last checkpoint could not be written"
            how = f"python -m baselines.run --resume={self.options.log_path}"
            raise Interrupted(f"stopped{lost}; to continue: {how}", signal)

    def after_epoch(self, last: bool) -> None:
        """Write a checkpoint if it is due or this is the `last` epoch. Raises Interrupted as `after_cycle` does."""
        self.after_cycle()
        if last or self.state.progress.epoch % self.options.checkpoint_interval == 0:
            self._write()

    def _write(self) -> bool:
        """Return True if all workers have written; otherwise the previous checkpoint remains."""
        start, rank, done = time.perf_counter(), self.comm.rank, self.state.progress
        # + 1: the end of an epoch's last cycle and the end of the epoch are two positions.
        number = done.epoch * (self.schedule.n_cycles + 1) + done.cycle
        try:
            positions = self.logger.positions()
            document, arrays = self.state.capture()
            document = {"format": FORMAT, **document, "settings": self.settings, "positions": positions}
            size, error = write_arrays(checkpoint_file(self._folder, number, rank), document, arrays), ""
        except OSError as failure:
            size, error = 0, failure.strerror or str(failure)
        complete = all(self.comm.all_gather(int(not error)))
        for useless in checkpoint_numbers(self._folder, rank)[:-2] if complete else [number]:
            with contextlib.suppress(OSError):
                os.unlink(checkpoint_file(self._folder, useless, rank))
        if not complete:
            self.logger.warn(f"no checkpoint written ({error or 'another worker failed'}); training continues")
            return False
        now = time.perf_counter()
        seconds, since, self._written_at = now - start, now - self._written_at, now
        if seconds > _SLOW_SECONDS and seconds > _SLOW_SHARE * since:
            cost = f"{seconds:.1f} s for {size / 1e6:.0f} MB, {seconds / since:.0%} of the time since the last"
            self.logger.info(f"saving the state took {cost}; --checkpoint_interval=N saves it less often")
        return True


def checkpoint_file(folder: str, number: int, rank: int) -> str:
    """Return the path of a worker's checkpoint."""
    return os.path.join(folder, f"{number}-rank{rank}{SUFFIX}")


def checkpoint_numbers(folder: str, rank: int) -> list[int]:
    """Return the numbers of a worker's checkpoints, in order."""
    pattern = re.compile(rf"(\d{{1,18}})-rank{rank}{re.escape(SUFFIX)}")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(int(match[1]) for name in names if (match := pattern.fullmatch(name)))


def read_newest(log_folder: str, interval: int, comm: Communicator, logger: Logger) -> Saved | None:
    """Return the newest checkpoint that all workers can read, or None if none was written yet.

    Raises UserError if all are damaged, or if none exists although more than `interval` epochs were logged.
    """
    folder = os.path.join(log_folder, FOLDER)
    numbers = comm.all_gather(checkpoint_numbers(folder, comm.rank))
    if not all(numbers):
        if (epochs := _rows_of(os.path.join(log_folder, "progress.csv"))) > interval:
            raise UserError(
                f"{log_folder} logged {epochs} epochs but has no checkpoint of all workers; start a new run with "
                "another --log_path (--load_path=PATH begins with a saved policy)"
            )
        logger.info(f"{log_folder} holds no checkpoint yet: the run starts from its beginning")
        return None
    warnings: list[str] = []
    for number in sorted(set(numbers[0]).intersection(*numbers), reverse=True):
        path, saved, error = checkpoint_file(folder, number, comm.rank), None, ""
        try:
            saved = Saved(*read_arrays(path))
            if saved.document.get("format") != FORMAT:
                error = f"{path} is not of format '{FORMAT}'"
        except UserError as failure:
            error = str(failure)
        errors = [e for e in comm.all_gather(error) if e]
        if saved and not errors:
            for warning in warnings:
                logger.warn(f"{warning}; going back to the previous checkpoint")
            return saved
        warnings += errors[:1]
    raise UserError(f"{log_folder} has no checkpoint that all workers can read: {'; '.join(warnings)}")


def _rows_of(path: str) -> int:
    """Return the number of rows below the header, 0 where there is no file. Raises UserError."""
    try:
        with open_regular(path, 1 << 62) as file:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b"")) - 1
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
