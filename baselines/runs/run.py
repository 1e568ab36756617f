"""A training run: logs, saving, stopping and resuming, which every algorithm needs."""

import contextlib
import dataclasses
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from baselines.common.errors import UserError, counted
from baselines.common.mpi import Communicator
from baselines.common.seeding import RngStreams
from baselines.common.settings import Settings
from baselines.common.signals import stop_requests
from baselines.common.state import Stateful
from baselines.envs.base import VecEnv, evaluation_copies
from baselines.policies.policy import Policy
from baselines.runs.checkpoints import Checkpoints
from baselines.runs.clock import Clock
from baselines.runs.closing import outcome, what_next
from baselines.runs.logger import Logger
from baselines.runs.options import Options
from baselines.runs.record import Record, check_checkpoint, lasting_settings, record_of, shown_settings
from baselines.runs.schedule import Schedule, describe, plan, time_left
from baselines.runs.state import Progress, RunState, Saved
from baselines.runs.videos import Videos
from baselines.storage import remove_unfinished

FALL_OF, FALL = 3, 0.6  # a fall is a mean of so many evaluations below this share of the best one
LOW = 0.3  # a best success below this says too little


@dataclasses.dataclass(eq=False)
class Run:
    """One worker's side of a run; `launch` makes it and passes it to `learn`.

    An algorithm calls `plan`, `evaluation_env` and `register`, then iterates over `epochs()`, in each epoch over
    `cycles()`, and calls `end_epoch(...)` at the end of each epoch.
    """

    options: Options
    config: Settings  # the algorithm's
    env: VecEnv
    comm: Communicator
    logger: Logger
    stack: contextlib.ExitStack  # closes when the run ends, also after an error
    initial_policy: Policy | None = None  # of --load_path
    eval_env: VecEnv | None = None  # the user's own
    callback: Callable[[dict[str, float]], object] | None = None
    notes: Sequence[str] = ()  # lines for the log
    resumed: Record | None = None  # of the run that is continued
    saved: Saved | None = None  # its newest checkpoint

    schedule: Schedule = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        assert self.options.seed is not None
        self.seed, self.clock = self.options.seed, Clock()
        streams = RngStreams(self.seed, self.comm.rank)
        self.rng, self.seeds_for = streams.rng, streams.seeds_for
        self._state, self._envs, self._begun, self._ended = RunState(streams), [self.env], False, False
        self._told: set[str] = set()
        self._rates: list[float] = []  # of success, in the latest evaluations
        self._share = 0.0  # of the training that is done, the same on all workers
        self._checkpoints: Checkpoints | None = None
        self._videos: Videos | None = None
        self._row: dict[str, float] = {}  # the last one of the log
        self._episodes = 0  # of an evaluation

    @property
    def progress(self) -> Progress:
        """Return the position of the run."""
        return self._state.progress

    @property
    def progress_remaining(self) -> float:
        """Return the share of the training that is still to come, 1 in the first cycle."""
        return 1 - self._share

    # ---- before the first epoch ----

    def plan(self, n_cycles: int, steps_per_cycle: int, losses: tuple[str, ...] = ()) -> Schedule:
        """Return the schedule of the run. Raises UserError.

        Args:
            n_cycles: cycles per epoch.
            steps_per_cycle: environment steps of one worker in a cycle; the most of them where each cycle adds those
                that it took to `progress.steps`.
            losses: names of the losses that each cycle appends to `progress.losses`.
        """
        resumed = self.resumed.schedule if self.resumed else None
        self.schedule, self._state.losses = plan(self.options, n_cycles, steps_per_cycle, resumed), losses
        self._lines = describe(self.schedule, n_cycles, self.options, self.comm.size)
        return self.schedule

    def evaluation_env(self, num_episodes: int) -> VecEnv:
        """Return environments for evaluation: the user's own, or copies whose number divides `num_episodes`."""
        self._episodes = num_episodes
        env = self.eval_env or evaluation_copies(self.env, num_episodes, self.seeds_for)
        env.show_only(self.env.spec.observation_sizes)
        self._envs = [self.env] if env is self.env else [self.env, env]
        if self.eval_env is None and env is self.env:
            why = f" ({env.why_alone})" if env.why_alone else ""
            line = f"evaluation: in the training environments, because no others can be made{why}; or pass eval_env"
            self.notes = [*self.notes, line]
        elif self.eval_env is None:
            self.stack.callback(env.close)
        return env

    def register(self, agent: Any, **parts: Stateful) -> None:
        """Name everything that changes while the run trains; `agent` is an Agent and Stateful, and is also saved."""
        self._agent, self._state.parts = agent, {"agent": agent, **parts}

    def begin(self) -> None:
        """Restore a resumed run, then claim the log folder; `epochs` does this if `learn` does not."""
        self._begun = True
        saved, self.saved = self.saved, None  # drop the loaded state: it is as large as agent and buffer
        if saved:
            check_checkpoint(str(self.options.resume), saved.document.get("settings"), self.options, self.config)
            self._state.restore(saved)
        self._measure()
        done, schedule = self.progress, self.schedule
        asked, trained, more = schedule.n_epochs, done.epoch, done.epoch > schedule.n_epochs
        if schedule.n_steps is not None:  # the last cycle may have taken it a little further
            asked, trained = schedule.n_steps, done.steps
            more = (self._share - 1) * schedule.n_steps >= schedule.steps_per_cycle
        if more:
            unit = "epoch" if schedule.n_steps is None else "step"
            raise UserError(f"{self.options.resume} has already trained {counted(trained, unit)}, more than {asked}")
        if self.options.resume:
            self.logger.truncate(saved.document["positions"] if saved else {})
            if self.comm.rank == 0:  # the log folder is locked, and both folders belong to this run
                for folder in filter(None, (self.options.resume, self.options.save_path)):
                    remove_unfinished(folder)
        record = record_of(self.options, self.config, self.schedule, self.comm.size)
        self.logger.write_json("config.json", record)
        folder = self.logger.folder or "none"
        self.logger.info(f"environments: {self.env.description}; seed: {self.seed}; logs: {folder}")
        if self.env.unused:
            self.logger.info(f"entries of the observation that are not used: {', '.join(sorted(self.env.unused))}")
        for line in (*self.notes, *self._lines):
            self.logger.info(line)
        if saved:
            self.logger.info(f"continues after epoch {self.progress.epoch} of {self.schedule.n_epochs}")
        if self._over:
            self._save("latest")
        if self.schedule.n_epochs:
            for sink in self.logger.sinks:
                sink.start(shown_settings(record), new=saved is None)
            interval = self.options.save_video_interval
            if interval > self.schedule.n_epochs:
                why = f"counts epochs, and this run has {self.schedule.n_epochs}: there will be no video"
                self.logger.warn(f"--save_video_interval={interval} {why}")
            elif interval and self.comm.rank == 0:
                self._videos = self.stack.enter_context(Videos(self.options, self.env.spec.horizon, self.logger))
            if self.options.checkpoint_interval and self.options.log_path:
                request = self.stack.enter_context(stop_requests(quiet=self.comm.rank > 0))
                settings = lasting_settings(self.options, self.config)
                self._checkpoints = Checkpoints(self.options, self.schedule, self._state, settings, self.comm,
                                                self.logger, request)  # fmt: skip
        self.clock = Clock(self._env_seconds(), self.progress.seconds)

    # ---- the loop ----

    def epochs(self) -> Iterator[int]:
        """Yield the remaining epochs. Raises UserError if an epoch ends without `end_epoch`."""
        if not self._begun:
            self.begin()
        while not (self._over or self._ended):
            self.clock.start_epoch()
            epoch = self.progress.epoch
            yield epoch
            if self.progress.epoch != epoch + 1:
                raise UserError("--alg: its learn must call run.end_epoch(...) once, at the end of each epoch")

    def cycles(self) -> Iterator[int]:
        """Yield the remaining cycles of this epoch. Raises Interrupted, after a checkpoint, if asked to stop."""
        visible = self.comm.rank == 0 and not self.options.quiet and sys.stderr.isatty()
        schedule, done = self.schedule, self.progress
        name = f"epoch {done.epoch + 1} of {schedule.n_epochs}"
        with tqdm(total=schedule.n_cycles, initial=done.cycle, desc=name, leave=False, unit=" steps",
                  unit_scale=schedule.steps_per_cycle, disable=not visible, dynamic_ncols=True,
                  bar_format="{desc}: {percentage:.0f}%|{bar}| {rate_fmt}{postfix}") as bar:  # fmt: skip
            while done.cycle < schedule.n_cycles and self._share < 1:
                steps = done.steps
                yield done.cycle
                done.steps += 0 if done.steps > steps else schedule.steps_per_cycle
                done.cycle, done.seconds = done.cycle + 1, self.clock.seconds()
                self._measure()
                rate = self._row.get("test/success_rate", float("nan"))
                success = f"success {rate:.2f}, " if rate == rate else ""
                bar.set_postfix_str(f"{success}{time_left(self._share, done.seconds)} left", refresh=False)
                bar.update()
                if self._checkpoints:
                    self._checkpoints.after_cycle()

    def end_epoch(self, metrics: Mapping[str, float], score: float) -> None:
        """Log a row, save policies, call the callback, write a checkpoint.

        Args:
            metrics: the row, the same on all workers, with "total/timesteps"; the epoch and its times are added.
            score: the policy with the highest score is saved as `best`.
        """
        done, steps = self.progress, int(metrics["total/timesteps"])
        if not done.cycle:  # an algorithm without cycles: an epoch counts as planned
            done.steps += self.schedule.n_cycles * self.schedule.steps_per_cycle
            self._measure()
        times = self.mean(self.clock.finish_epoch(self._env_seconds()))
        times = {"total/seconds": self.clock.seconds(), **times, "fps": (steps - done.timesteps) / times["time/epoch"]}
        self._row = row = {"epoch": done.epoch, **metrics, **times}
        self.logger.dump(row, step=steps)
        self._warn_of(row, score)
        self._save("latest")
        is_best = score == score and not (done.best is not None and score < done.best)
        if is_best:
            self._save("best")
        if (interval := self.options.policy_save_interval) and (done.epoch + 1) % interval == 0:
            self._save(f"epoch_{done.epoch}")
        if self._videos:
            self._videos.after_epoch(self._agent, done.epoch, steps)
        best = float(score) if is_best else done.best
        self._state.progress = dataclasses.replace(
            done, epoch=done.epoch + 1, cycle=0, best=best, timesteps=steps, losses=[], seconds=self.clock.seconds()
        )
        if self.callback is not None:
            answer: Any = self.callback(dict(row))
            is_bool = getattr(answer, "dtype", type(answer)) in (bool,)  # Python's False, or an array library's
            self._ended = any(self.comm.all_gather(is_bool and not np.all(answer)))
        if self._checkpoints:
            self._checkpoints.after_epoch(last=self._ended or self._over)

    def _warn_of(self, row: Mapping[str, float], score: float) -> None:
        """Warn once of numbers that are nan, and once of a success that has fallen."""
        nan = [name for name, value in {**row, "the score": score}.items() if value != value]
        if nan and "nan" not in self._told:
            self._told.add("nan")
            why = "an average of nothing, such as of episodes where none has ended"
            self.logger.warn(f"epoch {row['epoch']}: {', '.join(nan)}: nan, {why}; later epochs are not warned of")
        self._rates = [*self._rates, row.get("test/success_rate", np.nan)][-FALL_OF:]
        rate, best = sum(self._rates) / FALL_OF, self.progress.best or 0.0
        if len(self._rates) == FALL_OF and best > LOW and rate < FALL * best and "fall" not in self._told:
            self._told.add("fall")
            where = "--save_path=DIR would have kept the best policy"
            if self.options.save_path:
                where = f"the best policy is {os.path.join(self.options.save_path, 'best.safetensors')}"
            self.logger.warn(f"success fell from {best:.2f} to {rate:.2f}, the mean of {FALL_OF} evaluations: {where}")

    def close(self, named: bool) -> None:
        """Say what the run reached and what to do next; `named` is False for the user's own environment."""
        if not self._begun:  # an algorithm that trained nothing
            return
        if self._row:
            self.logger.info(outcome(self._row, self.progress.best, self._episodes * self.comm.size))
        for line in what_next(self.options, self.schedule, self.comm.size, named):
            self.logger.info(line)

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return the means over all workers, which must call this together."""
        return dict(zip(values, self.comm.mean(np.array([*values.values()], np.float64)).tolist(), strict=True))

    def _measure(self) -> None:
        """Compute the share of the training that is done. All workers must call this together."""
        steps = sum(self.comm.all_gather(self.progress.steps)) / self.comm.size if self.schedule.n_steps else 0
        self._share = self.schedule.share(self.progress, steps)

    @property
    def _over(self) -> bool:
        """Return True after the last epoch; an epoch that has begun still gets its row."""
        if self.schedule.n_steps is None:
            return self.progress.epoch >= self.schedule.n_epochs
        return self._share >= 1 and not self.progress.cycle

    def _save(self, name: str) -> None:
        """Save the policy as it is now, by rank 0; training continues where it cannot be written."""
        if self.options.save_path and self.comm.rank == 0:
            try:
                self._agent.save(os.path.join(self.options.save_path, name))
            except UserError as error:
                self.logger.warn(f"{error}; training continues")

    def _env_seconds(self) -> float:
        return sum(env.seconds for env in self._envs)
