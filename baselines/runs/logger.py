"""The logger of a run: lines and metrics to the terminal, to files, TensorBoard and Weights & Biases."""

import contextlib
import csv
import io
import json
import math
import os
import zlib
from collections.abc import Mapping
from typing import IO, Any

from baselines.common.errors import TrainingError, UserError, printable, shortened
from baselines.common.streams import show
from baselines.runs.tensorboard import FILES, TensorBoard
from baselines.runs.wandb_logger import WandB
from baselines.storage import append_whole, check_writable, lock, open_regular, write_file

_ROWS = ("progress.csv", "progress.json")
_GROWING = ("log.txt", *_ROWS)
_FILES = (*_GROWING, "config.json", "command.json", "checkpoint")
_WARNING = "warning: "
_KEY_WIDTH, _VALUE_WIDTH = 53, 20  # characters, at most: the table then has the 80 of a terminal


class Logger:
    """Prints to the terminal, and writes to a folder, which belongs to one run, and to TensorBoard and W&B.

    The folder is created with the first line: a refused run leaves none.
    """

    def __init__(self, folder: str | None = None, quiet: bool = False, resume: bool = False, silent: bool = False,
                 wandb_project: str | None = None):  # fmt: skip
        """Check the folder, None to only print. Raises UserError if it is not writable or, unless `resume`, has a run.

        Workers other than rank 0 are `quiet`, which print and write nothing; `silent` prints only warnings.
        """
        self.folder = None if quiet else folder
        self._quiet, self._silent, self._resume = quiet, silent, resume
        self._text: IO[str] | None = None  # log.txt
        self._columns: list[str] = []
        self._sums = dict.fromkeys(_ROWS, 0)  # CRC-32 of what this run has written, not of what the disk has made of it
        self.sinks: list[TensorBoard | WandB] = []
        if self.folder:
            check_writable(self.folder)
            if not resume and any(os.path.lexists(os.path.join(self.folder, name)) for name in _FILES):
                raise self._taken()
            self.sinks.append(TensorBoard(self.folder, self.warn))
        if wandb_project and not quiet:
            self.sinks.append(WandB(wandb_project, self.folder, self.info, self.warn))

    def info(self, text: str) -> None:
        """Print and write a line."""
        if self._quiet:
            return
        text = printable(text)
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
        write_file(os.path.join(self.folder, name), json.dumps(document, indent=2).encode() + b"\n")

    def dump(self, metrics: Mapping[str, float], step: int) -> None:
        """Print and write a row of metrics; `step` is the x axis of TensorBoard. Raises TrainingError."""
        if self.folder:
            self._claim(self.folder)
            self._write_row(self.folder, metrics)  # first: a terminal may block
        self.info(_table(metrics))
        for sink in self.sinks:
            sink.dump(metrics, step)

    def positions(self) -> dict[str, list[int]]:
        """Return sizes and checksums of the log files that grow, after writing them to the disk. Raises OSError."""
        positions = {}
        for name in self._growing():
            with open(os.path.join(str(self.folder), name), "rb") as file:
                os.fsync(file.fileno())
                positions[name] = [os.fstat(file.fileno()).st_size, self._sums.get(name, 0)]
        return positions

    def _growing(self) -> list[str]:
        names = os.listdir(self.folder) if self.folder and os.path.isdir(self.folder) else []
        return [name for name in names if name in _GROWING or name.startswith(FILES)]

    def truncate(self, positions: Mapping[str, Any]) -> None:
        """Cut the log files to the `positions` in a checkpoint, for a resumed run to write the rest again.

        Raises UserError, without a change, if rows before that were changed. All else is a warning.
        """
        if not self.folder:
            return
        self._claim(self.folder)
        name, warnings = "", []
        try:
            with contextlib.ExitStack() as stack:
                ends = {}
                for name in sorted({*self._growing(), *_GROWING}):
                    path, position = os.path.join(self.folder, name), positions.get(name, 0)
                    # Version 0.5.0 wrote only the size.
                    end, crc32 = position if isinstance(position, list) and len(position) == 2 else (position, None)
                    if not os.path.lexists(path):
                        warnings += [f"{path} is gone: a new one begins"] if end else []
                        continue
                    file = stack.enter_context(open_regular(path, 1 << 62, "rb+"))
                    size, sound = os.fstat(file.fileno()).st_size, type(end) is int
                    sound = sound and 0 <= end <= size and (name not in _ROWS or self._has_rows(name, file, end, crc32))
                    if sound:
                        ends[file] = end
                    elif name in _ROWS:
                        remedy = "restore it, or move it away to go on without its rows"
                        raise UserError(f"{path} was changed after the checkpoint: {remedy}")
                    else:
                        warnings.append(f"{path} was changed after the checkpoint; new lines follow at its end")
                for file, end in ends.items():
                    file.truncate(end)
        except OSError as error:
            raise UserError(f"cannot resume {self.folder}: cannot write to {name}: {error.strerror}") from None
        for warning in warnings:
            self.warn(warning)

    def _has_rows(self, name: str, file: IO[bytes], end: int, crc32: int | None) -> bool:
        """Return True if the first `end` bytes of a file have this checksum, and go on from there."""
        while chunk := file.read(min(1 << 20, end - file.tell())):
            self._sums[name] = zlib.crc32(chunk, self._sums[name])
        file.seek(0)
        if name == "progress.csv" and end:
            self._columns = next(csv.reader([file.readline(1 << 16).decode(errors="replace")]))
        return crc32 in (None, self._sums[name])

    def close(self, failed: bool = False) -> None:
        """Close all files; `failed` is True for a run that was stopped or failed."""
        for sink in self.sinks:
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
        if list(metrics) != self._columns:
            raise TrainingError(f"expected the columns of {folder}/progress.csv in each row, got {', '.join(metrics)}")
        writer.writerow([f"{v:.10g}" if isinstance(v, float) else v for v in metrics.values()])
        values = {k: None if math.isnan(value) else value for k, value in metrics.items()}  # JSON has no NaN
        for name, line in (("progress.csv", text.getvalue()), ("progress.json", json.dumps(values) + "\n")):
            path = os.path.join(folder, name)
            try:
                append_whole(path, line.encode())
                self._sums[name] = zlib.crc32(line.encode(), self._sums[name])
            except OSError as error:
                hint = f"Make room, then --resume={folder}"
                raise TrainingError(f"cannot write {path}: {error.strerror}. {hint}") from None


def _table(metrics: Mapping[str, float]) -> str:
    keys = [shortened(key, _KEY_WIDTH) for key in metrics]
    values = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in metrics.values()]
    values = [f"{shortened(value, _VALUE_WIDTH):>10}" for value in values]
    width, value_width = (max(map(len, column)) for column in (keys, values))
    rows = [f"| {key:<{width}} | {value:>{value_width}} |" for key, value in zip(keys, values, strict=True)]
    line = "-" * len(rows[0])
    return "\n".join([line, *rows, line])
