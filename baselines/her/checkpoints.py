"""The complete state of a run, kept in its log folder, so that it can go on as if it had never been stopped."""

import dataclasses
import os
import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from baselines.common.errors import Interrupted, UserError
from baselines.common.logger import Logger, rows_logged
from baselines.common.mpi import Communicator
from baselines.common.runs.signals import StopRequest
from baselines.common.storage import policy_folder, state_files
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.replay_buffer import Demonstrations, NoDemonstrations, ReplayBuffer
from baselines.her.rollout import RolloutWorker
from baselines.her.schedule import Schedule

FOLDER = "checkpoint"  # in the log folder


@dataclasses.dataclass
class Progress:
    """Where a run stands between two cycles."""

    epoch: int = 0
    cycle: int = 0  # of this epoch
    best: float = -1.0  # test success rate so far
    losses: list[dict[str, float]] = dataclasses.field(default_factory=list)  # of this epoch's cycles
    seconds: float = 0.0  # of training so far


class Parts(NamedTuple):
    """All that changes while a run trains."""

    agent: DDPG
    rollout_worker: RolloutWorker
    evaluator: RolloutWorker
    buffer: ReplayBuffer
    demonstrations: Demonstrations | NoDemonstrations

    def generators(self) -> dict[str, np.random.Generator]:
        found = {"exploration": self.rollout_worker.rng, "replay": self.buffer.rng}
        return found | ({"demonstrations": self.demonstrations.buffer.rng} if self.demonstrations.rows else {})

    def groups(self) -> dict:
        """What has arrays besides the agent, by the name that theirs begin with."""
        found = {"buffer": self.buffer}
        return found | ({"demonstrations": self.demonstrations.buffer} if self.demonstrations.rows else {})


class Checkpoints:
    """Writes the state of this worker, every `interval` epochs and where the run is asked to stop."""

    def __init__(
        self, interval: int, n_cycles: int, parts: Parts, request: StopRequest, comm: Communicator, logger: Logger
    ):
        self._interval, self._n_cycles, self._parts, self._request = interval, n_cycles, parts, request
        self._comm, self._logger = comm, logger
        self._folder = os.path.join(logger.shared_folder, FOLDER)
        self._written_at = time.perf_counter()

    def after_cycle(self, progress: Progress) -> None:
        """Raises Interrupted, with the state written, where any worker was asked to stop."""
        signal = max(self._comm.all_gather(self._request.signal))
        if signal:
            written = self._write(progress)
            how = f"to go on: python -m baselines.run --resume={self._logger.shared_folder}"
            raise Interrupted(f"stopped; {how}" if written else f"stopped, but without its last state; {how}", signal)

    def after_epoch(self, progress: Progress) -> None:
        """As `after_cycle`; and writes the state if it is time to."""
        self.after_cycle(progress)
        if progress.epoch % self._interval == 0:
            self._write(progress)

    def _write(self, progress: Progress) -> bool:
        """Whether all workers have written. Where one could not, the last state stays and training goes on."""
        start, rank = time.perf_counter(), self._comm.rank
        # After the last cycle of an epoch is not yet the end of the epoch.
        number = progress.epoch * (self._n_cycles + 1) + progress.cycle
        try:
            self._logger.sync()  # the state counts the bytes of the logs
            document, arrays = capture(self._parts, progress, self._logger.positions())
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
        self._logger.info(f"checkpoint after {progress.epoch} epochs and {progress.cycle} cycles: {cost}")
        return True


class NoCheckpoints:
    """For runs without a log folder, or that want none."""

    def after_cycle(self, progress: Progress) -> None:
        pass

    def after_epoch(self, progress: Progress) -> None:
        pass


def capture(parts: Parts, progress: Progress, positions: Mapping[str, int]) -> tuple[dict, dict[str, np.ndarray]]:
    """Everything, as a JSON document and arrays; `positions` is where the logs end."""
    workers = {"rollout_worker": parts.rollout_worker, "evaluator": parts.evaluator}
    document = {
        "progress": dataclasses.asdict(progress),
        "updates": parts.agent.updates,
        "counters": {name: {"episodes": w.episodes, "steps": w.steps} for name, w in workers.items()},
        "generators": {name: rng.bit_generator.state for name, rng in parts.generators().items()},
        "positions": dict(positions),
    }
    arrays = {f"agent/{name}": x for name, x in parts.agent.training_state().items()}
    for group, part in parts.groups().items():
        arrays |= {f"{group}/{name}": x for name, x in part.arrays().items()}
    if progress.cycle:
        arrays |= {f"epoch/{name}": x for name, x in parts.rollout_worker.arrays().items()}
    return document, arrays


def epochs_done(document: Mapping) -> int:
    """How many epochs a state has behind it. Raises UserError."""
    try:
        return _progress(document).epoch
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"the checkpoint does not fit this run: {type(error).__name__}: {error}") from None


def _progress(document: Mapping) -> Progress:
    progress = Progress(**document["progress"])
    numbers = [progress.best, progress.seconds, *(x for row in progress.losses for x in row.values())]
    counted = all(type(x) is int and 0 <= x < 1 << 62 for x in (progress.epoch, progress.cycle))
    if not counted or not all(type(x) in (int, float) for x in numbers):
        raise ValueError("its progress is not in numbers")
    if not isinstance(document["positions"], dict):
        raise ValueError("it does not tell where the logs ended")
    return progress


def restore(parts: Parts, document: Mapping, arrays: Mapping[str, np.ndarray]) -> Progress:
    """Put everything back. Raises UserError where it does not fit."""

    def group(name: str) -> dict[str, np.ndarray]:
        return {k.removeprefix(f"{name}/"): x for k, x in arrays.items() if k.startswith(f"{name}/")}

    try:
        progress = _progress(document)
        if any(set(row) != set(parts.agent.metrics) for row in progress.losses):
            raise ValueError("its losses are those of another agent")
        parts.agent.load_training_state(group("agent"))
        parts.agent.updates = int(document["updates"])
        for name, part in parts.groups().items():
            part.assign(group(name))
        for name, rng in parts.generators().items():
            rng.bit_generator.state = document["generators"][name]
        for name, counters in document["counters"].items():
            worker = getattr(parts, name)
            worker.episodes, worker.steps = int(counters["episodes"]), int(counters["steps"])
        if progress.cycle:
            parts.rollout_worker.resume_epoch(progress.epoch, group("epoch"))
        return progress
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise UserError(f"the checkpoint does not fit this run: {type(error).__name__}: {error}") from None


def read_newest(
    log_folder: str, interval: int, comm: Communicator, logger: Logger
) -> tuple[dict, dict[str, np.ndarray]] | None:
    """Document and arrays of the newest state that is sound on all workers; None where none was written yet.

    Raises UserError where all are damaged, or where there is none after more epochs than the `interval` between them.
    """
    folder = os.path.join(log_folder, FOLDER)
    everyone = comm.all_gather(state_files.numbers(folder, comm.rank))
    if not all(everyone):
        if (epochs := rows_logged(log_folder)) > interval:
            raise UserError(
                f"{log_folder} logged {epochs} epochs but holds no checkpoint of all workers to go on from; a new run "
                "needs another --log_path (and may begin with a saved policy: --load_path)"
            )
        logger.info(f"{log_folder} holds no checkpoint yet: the run begins anew")
        return None
    warnings: list[str] = []
    for number in sorted(set.intersection(*map(set, everyone)), reverse=True):
        try:
            found, error = state_files.read(folder, number, comm.rank), ""
        except UserError as failure:
            found, error = None, str(failure)
        errors = [e for e in comm.all_gather(error) if e]
        if not errors:
            for warning in warnings:
                logger.warn(f"{warning}; going back to the checkpoint before")
            return found
        warnings += errors[:1]
    raise UserError(f"{log_folder} holds no sound checkpoint of all workers to resume from: {'; '.join(warnings)}")


class Run(NamedTuple):
    """What a log folder's config.json tells of its run."""

    env: str
    num_env: int
    workers: int
    seed: int
    config: HERConfig
    schedule: Schedule

    @property
    def horizon(self) -> int:
        return max(1, self.schedule.steps_per_cycle // max(1, self.num_env))


def read_run(log_folder: str) -> Run:
    """Raises UserError where there is no run of HER."""
    document = policy_folder.read_document(log_folder)
    try:
        numbers = {k: _count(document, k) for k in ("num_env", "workers", "seed")}
        schedule = Schedule(**{f.name: _count(document["schedule"], f.name) for f in dataclasses.fields(Schedule)})
        run = Run(str(document["env"]), **numbers, config=HERConfig(**document["config"]), schedule=schedule)
        if run.config.gamma == HERConfig().discount(run.horizon):
            # config.json tells the value that None stands for.
            run = run._replace(config=dataclasses.replace(run.config, gamma=None))
        return run
    except (KeyError, TypeError, ValueError, UserError) as error:
        raise UserError(f"{log_folder} holds no run of HER: its config.json lacks or spoils {error}") from None


def check_same(run: Run, log_folder: str, given: Mapping[str, object]) -> None:
    """Raise UserError, with the names, where `given` says otherwise than the run that is to be resumed.

    Names are Run's and the config's, and values may be as they are on a command line: `true`, or a gamma of None.
    """
    of_config = {k: x for k, x in given.items() if k in vars(run.config)}
    known, now = (
        {**dataclasses.asdict(config), "gamma": config.discount(run.horizon)}
        for config in (run.config, dataclasses.replace(run.config, **of_config))
    )
    known, now = {**run._asdict(), **known}, {**now, **{k: x for k, x in given.items() if k not in of_config}}
    different = [f"{k} {now[k]} against {known.get(k)}" for k in given if k not in known or now[k] != known[k]]
    if different:
        raise UserError(f"--resume={log_folder} goes on as it began; there it was otherwise: {', '.join(different)}")


def _count(document: Mapping, name: str) -> int:
    value = document[name]
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise ValueError(f"{name}: expected a whole number, got {value!r}")
    return value
