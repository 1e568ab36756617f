"""Learning curves: `python -m baselines.plot LABEL=DIR,DIR,... --output=curve.png`.

Each LABEL is one line: the median of its runs (one folder with a `progress.csv` a seed) and their quartiles.
"""

import argparse
import csv
import os
import sys

import numpy as np

from baselines.common.errors import UserError

AXES = {"epoch": "epoch", "total/timesteps": "environment steps", "total/seconds": "seconds"}


def read_column(folder: str, key: str) -> np.ndarray:
    """One column of a run's progress.csv, [epochs]. Raises UserError."""
    path = os.path.join(folder, "progress.csv")
    try:
        with open(path, newline="", encoding="utf-8") as file:
            values = np.array([float(row[key]) for row in csv.DictReader(file)])
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise UserError(f"cannot read {path}: {error}") from None
    except KeyError:
        raise UserError(f"{path} has no column '{key}'") from None
    if not len(values):
        raise UserError(f"{path} has no rows yet")
    return values


def quartiles(folders: list[str], x_key: str, y_key: str) -> tuple[np.ndarray, np.ndarray]:
    """x [n] and the 25th, 50th and 75th percentile of y over the runs, [3, n], for the epochs that all runs have."""
    runs = [(read_column(folder, x_key), read_column(folder, y_key)) for folder in folders]
    n = min(len(x) for x, _ in runs)
    x = np.median([x[:n] for x, _ in runs], axis=0)
    return x, np.percentile([y[:n] for _, y in runs], [25, 50, 75], axis=0)


def plot(lines: dict[str, list[str]], x_keys: list[str], y_keys: list[str], output: str) -> None:
    """One panel for each pair of keys, one line for each label; `lines` maps labels to folders. Raises UserError."""
    try:
        import matplotlib
    except ImportError:
        raise UserError("plotting needs matplotlib: pip install -e '.[plot]'") from None
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


def main(argv: list[str] | None = None) -> None:
    """Plot what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m baselines.plot", description=__doc__)
    parser.add_argument("lines", nargs="+", metavar="LABEL=DIR,DIR,...", help="runs of one setting, a folder a seed")
    parser.add_argument("--x", nargs="+", default=["total/timesteps"], help="columns for the x axis")
    parser.add_argument("--y", nargs="+", default=["test/success_rate"], help="columns for the y axis")
    parser.add_argument("--output", required=True, help="picture to write, e.g. curve.png")
    args = parser.parse_args(argv)
    try:
        lines = {}
        for line in args.lines:
            label, equals, folders = line.partition("=")
            if not equals or not folders:
                raise UserError(f"expected LABEL=DIR,DIR,..., got '{line}'")
            lines[label] = folders.split(",")
        plot(lines, args.x, args.y, args.output)
    except (UserError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
