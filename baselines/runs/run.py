"""A training run: what every algorithm needs of it, so that none writes its own logs, saving, stopping and resuming."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from baselines.common.errors import UserError
from baselines.common.mpi import Communicator
from baselines.common.seeding import Streams
from baselines.envs.base import VecEnv, evaluation_copies
from baselines.policies.policy import Policy
from baselines.runs.bar import bar_over
from baselines.runs.checkpoints import Checkpoints, NoCheckpoints, start_checkpoints
from baselines.runs.clock import Clock
from baselines.runs.folder import settings_of
from baselines.runs.logger import Logger
from baselines.runs.options import Options
from baselines.runs.progress import Progress
from baselines.runs.saving import PolicySaver
from baselines.runs.schedule import Schedule, describe, plan
from baselines.runs.state import RunState, Saved, Stateful
from baselines.runs.videos import NoVideos, Videos, start_videos


class Run:
    """One worker's side of a run, made once by `launch` and given to `learn`.

    The shape of an algorithm: `plan`, `register`, then for each of `epochs()` all `cycles()`, then `end_epoch(...)`.
    """

    initial_policy: Policy | None = None  # to begin with (--load_path)
    eval_env: VecEnv | None = None  # the user's own
    callback: Callable[[dict[str, float]], object] | None = None  # after each epoch; False ends the run
    resumed: Schedule | None = None  # of the run that is continued
    saved: Saved | None = None  # its state
    notes: tuple[str, ...] = ()  # further lines for the log
    schedule: Schedule

    def __init__(
        self,
        options: Options,
        env: VecEnv,
        comm: Communicator,
        logger: Logger,
        document: Callable[[Schedule], Mapping[str, Any]],
        stack: contextlib.ExitStack,
    ):
        """`document` makes config.json; `stack` closes when the run ends, also where anything raises."""
        assert options.seed is not None
        self.options, self.env, self.comm, self.logger, self._stack = options, env, comm, logger, stack
        self.seed, self.clock, self._document = options.seed, Clock(), document
        streams = Streams(options.seed, comm.rank)
        self.rng, self.seeds_for = streams.rng, streams.seeds_for
        self._state, self._envs, self._begun, self._ended = RunState(streams), [env], False, False
        self._checkpoints: Checkpoints | NoCheckpoints = NoCheckpoints()
        self._videos: Videos | NoVideos = NoVideos()
        self._policies = PolicySaver(options, comm, logger)

    @property
    def progress(self) -> Progress:
        return self._state.progress

    # ---- before the first epoch ----

    def evaluation_env(self, num_episodes: int) -> VecEnv:
        """The user's own, or as many environments of the same task as make full rounds of `num_episodes`."""
        env = self.eval_env or evaluation_copies(self.env, num_episodes, self.seeds_for)
        if env is not self.env:  # which it is where no more can be made
            self._envs.append(env)
        if env not in (self.env, self.eval_env):
            self._stack.callback(env.close)
        return env

    def plan(self, n_cycles: int, steps_per_cycle: int, losses: tuple[str, ...] = ()) -> Schedule:
        """How long to train, in cycles of so many steps, each of which adds `losses` to the progress."""
        self.schedule, self._state.losses = plan(self.options, n_cycles, steps_per_cycle, self.resumed), losses
        done = Progress.of(self.saved.document).epoch if self.saved else 0
        if done > self.schedule.n_epochs:
            raise UserError(f"{self.options.resume} has {done} epochs done, more than {self.schedule.n_epochs}")
        self._lines = describe(self.schedule, n_cycles, self.options, self.comm.size)
        return self.schedule

    def register(self, agent: Any, **parts: Stateful) -> None:
        """All that changes while the run trains; `agent`, an Agent and Stateful, is also what is saved."""
        self._agent, self._state.parts = agent, {"agent": agent, **parts}

    def begin(self) -> None:
        """Restore what is resumed, then claim the log folder: not before all that is given is known to be sound."""
        self._begun, saved, self.saved = True, self.saved, None  # which is as large as the parts
        if saved:
            self._state.restore(saved)
        if self.options.resume:
            self.logger.cut_back_to(saved.document["positions"] if saved else {})
        document = self._document(self.schedule)
        self.logger.write_json("config.json", document)
        self.logger.info(
            f"environments: {self.env.description}; seed: {self.seed}; logs: {self.logger.folder or 'none'}"
        )
        for line in (*self.notes, *self._lines):
            self.logger.info(line)
        if self.schedule.n_epochs == 0:
            self._policies.save(self._agent, "latest")  # as each epoch does
        else:
            self.logger.start(settings_of(document), new=saved is None)
            self._videos = start_videos(self.options, self.schedule, self.comm, self.logger, self._stack)
            self._checkpoints = start_checkpoints(
                self.options, self.schedule, self._state, self.comm, self.logger, self._stack
            )
        self.clock = Clock(self._env_seconds(), self.progress.seconds)

    # ---- the loop ----

    def epochs(self) -> Iterator[int]:
        """The epochs that are left."""
        if not self._begun:
            self.begin()
        while self.progress.epoch < self.schedule.n_epochs and not self._ended:
            self.clock.start_epoch()
            epoch = self.progress.epoch
            yield epoch
            if self.progress.epoch != epoch + 1:
                raise UserError("--alg: its learn must call run.end_epoch(...) once, at the end of each epoch")

    def cycles(self) -> Iterator[int]:
        """The cycles that are left of this epoch. Raises Interrupted, with the state written, where asked to stop."""
        shown = self.comm.rank == 0 and not self.options.quiet
        for cycle in bar_over(self.schedule, lambda: self.progress, shown):
            yield cycle
            self.progress.cycle, self.progress.seconds = cycle + 1, self.clock.seconds()
            self._checkpoints.after_cycle()

    def end_epoch(self, metrics: Mapping[str, float], score: float) -> None:
        """Log a row, save policies, call back, write the state. All workers call this, with the same numbers.

        `metrics` has "total/timesteps"; the run adds the epoch's number and its times. The policy with the highest
        `score` is kept as the best.
        """
        done, steps = self.progress, int(metrics["total/timesteps"])
        times = self.mean(self.clock.finish_epoch(self._env_seconds()))
        times = {"total/seconds": self.clock.seconds(), **times, "fps": (steps - done.timesteps) / times["time/epoch"]}
        row = {"epoch": done.epoch, **metrics, **times}
        self.logger.dump(row, step=steps)
        self._policies.after_epoch(self._agent, done, score)
        self._videos.after_epoch(self._agent, done.epoch, steps)
        best = score if done.best is None else max(done.best, score)
        self._state.progress = Progress(done.epoch + 1, best=best, timesteps=steps, seconds=self.clock.seconds())
        if self.callback is not None:
            self._ended = any(self.comm.all_gather(int(self.callback(dict(row)) is False)))
        self._checkpoints.after_epoch(last=self._ended)

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """The means over all workers, which call this together."""
        return dict(zip(values, self.comm.mean(np.array([*values.values()], np.float64)).tolist(), strict=True))

    def _env_seconds(self) -> float:
        return sum(env.seconds for env in self._envs)
