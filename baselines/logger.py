"""Metrics of a run to the terminal, `log.txt`, `progress.csv`, `progress.json` and TensorBoard."""

import csv
import json
import os
import sys
import time
from collections.abc import Mapping
from typing import IO

from baselines.common.errors import UserError
from baselines.common.files import check_writable

_FILES = ("log.txt", "config.json", "progress.csv", "progress.json")


class Logger:
    """Prints to the terminal, and keeps the same and the metrics in a folder if it has one."""

    def __init__(self, folder: str | None = None, quiet: bool = False):
        """`quiet` is for workers other than rank 0: nothing is printed.

        The folder is made with the first line, so that a run that is refused leaves none behind. Raises UserError
        where it cannot be made or written to, or holds another run.
        """
        self.folder, self._quiet = folder, quiet
        self._keys: list[str] = []
        self._text: IO[str] | None = None
        self._tensorboard = None
        if folder is not None:
            check_writable(folder)
            if any(os.path.lexists(os.path.join(folder, name)) for name in _FILES):
                self._refuse()

    def open(self) -> None:
        """Claim the folder. Raises UserError."""
        if self.folder is None or self._text is not None:
            return
        try:
            os.makedirs(self.folder, exist_ok=True)
            # "x": of two runs that start together, one is refused.
            self._text = open(os.path.join(self.folder, "log.txt"), "x", encoding="utf-8")
        except FileExistsError:
            self._refuse()
        except OSError as error:
            raise UserError(f"cannot write to folder {self.folder}: {error.strerror}") from None

    def _refuse(self) -> None:
        raise UserError(f"{self.folder} holds files of another run; choose another --log_path") from None

    def info(self, text: str) -> None:
        """One line for people."""
        if self._quiet:
            return
        self.open()
        print(text, flush=True)
        if self._text:
            print(text, file=self._text, flush=True)

    def write_json(self, name: str, document: Mapping) -> None:
        """A document beside the metrics."""
        self.open()
        if self.folder:
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                json.dump(document, file, indent=2)
                file.write("\n")

    def dump(self, metrics: Mapping[str, float], step: int) -> None:
        """One row of metrics, e.g. of an epoch; `step` is TensorBoard's x axis."""
        self.info(_table(metrics))
        if self.folder:
            self._append_csv(metrics)
            with open(os.path.join(self.folder, "progress.json"), "a", encoding="utf-8") as file:
                file.write(json.dumps(dict(metrics)) + "\n")
            self._append_tensorboard(metrics, step)

    def close(self) -> None:
        if self._text:
            self._text.close()
        if self._tensorboard:
            self._tensorboard.close()

    def _append_csv(self, metrics: Mapping[str, float]) -> None:
        if not self._keys:
            self._keys = list(metrics)
            self._write_row(self._keys)
        assert list(metrics) == self._keys, "every row has the same metrics in the same order"
        self._write_row([f"{v:.10g}" if isinstance(v, float) else v for v in metrics.values()])

    def _write_row(self, row: list) -> None:
        with open(os.path.join(self.folder, "progress.csv"), "a", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerow(row)

    def _append_tensorboard(self, metrics: Mapping[str, float], step: int) -> None:
        import tensorflow as tf  # here, because importing it takes seconds and the rest of this file needs none of it

        if self._tensorboard is None:
            self._tensorboard = tf.summary.create_file_writer(self.folder)
        with self._tensorboard.as_default():
            for name, value in metrics.items():
                tf.summary.scalar(name, value, step=step)
        self._tensorboard.flush()


def new_run_folder(alg: str, env_id: str, seed: int) -> str:
    """The name of a folder under `runs/` that does not exist yet, by algorithm, environment, time and seed."""
    name = f"{alg}-{env_id.replace(':', '-').replace('/', '-')}-{time.strftime('%Y%m%d-%H%M%S')}-seed{seed}"
    path, count = os.path.join("runs", name), 1
    while os.path.exists(path):
        count += 1
        path = os.path.join("runs", f"{name}-{count}")
    return path


def is_terminal() -> bool:
    """Whether someone watches: progress bars are for them only."""
    return sys.stderr.isatty()


def _table(metrics: Mapping[str, float]) -> str:
    rows = [(key, f"{value:.4g}" if isinstance(value, float) else str(value)) for key, value in metrics.items()]
    wide = max(len(key) for key, _ in rows)
    line = "-" * (wide + 17)
    return "\n".join([line, *(f"| {key:<{wide}} | {value:>10} |" for key, value in rows), line])
