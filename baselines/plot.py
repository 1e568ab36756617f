"""Plot learning curves: `python -m baselines.plot LABEL=DIR,DIR,... --output=curve.png`.

Each LABEL is a line: the median and the quartiles of its runs, one folder with a `progress.csv` for each seed. Without
a LABEL, a DIR is a line of all runs in it, labelled by its name.
"""

import argparse
import csv
import os
import re
from typing import NoReturn

import numpy as np

from baselines.common.cli import errors_end_the_process, show
from baselines.common.errors import UserError
from baselines.common.old_names import hint

AXES = {"epoch": "epoch", "total/timesteps": "environment steps", "total/seconds": "seconds"}


def read_column(folder: str, key: str) -> np.ndarray:
    """Return one column [epochs] of a run's progress.csv. Raises UserError."""
    path = os.path.join(folder, "progress.csv")
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            values = np.array([float(row[key]) for row in reader])
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise UserError(f"cannot read {path}: {error}") from None
    except KeyError:
        raise UserError(f"{path} has no column '{key}'; it has {', '.join(reader.fieldnames or [])}") from None
    if not len(values):
        raise UserError(f"{path} has no rows yet")
    return values


def runs_in(folder: str) -> list[str]:
    """Return the folders in and below `folder` that have a progress.csv. Raises UserError if there is none."""
    found = sorted(where for where, _, files in os.walk(folder) if "progress.csv" in files)
    if not found:
        raise UserError(f"expected LABEL=DIR,DIR,... or a folder of runs, got '{folder}', which has no progress.csv")
    return found


def quartiles(folders: list[str], x_key: str, y_key: str) -> tuple[np.ndarray, np.ndarray]:
    """Return x [n] and the quartiles of y [3, n] over the runs, for the epochs that all runs have."""
    runs = [(read_column(folder, x_key), read_column(folder, y_key)) for folder in folders]
    n = min(len(x) for x, _ in runs)
    x = np.median([x[:n] for x, _ in runs], axis=0)
    return x, np.percentile([y[:n] for _, y in runs], [25, 50, 75], axis=0)


def plot(lines: dict[str, list[str]], x_keys: list[str], y_keys: list[str], output: str) -> None:
    """Draw a panel for each pair of keys, with a line for each label. Raises UserError."""
    try:
        import matplotlib
    except ImportError:
        raise UserError("plotting needs matplotlib: pip install 'baselines-her[plot]'") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    size = (6 * len(x_keys), 3.6 * len(y_keys))
    figure, panels = pyplot.subplots(len(y_keys), len(x_keys), figsize=size, squeeze=False, layout="constrained")
    for row, y_key in zip(panels, y_keys, strict=True):
        for panel, x_key in zip(row, x_keys, strict=True):
            for label, folders in lines.items():
                x, (low, median, high) = quartiles(folders, x_key, y_key)
                panel.plot(x, median, label=f"{label} ({len(folders)} seeds)" if len(folders) > 1 else label)
                panel.fill_between(x, low, high, alpha=0.25)
            panel.set(xlabel=AXES.get(x_key, x_key), ylabel=y_key)
            panel.grid(alpha=0.3)
            panel.legend()
    figure.savefig(output, dpi=120)
    pyplot.close(figure)


class _Parser(argparse.ArgumentParser):
    """A parser that raises UserError."""

    def error(self, message: str) -> NoReturn:
        unknown = re.search(r"unrecognized arguments: --(\w+)", message)
        raise UserError(f"{message}{hint(unknown[1], ('x', 'y', 'output')) if unknown else ''} (--help lists all)")


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    parser = _Parser(prog="python -m baselines.plot", description=__doc__)
    parser.add_argument(
        "lines", nargs="+", metavar="LABEL=DIR,DIR,...", help="runs with the same settings, a folder for each seed"
    )
    parser.add_argument("--x", nargs="+", default=["total/timesteps"], help="columns for the x axis")
    parser.add_argument("--y", nargs="+", default=["test/success_rate"], help="columns for the y axis")
    parser.add_argument("--output", required=True, help="picture to write, e.g. curve.png")
    with errors_end_the_process():
        args = parser.parse_args(argv)
        lines = {}
        for line in args.lines:
            label, _, folders = line.partition("=")
            if os.path.isdir(line):
                label = os.path.basename(os.path.abspath(line))
                lines[line if label in lines else label] = runs_in(line)
            elif folders:
                lines[label] = folders.split(",")
            else:
                raise UserError(f"expected LABEL=DIR,DIR,..., got '{line}'")
        try:
            plot(lines, args.x, args.y, args.output)
        except (OSError, ValueError) as error:
            raise UserError(str(error)) from None
        show(f"wrote {args.output}")


if __name__ == "__main__":
    main()
