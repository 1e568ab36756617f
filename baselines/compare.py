"""Tell if one group of runs is better than another: `python -m baselines.compare A B`.

A and B are folders of runs, or LABEL=DIR,DIR,... A difference is shown where its 95 percent bootstrap interval does not
have 0 in it.
"""

from collections.abc import Sequence

import numpy as np

from baselines.common.cli import ArgumentParser, errors_end_the_process, show
from baselines.results.logs import Group, group_of, on_one_axis, read_curve, selected, tell
from baselines.results.statistics import Estimate, check_installed, difference_of, estimate, interquartile_mean
from baselines.results.tables import END, form_of, levels_of, markdown, measured

FEW = 5


def compared(ours: Group, theirs: Group, y_key: str, levels: Sequence[float]) -> dict[str, tuple[Estimate, ...]]:
    """Return the scores at the end, their means over the steps that all runs have, and the steps to levels.

    Each is an estimate for each group, and the first minus the second. Raises UserError.
    """
    curves = [read_curve(folder, "total/timesteps", y_key) for folder in [*ours.runs, *theirs.runs]]
    steps, scores = on_one_axis(curves)
    rows = [*measured(ours, y_key, levels), *measured(theirs, y_key, levels)]
    widths, middles = np.diff(steps), (scores[:, 1:] + scores[:, :-1]) / 2
    along = middles @ widths / widths.sum() if len(steps) > 1 else scores[:, 0]  # the area below a curve by its length
    columns = {END: [row[END] for row in rows], f"mean until {steps[-1]:,.0f} steps": list(along)}
    columns |= {name: [row[name] for row in rows] for name in rows[0] if name.startswith("steps")}
    found = {}
    for name, values in columns.items():
        statistic = np.median if name.startswith("steps") else interquartile_mean
        groups = values[: len(ours.runs)], values[len(ours.runs) :]
        found[name] = (*(estimate(statistic, its) for its in groups), difference_of(statistic, *groups))
    return found


def verdict(difference: Estimate, label: str) -> str:
    """Return how to read a difference: the group with this label minus another one."""
    if np.isnan(difference.low):
        return "unknown: not all runs have it" if np.isnan(difference.value) else "unknown: one run is too few"
    if difference.low <= 0 <= difference.high:
        return "no difference is shown"
    return f"{label} is {'lower' if difference.value < 0 else 'higher'}"


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    parser = ArgumentParser(prog="python -m baselines.compare", description=__doc__, allow_abbrev=False)
    for name in ("A", "B"):
        parser.add_argument(name, help="a folder of runs, or LABEL=DIR,DIR,...")
    parser.add_argument("--y", default="test/success_rate", help="column of the log (%(default)s)")
    parser.add_argument("--levels", type=float, nargs="+", help="scores to reach (0.5 0.9 0.95 of success)")
    with errors_end_the_process():
        args = parser.parse_args(argv)
        check_installed()
        (ours, theirs), said = selected([group_of(args.A), group_of(args.B)], "total/timesteps")
        lines = []
        for name, row in compared(ours, theirs, args.y, args.levels or levels_of(args.y)).items():
            lines.append([name, *(its.text(form_of(name)) for its in row), verdict(row[-1], ours.label)])
        show("\n".join(markdown([args.y, ours.name, theirs.name, "first - second", ""], lines)))
        few = min(len(ours.runs), len(theirs.runs)) < FEW
        tell([*said, f"intervals of fewer than {FEW} runs are too narrow"] if few else said)


if __name__ == "__main__":
    main()
