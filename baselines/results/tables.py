"""Tables of runs: how soon each group reaches levels, whether it keeps them, and its scores at the end."""

import contextlib
import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from baselines.common.errors import UserError
from baselines.results.logs import Curve, Group, read_column
from baselines.results.statistics import Estimate, estimate, interquartile_mean, means_of_three, stability, steps_to

LEVELS, KEPT = (0.5, 0.9, 0.95), 0.9  # of success
END = "at the end"
_ESTIMATED = ("steps", "minutes", "share", END)  # columns with an interval


def levels_of(y_key: str) -> Sequence[float]:
    """Return the levels of a column; there are none for what is not a success rate."""
    return LEVELS if y_key.endswith("success_rate") else ()


def measures(steps: Curve, seconds: np.ndarray, levels: Iterable[float], kept: float) -> dict[str, float]:
    """Return the measures of one run by name; inf: the level was never reached; NaN: unknown."""
    share, lowest = stability(steps.y, kept)
    return {
        **{f"steps to {level:g}": steps_to(steps.x, steps.y, level) for level in levels},
        **{f"minutes to {level:g}": steps_to(seconds, steps.y, level) / 60 for level in levels},
        f"share below {kept:g} after it": share,
        f"lowest after {kept:g}": lowest,
    }


def measured(group: Group, y_key: str, levels: Sequence[float]) -> list[dict[str, float]]:
    """Return the measures of each run of a group, and its mean of the last three evaluations. Raises UserError."""
    rows = []
    for folder in group.runs:
        curve = Curve(read_column(folder, "total/timesteps"), read_column(folder, y_key))
        seconds = np.full(len(curve.x), math.nan)
        with contextlib.suppress(UserError):  # a log of another program
            seconds = read_column(folder, "total/seconds")
        row = measures(curve, seconds, levels, KEPT if KEPT in levels else levels[-1]) if levels else {}
        rows.append({**row, END: [math.nan, *means_of_three(curve.y)][-1]})
    return rows


def summary(group: Group, y_key: str, levels: Sequence[float]) -> dict[str, Estimate]:
    """Return medians over the runs of a group, its lowest score after a level, and its mean score at the end."""
    rows = measured(group, y_key, levels)
    found = {"runs": Estimate(len(rows))}
    for name in rows[0]:
        values = [row[name] for row in rows]
        if name.startswith("lowest"):
            found[name] = Estimate(min((value for value in values if not math.isnan(value)), default=math.nan))
        else:
            found[name] = estimate(interquartile_mean if name == END else np.median, values)
    return found


def form_of(name: str) -> str:
    """Return the format of the numbers in a column."""
    return {"runs": ".0f", "steps": ",.0f", "minutes": ".1f"}.get(name.split()[0], ",.4g")


def markdown(head: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    """Return the lines of a table."""
    head = list(head)
    return [f"| {' | '.join(map(str, row))} |" for row in [head, ["---"] * len(head), *rows]]


def as_markdown(rows: Mapping[str, Mapping[str, Estimate]]) -> str:
    """Return a table with a row for each group by its label, and intervals in brackets."""
    cells = [[label, *(its.text(form_of(name)) for name, its in row.items())] for label, row in rows.items()]
    return "\n".join(markdown(["group", *next(iter(rows.values()))], cells))


def as_csv(rows: Mapping[str, Mapping[str, Estimate]]) -> str:
    """Return the same table with the ends of each interval in columns of their own; inf: never; nan: unknown."""
    text = io.StringIO()
    for label, row in rows.items():
        cells = {"group": label}
        for name, its in row.items():
            ends = ("", ", low", ", high") if name.startswith(_ESTIMATED) else ("",)
            cells |= {name + end: f"{x:.6g}" for end, x in zip(ends, its, strict=False)}
        writer = csv.DictWriter(text, cells, lineterminator="\n")
        if not text.tell():
            writer.writeheader()
        writer.writerow(cells)
    return text.getvalue().rstrip("\n")
