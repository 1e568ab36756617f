"""Weights & Biases (--wandb_project).

`wandb.init(sync_tensorboard=True)` would need fewer lines, but (wandb 0.31) sends everything to the run that the user's
own program has begun, counts rows instead of time steps, drops GIFs, and takes ten seconds to finish.
"""

import importlib.util
import json
import os
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from baselines.common.errors import UserError, one_line
from baselines.storage import write_file

_FILE = "wandb.json"  # in the log folder: the id of the W&B run, which a resumed run continues
_START_SECONDS, _FINISH_SECONDS = 30.0, 60.0  # how long W&B may take to start and to upload the rest


def check_installed() -> None:
    """Raise UserError if wandb is missing."""
    spec = importlib.util.find_spec("wandb")
    if spec is None or spec.origin is None:  # a folder `wandb` in the working directory has a spec without origin
        raise UserError("--wandb_project needs Weights & Biases: pip install 'baselines-her[wandb]'")


class WandB:
    """A sink that sends a run to W&B; the first failure is a warning and ends it, while training continues."""

    def __init__(self, project: str, folder: str | None, info: Callable[[str], None], warn: Callable[[str], None]):
        """Prepare a run whose files are kept in `folder`, or in W&B's default folder."""
        self._project, self._folder, self._info, self._warn = project, folder, info, warn
        self._run: Any = None
        self._step = 0

    def start(self, settings: Mapping[str, Any], new: bool) -> None:
        """Begin or continue the W&B run."""
        self._try(lambda: self._start(settings))

    def dump(self, metrics: Mapping[str, float], step: int) -> None:
        """Send a row of metrics."""
        self._step = step
        self._try(lambda: self._run and self._run.log(dict(metrics), step=step))

    def video(self, path: str, gif: bytes, epoch: int, step: int) -> None:
        """Send a video with the newest row, because W&B drops data of earlier steps."""
        if self._run:
            import wandb

            kind = {"caption": f"epoch {epoch}", "format": "mp4"}
            self._try(lambda: self._run.log({"video": wandb.Video(path, **kind)}, step=self._step))

    def close(self, failed: bool) -> None:
        """Upload the rest."""
        self._try(lambda: self._run and self._run.finish(exit_code=int(failed)))
        self._run = None

    def _start(self, settings: Mapping[str, Any]) -> None:
        import wandb

        # Before `init`, which would otherwise wait for somebody to type a key.
        wandb.setup(settings=wandb.Settings(**_unless_set(silent=True)))
        name = os.path.basename(os.path.abspath(self._folder)) if self._folder else None
        limits = _unless_set(silent=True, console="off", init_timeout=_START_SECONDS,
                             finish_timeout=_FINISH_SECONDS, finish_timeout_raises=True)  # fmt: skip
        # create_new: a W&B run of the user's own program continues.
        ours = _unless_set(name=name, dir=self._folder, resume="allow", reinit="create_new")
        self._run = wandb.init(project=self._project, id=self._id(), config=dict(settings),
                               settings=wandb.Settings(**limits), **ours)  # fmt: skip
        self._info(f"W&B: {self._run.url or f'no upload; later: wandb sync {os.path.dirname(self._run.dir)}'}")

    def _id(self) -> str:
        if "WANDB_RUN_ID" in os.environ:  # it is set in sweeps
            return os.environ["WANDB_RUN_ID"]
        path, new = os.path.join(self._folder or "", _FILE), uuid.uuid4().hex[:8]
        if self._folder and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                return str(json.load(file)["id"])
        if self._folder:
            write_file(path, json.dumps({"id": new}).encode() + b"\n")
        return new

    def _try(self, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception as error:  # W&B, the network and its service raise errors of many kinds
            self._run = None
            why = f"{type(error).__name__}: {one_line(error)}"[:300]
            self._warn(f"W&B no longer shows this run ({why}). Log in (`wandb login`), or set WANDB_MODE=offline and "
                       "run `wandb sync` later; training continues")  # fmt: skip


def _unless_set(**ours: Any) -> dict[str, Any]:
    """Return those of our values for which the user has not set W&B's own variable, e.g. WANDB_NAME for `name`."""
    return {name: value for name, value in ours.items() if f"WANDB_{name.upper()}" not in os.environ}
