"""The logger of a run: lines and metrics to the terminal, to files, TensorBoard and Weights & Biases."""

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
from baselines.storage import append_whole, check_writable, lock, replace_file

_GROWING = ("log.txt", "progress.csv", "progress.json")
_FILES = (*_GROWING, "config.json", "command.json", "checkpoint")

_WARNING = "warning: "
_TABLE_WIDTH, _VALUE_WIDTH = 80, 20  # characters, at most


class Sink(Protocol):
    """A destination for metrics. A failure is a warning, and training continues."""

    def start(self, settings: Mapping[str, Any], new: bool) -> None:
        """Show the settings of a `new` or a resumed run, before its first epoch."""

    def dump(self, metrics: Mapping[str, float], step: int) -> None:
        """Show a row of metrics at time step `step`."""

    def video(self, path: str, gif: bytes, epoch: int, step: int) -> None:
        """Show a video of the policy: an mp4 file, and the same as a small GIF."""

    def close(self, failed: bool) -> None:
        """Finish; `failed` is True for a run that was stopped or failed."""


class LogFolder:
    """A log folder, which belongs to one run. It is created with the first line: a refused run leaves none."""

    def __init__(self, path: str, resume: bool):
        """Check the folder without changing anything. Raises UserError if it is not writable or has another run."""
        self.path, self._resume = path, resume
        self._text: IO[str] | None = None
        self._columns: list[str] = []
        check_writable(path)
        if not resume and any(os.path.lexists(os.path.join(path, name)) for name in _FILES):
            raise self._taken()

    def _taken(self) -> UserError:
        return UserError(f"{self.path} holds files of another run; choose another --log_path")

    def claim(self) -> IO[str]:
        """Create and lock the folder; returns log.txt. Raises UserError."""
        if self._text is None:
            try:
                os.makedirs(self.path, exist_ok=True)
                # "x": if two runs start together, one of them fails.
                mode = "a" if self._resume else "x"
                self._text = open(os.path.join(self.path, "log.txt"), mode, encoding="utf-8")
                lock(self._text)
            except FileExistsError:
                raise self._taken() from None
            except BlockingIOError:
                raise UserError(f"{self.path} is in use: another run writes to it") from None
            except OSError as error:
                raise UserError(f"cannot write to folder {self.path}: {error.strerror}") from None
        return self._text

    def write_json(self, name: str, document: Mapping[str, Any]) -> None:
        """Write a document. Raises TrainingError."""
        self.claim()
        path = os.path.join(self.path, name)
        try:
            with replace_file(path) as file:
                file.write(json.dumps(document, indent=2).encode() + b"\n")
        except OSError as error:
            raise TrainingError(f"cannot write {path}: {error.strerror}") from None

    def write_row(self, metrics: Mapping[str, float]) -> None:
        """Append a row to progress.csv and progress.json. Raises TrainingError."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if not self._columns:
            self._columns = list(metrics)
            writer.writerow(self._columns)
        assert list(metrics) == self._columns, "every row has the same metrics in the same order"
        writer.writerow([f"{v:.10g}" if isinstance(v, float) else v for v in metrics.values()])
        values = {k: None if math.isnan(value) else value for k, value in metrics.items()}  # JSON has no NaN
        for name, line in (("progress.csv", text.getvalue()), ("progress.json", json.dumps(values) + "\n")):
            path = os.path.join(self.path, name)
            try:
                append_whole(path, line.encode())
            except OSError as error:
                hint = f"Make room, then --resume={self.path}"
                raise TrainingError(f"cannot write {path}: {error.strerror}. {hint}") from None

    def positions(self) -> dict[str, int]:
        """Return the sizes of the files that grow, after writing them to the disk. Raises OSError."""
        files = list(os.scandir(self.path)) if os.path.isdir(self.path) else []
        growing = [f for f in files if f.name in _GROWING or f.name.startswith(FILES)]
        for entry in growing:
            with open(entry.path, "rb") as file:
                os.fsync(file.fileno())
        return {f.name: f.stat().st_size for f in growing}

    def truncate(self, positions: Mapping[str, int]) -> None:
        """Cut the files to `positions`, for a resumed run to write the rest again.

        Raises UserError, without a change, if a file is shorter than that.
        """
        self.claim()
        sizes = self.positions()
        for name in {**dict.fromkeys(_GROWING), **sizes}:
            size, end = sizes.get(name, 0), positions.get(name, 0)
            if type(end) is not int or not 0 <= end <= size:
                path = os.path.join(self.path, name)
                raise UserError(f"{path} was changed: it has {size} bytes, less than the checkpoint's {end}")
        for name in sizes:
            os.truncate(os.path.join(self.path, name), positions.get(name, 0))
        with contextlib.suppress(FileNotFoundError):
            with open(os.path.join(self.path, "progress.csv"), encoding="utf-8") as file:
                self._columns = next(csv.reader(file), [])

    def close(self) -> None:
        """Unlock the folder."""
        if self._text:
            with contextlib.suppress(OSError):
                self._text.close()


class Logger:
    """Prints to the terminal, and writes to a folder and to the sinks."""

    def __init__(
        self,
        folder: str | None = None,
        quiet: bool = False,
        resume: bool = False,
        silent: bool = False,
        wandb_project: str | None = None,
    ):
        """Check the folder. Raises UserError if it cannot be written to or, without `resume`, has another run.

        Args:
            folder: the log folder; None: only print.
            quiet: True on workers other than rank 0, which print and write nothing.
            resume: continue the run in `folder`.
            silent: print only warnings.
            wandb_project: the project of Weights & Biases.
        """
        self.shared_folder = folder  # known to all workers
        self.folder = None if quiet else folder
        self._quiet, self._silent = quiet, silent
        self._files = LogFolder(self.folder, resume) if self.folder else None
        self._sinks: list[Sink] = [TensorBoard(self.folder, self.warn)] if self.folder else []
        if wandb_project and not quiet:
            self._sinks.append(WandB(wandb_project, self.folder, self.info, self.warn))

    def info(self, text: str) -> None:
        """Print and write a line."""
        if self._quiet:
            return
        file = self._files.claim() if self._files else None  # first: a refused run prints only its error
        if not self._silent or text.startswith(_WARNING):
            show(text)
        if file:
            with contextlib.suppress(OSError):  # a full disk: the metrics' files report it
                print(text, file=file, flush=True)

    def warn(self, text: str) -> None:
        """Print and write a warning."""
        self.info(f"{_WARNING}{text}")

    def write_json(self, name: str, document: Mapping[str, Any]) -> None:
        """Write a document to the folder. Raises TrainingError."""
        if self._files:
            self._files.write_json(name, document)

    def positions(self) -> dict[str, int]:
        """Return the sizes of the log files for a checkpoint. Raises OSError."""
        return self._files.positions() if self._files else {}

    def truncate(self, positions: Mapping[str, int]) -> None:
        """Cut the log files to the sizes in a checkpoint. Raises UserError."""
        if self._files:
            self._files.truncate(positions)

    def start(self, settings: Mapping[str, Any], new: bool) -> None:
        """Show the settings of a `new` or a resumed run."""
        for sink in self._sinks:
            sink.start(settings, new)

    def dump(self, metrics: Mapping[str, float], step: int) -> None:
        """Print and write a row of metrics; `step` is the x axis of TensorBoard. Raises TrainingError."""
        self.info(_table(metrics))
        if self._files:
            self._files.write_row(metrics)
        for sink in self._sinks:
            sink.dump(metrics, step)

    def video(self, path: str, gif: bytes, epoch: int, step: int) -> None:
        """Show a video of the policy after `epoch`, at time step `step`."""
        for sink in self._sinks:
            sink.video(path, gif, epoch, step)

    def close(self, failed: bool = False) -> None:
        """Close all files; `failed` is True for a run that was stopped or failed."""
        for sink in self._sinks:
            sink.close(failed)
        if self._files:
            self._files.close()


def rows_logged(folder: str) -> int:
    """Return the number of rows in a run's progress.csv. Raises UserError."""
    try:
        with open(os.path.join(folder, "progress.csv"), "rb") as file:
            return max(0, sum(1 for _ in file) - 1)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise UserError(f"cannot read the logs in {folder}: {error.strerror}") from None


def _table(metrics: Mapping[str, float]) -> str:
    values = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in metrics.values()]
    value_width = min(max(10, *map(len, values)), _VALUE_WIDTH)
    width = min(max(map(len, metrics)), _TABLE_WIDTH - len("|  |  |") - value_width)
    line = "-" * (width + value_width + len("|  |  |"))
    rows = [(_shortened(key, width), _shortened(v, value_width)) for key, v in zip(metrics, values, strict=True)]
    return "\n".join([line, *(f"| {key:<{width}} | {value:>{value_width}} |" for key, value in rows), line])


def _shortened(text: str, most: int) -> str:
    """Replace the middle of a long text by dots."""
    end = (most - 3) // 2
    return text if len(text) <= most else f"{text[: most - 3 - end]}...{text[-end:]}"
