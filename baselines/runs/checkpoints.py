"""Checkpoints: the complete states of a run in its log folder, from which it continues exactly."""

import contextlib
import os
import re
import time

from baselines.common.errors import Interrupted, UserError
from baselines.common.mpi import Communicator
from baselines.runs.logger import Logger, rows_logged
from baselines.runs.options import Options
from baselines.runs.schedule import Schedule
from baselines.runs.signals import StopRequest
from baselines.runs.state import RunState, Saved
from baselines.storage import SUFFIX, read_arrays, write_arrays

FOLDER = "checkpoint"  # in the log folder
FORMAT = "baselines state 3"


class Checkpoints:
    """Checkpoints every `checkpoint_interval` epochs, and when Ctrl-C or SIGTERM asks the run to stop."""

    def __init__(
        self, options: Options, schedule: Schedule, state: RunState, comm: Communicator, logger: Logger,
        request: StopRequest,
    ):  # fmt: skip
        self._interval, self._cycles_per_epoch = options.checkpoint_interval, schedule.n_cycles
        self._state, self._request, self._comm, self._logger = state, request, comm, logger
        self._log_path = str(options.log_path)
        self._folder = os.path.join(self._log_path, FOLDER)
        self._written_at = time.perf_counter()

    def after_cycle(self) -> None:
        """Write a checkpoint and raise Interrupted if any worker was asked to stop."""
        signal = max(self._comm.all_gather(self._request.signal))
        if signal:
            lost = "" if self._write() else ", but the last checkpoint could not be written"
            how = f"python -m baselines.run --resume={self._log_path}"
            raise Interrupted(f"stopped{lost}; to continue: {how}", signal)

    def after_epoch(self, last: bool) -> None:
        """Write a checkpoint if it is due or this is the `last` epoch. Raises Interrupted as `after_cycle` does."""
        self.after_cycle()
        if last or self._state.progress.epoch % self._interval == 0:
            self._write()

    def _write(self) -> bool:
        """Return True if all workers have written; otherwise the previous checkpoint remains."""
        start, rank, done = time.perf_counter(), self._comm.rank, self._state.progress
        # + 1: the end of an epoch's last cycle and the end of the epoch are two positions.
        number = done.epoch * (self._cycles_per_epoch + 1) + done.cycle
        file = checkpoint_file(self._folder, number, rank)
        try:
            positions = self._logger.positions()
            document, arrays = self._state.capture()
            document = {"format": FORMAT, **document, "positions": positions}
            size, error = write_arrays(file, document, arrays), ""
        except OSError as failure:
            size, error = 0, failure.strerror or str(failure)
        if not all(self._comm.all_gather(int(not error))):
            _remove(file)
            self._logger.warn(f"no checkpoint written ({error or 'another worker failed'}); training continues")
            return False
        for older in checkpoint_numbers(self._folder, rank)[:-2]:
            _remove(checkpoint_file(self._folder, older, rank))
        now = time.perf_counter()
        share, self._written_at = (now - start) / (now - self._written_at), now
        cost = f"{size / 1e6:.1f} MB in {now - start:.2f} s, {share:.1%} of the time since the last"
        self._logger.info(f"checkpoint after {done.epoch} epochs and {done.cycle} cycles: {cost}")
        return True


def read_newest(log_folder: str, interval: int, comm: Communicator, logger: Logger) -> Saved | None:
    """Return the newest checkpoint that all workers can read, or None if none was written yet.

    Raises UserError if all are damaged, or if none exists although more than `interval` epochs were logged.
    """
    folder = os.path.join(log_folder, FOLDER)
    numbers = comm.all_gather(checkpoint_numbers(folder, comm.rank))
    if not all(numbers):
        if (epochs := rows_logged(log_folder)) > interval:
            raise UserError(
                f"{log_folder} logged {epochs} epochs but has no checkpoint of all workers; start a new run with "
                "another --log_path (--load_path=PATH begins with a saved policy)"
            )
        logger.info(f"{log_folder} holds no checkpoint yet: the run starts from its beginning")
        return None
    warnings: list[str] = []
    for number in sorted(set(numbers[0]).intersection(*numbers), reverse=True):
        saved: Saved | None = None
        try:
            saved, error = Saved(*read_arrays(checkpoint_file(folder, number, comm.rank))), ""
            if saved.document.get("format") != FORMAT:
                error = f"the checkpoint in {folder} is not of format '{FORMAT}'"
        except UserError as failure:
            error = str(failure)
        errors = [e for e in comm.all_gather(error) if e]
        if saved and not errors:
            for warning in warnings:
                logger.warn(f"{warning}; going back to the previous checkpoint")
            return saved
        warnings += errors[:1]
    raise UserError(f"{log_folder} has no checkpoint that all workers can read: {'; '.join(warnings)}")


def checkpoint_file(folder: str, number: int, rank: int) -> str:
    """Return the path of a worker's checkpoint."""
    return os.path.join(folder, f"{number}-rank{rank}{SUFFIX}")


def checkpoint_numbers(folder: str, rank: int) -> list[int]:
    """Return the numbers of a worker's checkpoints, in order."""
    pattern = re.compile(rf"(\d{{1,18}})-rank{rank}{re.escape(SUFFIX)}")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(int(match[1]) for name in names if (match := pattern.fullmatch(name)))


def _remove(file: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(file)
