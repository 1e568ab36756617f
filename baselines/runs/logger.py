"""The logger of a run: lines and metrics to the terminal, to files, TensorBoard and Weights & Biases."""

import contextlib
import csv
import io
import json
import math
import os
from collections.abc import Mapping
from typing import IO, Any

from baselines.common.errors import TrainingError, UserError
from baselines.common.streams import show
from baselines.runs.tensorboard import FILES, TensorBoard
from baselines.runs.wandb_logger import WandB
from baselines.storage import append_whole, check_writable, lock, replace_file

_GROWING = ("log.txt", "progress.csv", "progress.json")
_FILES = (*_GROWING, "config.json", "command.json", "checkpoint")
_WARNING = "warning: "
_KEY_WIDTH, _VALUE_WIDTH = 53, 20  # characters, at most: the table then has the 80 of a terminal


class Logger:
    """Prints to the terminal, and writes to a folder, which belongs to one run, and to TensorBoard and W&B.

    The folder is created with the first line: a refused run leaves none.
    """

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
        self.folder = None if quiet else folder
        self._quiet, self._silent, self._resume = quiet, silent, resume
        self._text: IO[str] | None = None  # log.txt
        self._columns: list[str] = []
        self._sinks: list[TensorBoard | WandB] = []
        if self.folder:
            check_writable(self.folder)
            if not resume and any(os.path.lexists(os.path.join(self.folder, name)) for name in _FILES):
                raise self._taken()
            self._sinks.append(TensorBoard(self.folder, self.warn))
        if wandb_project and not quiet:
            self._sinks.append(WandB(wandb_project, self.folder, self.info, self.warn))

    def info(self, text: str) -> None:
        """Print and write a line."""
        if self._quiet:
            return
        if self.folder:
            self._claim(self.folder)  # first: a refused run prints only its error
        if not self._silent or text.startswith(_WARNING):
            show(text)
        with contextlib.suppress(OSError):  # a full disk: the metrics' files report it
            if self._text:
                print(text, file=self._text, flush=True)

    def warn(self, text: str) -> None:
        """Print and write a warning."""
        self.info(f"{_WARNING}{text}")

    def write_json(self, name: str, document: Mapping[str, Any]) -> None:
        """Write a document to the folder. Raises TrainingError."""
        if not self.folder:
            return
        self._claim(self.folder)
        path = os.path.join(self.folder, name)
        try:
            with replace_file(path) as file:
                file.write(json.dumps(document, indent=2).encode() + b"\n")
        except OSError as error:
            raise TrainingError(f"cannot write {path}: {error.strerror}") from None

    def start(self, settings: Mapping[str, Any], new: bool) -> None:
        """Show the settings of a `new` or a resumed run in TensorBoard and W&B, before its first epoch."""
        for sink in self._sinks:
            sink.start(settings, new)

    def dump(self, metrics: Mapping[str, float], step: int) -> None:
        """Print and write a row of metrics; `step` is the x axis of TensorBoard. Raises TrainingError."""
        if self.folder:
            self._claim(self.folder)
            self._write_row(self.folder, metrics)  # first: a terminal may block
        self.info(_table(metrics))
        for sink in self._sinks:
            sink.dump(metrics, step)

    def video(self, path: str, gif: bytes, epoch: int, step: int) -> None:
        """Show a video of the policy, an mp4 file and the same as a small GIF, after `epoch` at time step `step`."""
        for sink in self._sinks:
            sink.video(path, gif, epoch, step)

    def positions(self) -> dict[str, int]:
        """Return the sizes of the log files that grow, after writing them to the disk. Raises OSError."""
        files = list(os.scandir(self.folder)) if self.folder and os.path.isdir(self.folder) else []
        growing = [f for f in files if f.name in _GROWING or f.name.startswith(FILES)]
        for entry in growing:
            with open(entry.path, "rb") as file:
                os.fsync(file.fileno())
        return {f.name: f.stat().st_size for f in growing}

    def truncate(self, positions: Mapping[str, int]) -> None:
        """Cut the log files to the sizes in a checkpoint, for a resumed run to write the rest again.

        Raises UserError, without a change, if a file is shorter than that.
        """
        if not self.folder:
            return
        self._claim(self.folder)
        sizes = self.positions()
        for name in {**dict.fromkeys(_GROWING), **sizes}:
            size, end = sizes.get(name, 0), positions.get(name, 0)
            if type(end) is not int or not 0 <= end <= size:
                path = os.path.join(self.folder, name)
                raise UserError(f"{path} was changed: it has {size} bytes, less than the checkpoint's {end}")
        for name in sizes:
            os.truncate(os.path.join(self.folder, name), positions.get(name, 0))
        with contextlib.suppress(FileNotFoundError):
            with open(os.path.join(self.folder, "progress.csv"), encoding="utf-8") as file:
                self._columns = next(csv.reader(file), [])

    def close(self, failed: bool = False) -> None:
        """Close all files; `failed` is True for a run that was stopped or failed."""
        for sink in self._sinks:
            sink.close(failed)
        if self._text:
            with contextlib.suppress(OSError):
                self._text.close()

    def _taken(self) -> UserError:
        return UserError(f"{self.folder} holds files of another run; choose another --log_path")

    def _claim(self, folder: str) -> None:
        """Create and lock the folder, unless this run has done so. Raises UserError."""
        if self._text:
            return
        try:
            os.makedirs(folder, exist_ok=True)
            # "x": if two runs start together, one of them fails.
            self._text = open(os.path.join(folder, "log.txt"), "a" if self._resume else "x", encoding="utf-8",
                              errors="backslashreplace")  # fmt: skip
            lock(self._text)
        except FileExistsError:
            raise self._taken() from None
        except BlockingIOError:
            raise UserError(f"{folder} is in use: another run writes to it") from None
        except OSError as error:
            raise UserError(f"cannot write to folder {folder}: {error.strerror}") from None

    def _write_row(self, folder: str, metrics: Mapping[str, float]) -> None:
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
            path = os.path.join(folder, name)
            try:
                append_whole(path, line.encode())
            except OSError as error:
                hint = f"Make room, then --resume={folder}"
                raise TrainingError(f"cannot write {path}: {error.strerror}. {hint}") from None


def _table(metrics: Mapping[str, float]) -> str:
    keys = [_shortened(key, _KEY_WIDTH) for key in metrics]
    values = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in metrics.values()]
    values = [f"{_shortened(value, _VALUE_WIDTH):>10}" for value in values]
    width, value_width = (max(map(len, column)) for column in (keys, values))
    rows = [f"| {key:<{width}} | {value:>{value_width}} |" for key, value in zip(keys, values, strict=True)]
    line = "-" * len(rows[0])
    return "\n".join([line, *rows, line])


def _shortened(text: str, most: int) -> str:
    """Replace the middle of a long text by dots."""
    end = (most - 3) // 2
    return text if len(text) <= most else f"{text[: most - 3 - end]}...{text[-end:]}"
