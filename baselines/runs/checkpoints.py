"""The complete states of a run, kept in its log folder, so that it can continue as if it had never been stopped."""

import contextlib
import os
import time

from baselines.common.errors import Interrupted, UserError
from baselines.common.mpi import Communicator
from baselines.runs.logger import Logger, rows_logged
from baselines.runs.options import Options
from baselines.runs.schedule import Schedule
from baselines.runs.signals import StopRequest, stop_requests
from baselines.runs.state import RunState, Saved
from baselines.storage import state_files

FOLDER = "checkpoint"  # in the log folder
FORMAT = "baselines state 2"


class Checkpoints:
    """Writes the states of this worker, every `interval` epochs and where the run is asked to stop."""

    def __init__(
        self,
        interval: int,
        n_cycles: int,
        state: RunState,
        request: StopRequest,
        comm: Communicator,
        logger: Logger,
    ):
        assert logger.shared_folder is not None
        self._interval, self._n_cycles, self._state, self._request = interval, n_cycles, state, request
        self._comm, self._logger = comm, logger
        self._folder = os.path.join(logger.shared_folder, FOLDER)
        self._written_at = time.perf_counter()

    def after_cycle(self) -> None:
        """Raises Interrupted, with the state written, where any worker was asked to stop."""
        signal = max(self._comm.all_gather(self._request.signal))
        if signal:
            written = self._write()
            how = f"to continue: python -m baselines.run --resume={self._logger.shared_folder}"
            raise Interrupted(f"stopped; {how}" if written else f"stopped, but without its last state; {how}", signal)

    def after_epoch(self, last: bool) -> None:
        """As `after_cycle`; and writes the state if it is time to, or where this is the `last` epoch."""
        self.after_cycle()
        if last or self._state.progress.epoch % self._interval == 0:
            self._write()

    def _write(self) -> bool:
        """Whether all workers have written. Where one could not, the last state stays and training continues."""
        start, rank, done = time.perf_counter(), self._comm.rank, self._state.progress
        # After the last cycle of an epoch is not yet the end of the epoch.
        number = done.epoch * (self._n_cycles + 1) + done.cycle
        try:
            self._logger.sync()  # the state counts the bytes of the logs
            document, arrays = self._state.capture()
            document = {"format": FORMAT, **document, "positions": self._logger.positions()}
            size, error = state_files.write(self._folder, number, rank, document, arrays), ""
        except OSError as failure:
            size, error = 0, failure.strerror or str(failure)
        if not all(self._comm.all_gather(int(not error))):
            state_files.remove(self._folder, number, rank)
            self._logger.warn(f"no checkpoint written ({error or 'another worker failed'}); training goes on")
            return False
        for older in state_files.numbers(self._folder, rank)[:-2]:
            state_files.remove(self._folder, older, rank)
        now = time.perf_counter()
        share, self._written_at = (now - start) / (now - self._written_at), now
        cost = f"{size / 1e6:.1f} MB in {now - start:.2f} s, {share:.1%} of the time since the last"
        self._logger.info(f"checkpoint after {done.epoch} epochs and {done.cycle} cycles: {cost}")
        return True


class NoCheckpoints:
    """For runs without a log folder, or that want none."""

    def after_cycle(self) -> None:
        pass

    def after_epoch(self, last: bool) -> None:
        pass


def start_checkpoints(
    options: Options,
    schedule: Schedule,
    state: RunState,
    comm: Communicator,
    logger: Logger,
    stack: contextlib.ExitStack,
) -> Checkpoints | NoCheckpoints:
    """From now on until `stack` closes, Ctrl-C and SIGTERM end the run in order, if it keeps checkpoints."""
    if not options.checkpoint_interval or not logger.shared_folder:
        return NoCheckpoints()
    request = stack.enter_context(stop_requests(quiet=comm.rank > 0))
    return Checkpoints(options.checkpoint_interval, schedule.n_cycles, state, request, comm, logger)


def read_newest(log_folder: str, interval: int, comm: Communicator, logger: Logger) -> Saved | None:
    """The newest state that is sound on all workers; None where none was written yet.

    Raises UserError where all are damaged, or where there is none after more epochs than the `interval` between them.
    """
    folder = os.path.join(log_folder, FOLDER)
    everyone = comm.all_gather(state_files.numbers(folder, comm.rank))
    if not all(everyone):
        if (epochs := rows_logged(log_folder)) > interval:
            raise UserError(
                f"{log_folder} logged {epochs} epochs but holds no checkpoint of all workers to continue from; a new "
                "run needs another --log_path (and may begin with a saved policy: --load_path)"
            )
        logger.info(f"{log_folder} holds no checkpoint yet: the run starts from its beginning")
        return None
    warnings: list[str] = []
    for number in sorted(set(everyone[0]).intersection(*everyone), reverse=True):
        found: Saved | None = None
        try:
            found, error = Saved(*state_files.read(folder, number, comm.rank)), ""
            if found.document.get("format") != FORMAT:
                error = f"the checkpoint in {folder} is not of format '{FORMAT}'"
        except UserError as failure:
            error = str(failure)
        errors = [e for e in comm.all_gather(error) if e]
        if found and not errors:
            for warning in warnings:
                logger.warn(f"{warning}; going back to the checkpoint before")
            return found
        warnings += errors[:1]
    raise UserError(f"{log_folder} holds no sound checkpoint of all workers to resume from: {'; '.join(warnings)}")
