"""--save_video_interval: videos of the policy as it learns, made beside the training."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from types import TracebackType
from typing import NamedTuple

from baselines.common.errors import UserError
from baselines.common.mpi import Communicator
from baselines.envs.rendering import child_environment
from baselines.policies.policy import Agent, save_policy
from baselines.runs.film import Scene
from baselines.runs.logger import Logger
from baselines.runs.options import Options
from baselines.runs.schedule import Schedule

_MOST_SHARE = 0.05  # of the run's time, in the processors' time
_LAST = 60.0  # seconds that the end of a run waits for its last video
_MAKING = ".making-"  # how the folders of unfinished ones begin


class _Child(NamedTuple):
    """The process that makes a video."""

    process: subprocess.Popen[bytes]
    epoch: int
    step: int  # total/timesteps after it


def command_for(scene: Scene) -> list[str]:
    """What films it."""
    return [sys.executable, "-m", "baselines.runs.film", scene.text()]


class Videos:
    """One video after each `save_video_interval` epochs, as long as they take a small part of the time.

    A video is made by a process of lowest priority, and training never waits for it.
    """

    def __init__(self, options: Options, folder: str, place: str, logger: Logger):
        """Videos get into `folder`, once they are finished; `place` is empty, for what is needed until then."""
        self._options, self._folder, self._place, self._logger = options, folder, place, logger
        self._begin, self._spent = time.perf_counter(), 0.0  # seconds of the processors
        self._child: _Child | None = None
        self._skipped = self._failed = False  # whether the log says so

    def __enter__(self) -> "Videos":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Wait for the last video; but not where the run was stopped or failed."""
        try:
            self._wait(_LAST if kind is None else 0)
        finally:
            if self._child:
                self._logger.info(f"no video of epoch {self._child.epoch}: it was not finished when the run ended")
                self._end_child(self._child)

    def _wait(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        while not self._collect() and self._child and time.perf_counter() < end:
            time.sleep(0.05)

    def after_epoch(self, agent: Agent, epoch: int, step: int) -> None:
        """Show the video that is finished, and begin one if it is time to. `step` is total/timesteps."""
        self._collect()
        if (epoch + 1) % self._options.save_video_interval:
            return
        why = self._too_much()
        if not why:
            self._start(agent, epoch, step)
        elif not self._skipped:
            self._skipped = True
            self._logger.info(f"no video of epoch {epoch}: {why}. Others may be left out too; training never waits")

    def _too_much(self) -> str:
        """Why another video would be; nothing where it would not."""
        seconds = time.perf_counter() - self._begin
        if self._child:
            return f"that of epoch {self._child.epoch} is still being made"
        if self._spent > _MOST_SHARE * seconds:
            return (
                f"videos took {self._spent:.1f} s so far, more than {_MOST_SHARE:.0%} of the {seconds:.0f} s of the run"
            )
        return ""

    def _start(self, agent: Agent, epoch: int, step: int) -> None:
        options = self._options
        assert options.seed is not None
        policy, name = os.path.join(self._place, "policy.safetensors"), f"epoch-{epoch}"
        scene = Scene(policy, options.env, options.env_kwargs, options.max_episode_steps,
                      options.save_video_length, options.seed, self._place, name)  # fmt: skip
        try:
            for old in os.listdir(self._place):  # of one that failed
                shutil.rmtree(path) if os.path.isdir(path := os.path.join(self._place, old)) else os.unlink(path)
            save_policy(policy, agent.policy())
            with open(os.path.join(self._place, "errors"), "wb") as errors:
                # A session of its own: Ctrl-C is for this process, which ends that one.
                process = subprocess.Popen(
                    command_for(scene), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors,
                    start_new_session=True,
                    env={**child_environment(), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                )  # fmt: skip
            self._child = _Child(process, epoch, step)
        except (OSError, UserError) as error:
            self._fail(epoch, getattr(error, "strerror", None) or str(error))

    def _collect(self) -> bool:
        """Whether the process has ended, and what it made, if anything, is where it belongs."""
        if self._child is None:
            return False
        process, epoch, step = self._child
        try:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if not pid:
                return False
            self._spent += usage.ru_utime + usage.ru_stime
            process.returncode = os.waitstatus_to_exitcode(status)
        except ChildProcessError:  # where the user's program ignores the ends of its children
            process.returncode = 0
        self._child = None
        assert process.stdin
        process.stdin.close()
        name = f"epoch-{epoch}"
        made, path = os.path.join(self._place, name), os.path.join(self._folder, f"{name}.mp4")
        try:
            if not os.path.exists(f"{made}.mp4"):
                self._fail(epoch, self._last_words() or f"its process ended with {process.returncode}")
                return True
            os.replace(f"{made}.mp4", path)
            with open(f"{made}.gif", "rb") as file:
                self._logger.video(path, file.read(), epoch, step)
        except OSError as error:
            self._fail(epoch, error.strerror or str(error))
        return True

    def _last_words(self) -> str:
        with open(os.path.join(self._place, "errors"), encoding="utf-8", errors="replace") as file:
            return ["", *file.read().strip().splitlines()][-1].removeprefix("error: ")[:300]

    def _fail(self, epoch: int, why: str) -> None:
        if not self._failed:
            self._failed = True
            self._logger.warn(f"no video of epoch {epoch}: {why}; training goes on, and others are tried")

    def _end_child(self, child: _Child) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)  # with what it started
        child.process.communicate()
        self._child = None


class NoVideos:
    """For runs that want none."""

    def after_epoch(self, agent: Agent, epoch: int, step: int) -> None:
        pass


def start_videos(
    options: Options, schedule: Schedule, comm: Communicator, logger: Logger, stack: contextlib.ExitStack
) -> Videos | NoVideos:
    """Of rank 0; they end when `stack` closes. Raises UserError where they cannot be written."""
    interval = options.save_video_interval
    if not interval or comm.rank > 0:
        return NoVideos()
    if interval > schedule.n_epochs:
        logger.warn(
            f"--save_video_interval={interval} counts epochs, no longer steps, and this run has {schedule.n_epochs}: "
            "there will be no video"
        )
        return NoVideos()
    folder = os.path.join(logger.folder or ".", "videos")
    try:
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(folder) if logger.folder else []:
            if name.startswith(_MAKING):  # of a run that was killed
                shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
        place = tempfile.TemporaryDirectory(prefix=_MAKING, dir=folder, ignore_cleanup_errors=True)
    except OSError as error:
        raise UserError(f"cannot write to folder {folder}: {error.strerror}") from None
    return stack.enter_context(Videos(options, folder, stack.enter_context(place), logger))
