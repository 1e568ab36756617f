"""Metrics of a run to the terminal, `log.txt`, `progress.csv`, `progress.json`, TensorBoard and Weights & Biases."""

import contextlib
import csv
import io
import json
import math
import os
from collections.abc import Mapping
from typing import IO, Any, Protocol

from baselines.common.cli import show
from baselines.common.errors import TrainingError, UserError
from baselines.runs.tensorboard import FILES, TensorBoard
from baselines.runs.wandb_logger import WandB
from baselines.storage.files import append_whole, check_writable, lock, replace_file

_GROWING = ("log.txt", "progress.csv", "progress.json")
_FILES = (*_GROWING, "config.json", "command.json", "checkpoint")

_WARNING = "warning: "
_WIDEST = 80  # columns of a terminal
_WIDEST_VALUE = 20


class Sink(Protocol):
    """Where metrics are looked at. What cannot be written is a warning, and training goes on."""

    def start(self, settings: Mapping[str, Any], new: bool) -> None:
        """What the run uses, before its first epoch; or where the run is not `new`, before it continues."""

    def dump(self, metrics: Mapping[str, float], step: int) -> None:
        """One point of each curve."""

    def video(self, path: str, gif: bytes, epoch: int, step: int) -> None:
        """The policy after an epoch: an mp4 file, and the same small."""

    def close(self, failed: bool) -> None:
        """The run is over."""


class Logger:
    """Prints to the terminal, and keeps the same and the metrics in a folder if it has one."""

    def __init__(
        self,
        folder: str | None = None,
        quiet: bool = False,
        resume: bool = False,
        silent: bool = False,
        wandb_project: str | None = None,
    ):
        """`quiet` is for workers other than rank 0: nothing is printed, and nothing written. `silent` prints warnings
        alone, and writes all. `wandb_project` is where Weights & Biases shows the run.

        The folder is made with the first line, so that a run that is refused leaves none behind. Raises UserError
        where it cannot be made or written to, or holds another run; with `resume` it must hold one, which is continued.
        """
        self.shared_folder = folder  # of the run: all workers know it
        self.folder = None if quiet else folder
        self._quiet, self._resume, self._silent = quiet, resume, silent
        self._keys: list[str] = []
        self._text: IO[str] | None = None
        self._sinks: list[Sink] = [TensorBoard(self.folder, self.warn)] if self.folder else []
        if wandb_project and not quiet:
            self._sinks.append(WandB(wandb_project, self.folder, self.info, self.warn))
        if self.folder is not None:
            check_writable(self.folder)
            if not resume and any(os.path.lexists(os.path.join(self.folder, name)) for name in _FILES):
                self._refuse()

    def open(self) -> None:
        """Claim the folder. Raises UserError."""
        if self.folder is None or self._text is not None:
            return
        try:
            os.makedirs(self.folder, exist_ok=True)
            # "x": of two runs that start together, one is refused.
            path, mode = os.path.join(self.folder, "log.txt"), "a" if self._resume else "x"
            self._text = open(path, mode, encoding="utf-8")
            lock(self._text)
        except FileExistsError:
            self._refuse()
        except BlockingIOError:
            raise UserError(f"{self.folder} is in use: another run writes to it") from None
        except OSError as error:
            raise UserError(f"cannot write to folder {self.folder}: {error.strerror}") from None

    def _refuse(self) -> None:
        raise UserError(f"{self.folder} holds files of another run; choose another --log_path") from None

    def info(self, text: str) -> None:
        """One line for people."""
        if self._quiet:
            return
        self.open()
        if not self._silent or text.startswith(_WARNING):
            show(text)
        if self._text:
            with contextlib.suppress(OSError):  # a full disk: the metrics' files complain
                print(text, file=self._text, flush=True)

    def warn(self, text: str) -> None:
        """A line that somebody should look at."""
        self.info(f"{_WARNING}{text}")

    def write_json(self, name: str, document: Mapping[str, Any]) -> None:
        """A document beside the metrics."""
        self.open()
        if self.folder:
            path = os.path.join(self.folder, name)
            try:
                with replace_file(path) as file:
                    file.write(json.dumps(document, indent=2).encode() + b"\n")
            except OSError as error:
                raise TrainingError(f"cannot write {path}: {error.strerror}") from None

    def positions(self) -> dict[str, int]:
        """How many bytes the files have that grow."""
        if self.folder is None or not os.path.isdir(self.folder):
            return {}
        files = os.scandir(self.folder)
        return {f.name: f.stat().st_size for f in files if f.name in _GROWING or f.name.startswith(FILES)}

    def sync(self) -> None:
        """See to it that these bytes would outlive a power failure. Raises OSError."""
        for name in self.positions():
            with open(os.path.join(self.folder or "", name), "rb") as file:
                os.fsync(file.fileno())

    def cut_back_to(self, positions: Mapping[str, int]) -> None:
        """Cut off what was written after `positions`: it will be written again. Raises UserError, with nothing cut."""
        self.open()
        if self.folder is None:
            return
        there = self.positions()
        for name in {**dict.fromkeys(_GROWING), **there}:
            size, end = there.get(name, 0), positions.get(name, 0)
            if type(end) is not int or not 0 <= end <= size:
                path = os.path.join(self.folder, name)
                raise UserError(f"{path} has {size} bytes, but {end} when the checkpoint was written: it was changed")
        for name in there:
            os.truncate(os.path.join(self.folder, name), positions.get(name, 0))
        with contextlib.suppress(FileNotFoundError):
            with open(os.path.join(self.folder, "progress.csv"), encoding="utf-8") as file:
                self._keys = next(csv.reader(file), [])

    def dump(self, metrics: Mapping[str, float], step: int) -> None:
        """One row of metrics, e.g. of an epoch; `step` is TensorBoard's x axis."""
        self.info(_table(metrics))
        if self.folder:
            self._append_csv(metrics)
            known = {k: None if math.isnan(value) else value for k, value in metrics.items()}  # JSON has no NaN
            self._append("progress.json", json.dumps(known) + "\n")
        for sink in self._sinks:
            sink.dump(metrics, step)

    def start(self, settings: Mapping[str, Any], new: bool) -> None:
        """Show what the run uses beside its metrics; it is not `new` where it continues with what was shown before."""
        for sink in self._sinks:
            sink.start(settings, new)

    def video(self, path: str, gif: bytes, epoch: int, step: int) -> None:
        """Show a video of the policy after `epoch`, when `total/timesteps` was `step`."""
        for sink in self._sinks:
            sink.video(path, gif, epoch, step)

    def close(self, failed: bool = False) -> None:
        """`failed` is for a run that did not come to its end."""
        for sink in self._sinks:
            sink.close(failed)
        if self._text:
            with contextlib.suppress(OSError):
                self._text.close()

    def _append_csv(self, metrics: Mapping[str, float]) -> None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if not self._keys:
            self._keys = list(metrics)
            writer.writerow(self._keys)
        assert list(metrics) == self._keys, "every row has the same metrics in the same order"
        writer.writerow([f"{v:.10g}" if isinstance(v, float) else v for v in metrics.values()])
        self._append("progress.csv", text.getvalue())

    def _append(self, name: str, text: str) -> None:
        """All of `text` or nothing of it. Raises TrainingError where it cannot be written."""
        path = os.path.join(self.folder or "", name)
        try:
            append_whole(path, text.encode())
        except OSError as error:
            raise TrainingError(
                f"cannot write {path}: {error.strerror}. Make room, then --resume={self.folder}"
            ) from None


def rows_logged(folder: str) -> int:
    """How many rows of metrics a run has in its folder. Raises UserError."""
    try:
        with open(os.path.join(folder, "progress.csv"), "rb") as file:
            return max(0, sum(1 for _ in file) - 1)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise UserError(f"cannot read the logs in {folder}: {error.strerror}") from None


def _table(metrics: Mapping[str, float]) -> str:
    """At most 80 columns wide: what is longer loses its middle."""
    values = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in metrics.values()]
    wide_value = min(max(10, *map(len, values)), _WIDEST_VALUE)
    wide = min(max(map(len, metrics)), _WIDEST - len("|  |  |") - wide_value)
    line = "-" * (wide + wide_value + len("|  |  |"))
    shown = [(_shortened(key, wide), _shortened(v, wide_value)) for key, v in zip(metrics, values, strict=True)]
    return "\n".join([line, *(f"| {key:<{wide}} | {value:>{wide_value}} |" for key, value in shown), line])


def _shortened(text: str, most: int) -> str:
    """Its beginning and its end, with dots between, where it has more than `most` characters."""
    if len(text) <= most:
        return text
    end = (most - 3) // 2
    return f"{text[: most - 3 - end]}...{text[-end:]}"
