"""A run as Weights & Biases shows it (--wandb_project)."""

import importlib.util
import json
import os
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from baselines.common.errors import UserError
from baselines.storage.files import replace_file

_FILE = "wandb.json"  # in the log folder: which run it is there
_PATIENCE = 30.0  # seconds that training waits for W&B to begin
_LAST = 60.0  # seconds in which the rest is uploaded


def check_installed() -> None:
    """Raises UserError, before anything is made."""
    found = importlib.util.find_spec("wandb")
    if found is None or found.origin is None:  # a folder of that name, as W&B makes one, is found too
        raise UserError("--wandb_project needs Weights & Biases: pip install 'baselines-her[wandb]'")


class WandB:
    """One W&B run for each log folder, which a resumed run continues.

    Whatever W&B raises is one warning, after which it is left alone: training goes on.
    """

    def __init__(self, project: str, folder: str | None, info: Callable[[str], None], warn: Callable[[str], None]):
        """Its files are kept in `folder`, or without one where W&B keeps them by default; from `start` on."""
        self._project, self._folder, self._info, self._warn = project, folder, info, warn
        self._run: Any = None
        self._step = 0

    def start(self, settings: Mapping[str, Any], new: bool) -> None:
        """The run's config."""
        self._try(lambda: self._start(settings))

    def dump(self, metrics: Mapping[str, float], step: int) -> None:
        """One row of the history, at `step`."""
        if self._run:
            self._step = step
            self._try(lambda: self._run.log(dict(metrics), step=step))

    def video(self, path: str, gif: bytes, epoch: int, step: int) -> None:
        """In the newest row: W&B drops what is of an earlier step."""
        if self._run:
            self._try(lambda: self._video(path, epoch))

    def close(self, failed: bool) -> None:
        """Upload the rest, for a minute at most."""
        if self._run:
            self._try(lambda: self._run.finish(exit_code=int(failed)))
            self._run = None

    def _start(self, settings: Mapping[str, Any]) -> None:
        import wandb

        # Before `init`, which would wait for somebody to type a key; nothing is printed from here on.
        wandb.setup(settings=wandb.Settings(silent=True))
        name = os.path.basename(os.path.abspath(self._folder)) if self._folder else None
        self._run = wandb.init(
            project=self._project,
            name=name,
            id=self._id(),
            resume="allow",
            reinit="create_new",  # a run of the user's own, in the same program, stays as it is
            dir=self._folder,
            config=dict(settings),
            settings=wandb.Settings(
                silent=True, console="off", init_timeout=_PATIENCE, finish_timeout=_LAST, finish_timeout_raises=True
            ),
        )

        where = self._run.url or f"no upload; later: wandb sync {os.path.dirname(self._run.dir)}"
        self._info(f"W&B: {where}")

    def _video(self, path: str, epoch: int) -> None:
        import wandb

        self._run.log({"video": wandb.Video(path, caption=f"epoch {epoch}", format="mp4")}, step=self._step)

    def _id(self) -> str:
        """That of the log folder's run, or a new one. Raises OSError."""
        new = os.environ.get("WANDB_RUN_ID") or uuid.uuid4().hex[:8]  # the variable: of a sweep
        if self._folder is None:
            return new
        path = os.path.join(self._folder, _FILE)
        try:
            with open(path, encoding="utf-8") as file:
                known = json.load(file)["id"]
            if re.fullmatch(r"[\w-]{1,64}", known):
                return str(known)
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            pass
        with replace_file(path) as file:
            file.write(json.dumps({"id": new}).encode() + b"\n")
        return new

    def _try(self, what: Callable[[], object]) -> None:
        try:
            what()
        except Exception as error:  # of W&B, of the network, of its service
            self._run = None
            why = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            self._warn(
                f"W&B does not show this run from here on ({why}). Log in (`wandb login`), or set WANDB_MODE=offline "
                "and later `wandb sync`; training goes on"
            )
