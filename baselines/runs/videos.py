"""Videos of the policy while it learns (--save_video_interval), made by `baselines.play` beside the training."""

import contextlib
import os
import shutil
import subprocess
import sys

from baselines.common.errors import UserError
from baselines.common.waiting import slices
from baselines.envs.rendering import child_environment
from baselines.policies.policy import Agent
from baselines.runs.logger import Logger
from baselines.runs.options import Options

_LAST_SECONDS = 60.0  # how long the end of a run waits for its last video
# `play` with the lowest priority, then a GIF for TensorBoard.
_PLAY = """
import os, sys
from baselines import play
getattr(os, "nice", int)(19)
scratch, *flags = sys.argv[1:]
play.main([f"--video={scratch}/epoch.mp4", *flags])
play.write_gif(f"{scratch}/epoch.mp4", f"{scratch}/epoch.gif", most_frames=100)
"""


class Videos:
    """One video after each `save_video_interval` epochs, unless the previous one is not finished."""

    def __init__(self, options: Options, horizon: int, logger: Logger):
        """Write videos of at most `horizon` steps below the log folder. Raises OSError."""
        self._options, self._logger = options, logger
        self._steps = min(horizon or options.save_video_length, options.save_video_length)
        self._folder = os.path.abspath(os.path.join(logger.folder or ".", "videos"))
        self._scratch = os.path.join(self._folder, ".unfinished")
        self._process: subprocess.Popen[bytes] | None = None
        self._epoch = self._step = 0  # of the video that is being made
        self._warned = False
        os.makedirs(self._folder, exist_ok=True)

    def __enter__(self) -> "Videos":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for the last video, except after an error; leave no process and no unfinished files behind."""
        try:
            if self._process and kind is None:
                for seconds in slices(_LAST_SECONDS):
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self._process.wait(seconds)
                        break
                self._collect()
        finally:
            if self._process:
                self._process.kill()
                self._process.wait()
                self._logger.info(f"no video of epoch {self._epoch}: it was not finished when the run ended")
            shutil.rmtree(self._scratch, ignore_errors=True)

    def after_epoch(self, agent: Agent, epoch: int, step: int) -> None:
        """Show a finished video, and start the next one if it is due; `step` is total/timesteps."""
        self._collect()
        if (epoch + 1) % self._options.save_video_interval == 0:
            if self._process:
                self._warn(epoch, f"the video of epoch {self._epoch} is not finished")
            else:
                self._start(agent, epoch, step)

    def _start(self, agent: Agent, epoch: int, step: int) -> None:
        options, policy = self._options, os.path.join(self._scratch, "policy.safetensors")
        words = {"load_path": policy, "env": options.env, "env_kwargs": options.env_kwargs,
                 "max_episode_steps": self._steps, "seed": options.seed, "episodes": 1}  # fmt: skip
        flags = [f"--{name}={value}" for name, value in words.items() if value is not None]
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        try:
            shutil.rmtree(self._scratch, ignore_errors=True)
            os.mkdir(self._scratch)
            agent.save(policy)
            with open(os.path.join(self._scratch, "errors"), "wb") as errors:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", _PLAY, self._scratch, *flags], env={**child_environment(), **threads},
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                )  # fmt: skip
            self._epoch, self._step = epoch, step
        except (OSError, UserError) as error:
            self._warn(epoch, str(error))

    def _collect(self) -> None:
        """Show the video if its process has ended."""
        if self._process is None or self._process.poll() is None:
            return
        code, self._process = self._process.returncode, None
        made, path = os.path.join(self._scratch, "epoch"), os.path.join(self._folder, f"epoch-{self._epoch}.mp4")
        try:
            if code:
                with open(os.path.join(self._scratch, "errors"), errors="replace") as file:
                    last = ["", *file.read().strip().splitlines()][-1].removeprefix("error: ")[:300]
                raise OSError(last or f"its process ended with exit code {code}")
            with open(f"{made}.gif", "rb") as file:
                gif = file.read()
            os.replace(f"{made}.mp4", path)
            for sink in self._logger.sinks:
                sink.video(path, gif, self._epoch, self._step)
        except OSError as error:
            self._warn(self._epoch, error.strerror or str(error))

    def _warn(self, epoch: int, why: str) -> None:
        if not self._warned:
            self._warned = True
            self._logger.warn(f"no video of epoch {epoch}: {why}; training continues, and so do later videos")
