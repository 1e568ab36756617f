"""Metrics of a run to the terminal, `log.txt`, `progress.csv`, `progress.json` and TensorBoard."""

import contextlib
import csv
import io
import json
import math
import os
import sys
from collections.abc import Mapping
from typing import IO, Any

from baselines.common.errors import TrainingError, UserError
from baselines.common.storage.files import append_whole, check_writable, lock, replace_file
from baselines.common.tensorboard import FILES, TensorBoard

_GROWING = ("log.txt", "progress.csv", "progress.json")
_FILES = (*_GROWING, "config.json", "command.json", "checkpoint")

_WARNING = "warning: "


class Logger:
    """Prints to the terminal, and keeps the same and the metrics in a folder if it has one."""

    def __init__(
        self,
        folder: str | None = None,
        quiet: bool = False,
        resume: bool = False,
        silent: bool = False,
    ):
        """`quiet` is for workers other than rank 0: nothing is printed, and nothing written. `silent` prints warnings
        alone, and writes all.

        The folder is made with the first line, so that a run that is refused leaves none behind. Raises UserError
        where it cannot be made or written to, or holds another run; with `resume` it must hold one, which is continued.
        """
        self.shared_folder = folder  # of the run: all workers know it
        self.folder = None if quiet else folder
        self._quiet, self._resume, self._silent = quiet, resume, silent
        self._keys: list[str] = []
        self._text: IO[str] | None = None
        self._tensorboard = TensorBoard(self.folder, self.warn) if self.folder else None
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
        if self._tensorboard:
            self._tensorboard.dump(metrics, step)

    def close(self) -> None:
        if self._text:
            with contextlib.suppress(OSError):
                self._text.close()
        if self._tensorboard:
            self._tensorboard.close()

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


def show(text: str) -> None:
    """To the terminal; or nowhere, where what reads the output has ended (`| tee` and Ctrl-C): training goes on."""
    try:
        print(text, flush=True)
    except OSError:
        with open(os.devnull, "w") as nowhere, contextlib.suppress(OSError):
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _table(metrics: Mapping[str, float]) -> str:
    rows = [(key, f"{value:.4g}" if isinstance(value, float) else str(value)) for key, value in metrics.items()]
    wide = max(len(key) for key, _ in rows)
    line = "-" * (wide + 17)
    return "\n".join([line, *(f"| {key:<{wide}} | {value:>10} |" for key, value in rows), line])
