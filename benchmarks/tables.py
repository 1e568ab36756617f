"""Tables of results in Markdown for data/results/README.md, and of all experiments for the terminal."""

import math
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from baselines.common.specs import without_version
from baselines.policies.evaluation import wilson_interval
from benchmarks.experiments import EXPERIMENTS, SUCCESS, Experiment, Measure
from benchmarks.outcomes import Outcome, recorded_in, row_of, runs_of
from benchmarks.runs import finished
from benchmarks.statistics import interquartile_interval, interquartile_mean

ABOUT = """# Results

Each experiment below was run with `python -m benchmarks.reproduce NAME`, and the tables are written by the same
command; `python -m benchmarks.reproduce --list` shows all experiments. Only finished runs are in the tables. The aim
of each experiment was set before its runs.

The agents of `single` and `demos` on FetchPush, FetchPickAndPlace and FetchSlide use a script that knows the gripper
of the Fetch robot and moves it to the object during training. The experiments `push-relay` and `pick-relay` show what
a learned guide reaches in its place.

This is how to read the columns:

- **Steps and minutes** to a level are medians over the seeds, until the mean of three evaluations reached that level.
  An evaluation has 104 episodes (20 for tasks that are judged by their return, 48 to 104 in `users-tasks`, whose
  environments are slow). Minutes include training and evaluations.
- **Minutes** are those of runs that had 2 cores to themselves. A number in brackets says how many runs that were, if
  not all; their steps differ from the median (`runs.csv`, `jobs` 1). With a star there were none, and the minutes are
  those of runs on one core beside another run.
- **Below ... later** looks at the single evaluations after the level was first reached: the median share of them that
  was below it again, and the lowest one of all runs.
- **Last policy and best policy** are judged by 1,000 other episodes (100 in `users-tasks`). The number is the
  interquartile mean over the seeds, with its 95 percent bootstrap interval (Agarwal et al. 2021, 2108.13264). With
  one seed, the interval is that of its episodes (Wilson).

The folder of each experiment holds the curves, a line for each run, all settings, versions and the figure.

![All tasks: success against steps and minutes](page.png)
"""
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


def head_of(measure: Measure) -> list[str]:
    kept = f"below {measure.kept:g} later"
    return [
        *("experiment", "task", "arm", "runs", *(f"steps to {level:g}" for level in measure.levels)),
        *(f"minutes to {level:g}" for level in measure.levels),
        *(f"{kept}, share", f"{kept}, lowest", f"{measure.word}, last policy", f"{measure.word}, best policy"),
    ]


def markdown(head: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    head = list(head)
    return [f"| {' | '.join(str(cell) for cell in row)} |" for row in (head, ["---"] * len(head), *rows)]


# ---- results ----


def table_of(name: str, experiment: Experiment, outcomes: list[Outcome]) -> list[str]:
    """Return a table with a row for each arm that has finished runs."""
    count, measure = len(experiment.seeds), experiment.measure
    rows = [
        [name, without_version(arm.env), label, f"{len(of)} of {count}", *cells_of(of, measure, arm.episodes)]
        for label, arm in experiment.arms.items()
        if (of := [o for o in outcomes if o.label == label])
    ]
    return markdown(head_of(measure), rows)


def cells_of(outcomes: list[Outcome], measure: Measure, episodes: int) -> list[str]:
    """Return one arm's cells from `steps to` on; its policies were evaluated over so many `episodes`."""
    rows, quiet = [row_of(o, measure) for o in outcomes], [row_of(o, measure) for o in outcomes if o.quiet]
    star = "*" if not quiet else "" if len(quiet) == len(rows) else f" ({len(quiet)})"
    shares, lows = (
        _known(rows, f"{key} {measure.kept:g}{end}")
        for key, end in (("share below", " after it"), ("lowest after", ""))
    )
    fine = "2f" if measure == SUCCESS else "0f"
    return [
        *(_median([row[f"steps to {level:g}"] for row in rows], ",.0f") for level in measure.levels),
        *(_median([row[f"minutes to {level:g}"] for row in quiet or rows], ".1f", star) for level in measure.levels),
        *(_median(shares, ".2f") if shares else "-", f"{min(lows):.{fine}}" if lows else "-"),
        *(_mean(_known(rows, f"{measure.word} of {which}"), measure, episodes) for which in ("latest", "best")),
    ]


def _known(rows: list[dict], key: str) -> list[float]:
    return [row[key] for row in rows if not math.isnan(row[key])]


def _median(values: list[float], form: str, star: str = "") -> str:
    median = float(np.median(values))
    return format(median, form) + star if math.isfinite(median) else "never"


def _mean(values: list[float], measure: Measure, episodes: int) -> str:
    if not values:
        return "-"
    (low, high), middle = interquartile_interval(np.array(values)), interquartile_mean(np.array(values))
    if len(values) == 1 and measure == SUCCESS:
        low, high = wilson_interval(round(values[0] * episodes), episodes)
    form = ".3f" if measure == SUCCESS else ",.0f"
    return f"{middle:{form}}" + ("" if math.isnan(low) else f" ({low:{form}} to {high:{form}})")


def readme(results: Path, before: str) -> str:
    """Return data/results/README.md: `before`, with the tables of all experiments that have results in their place."""
    rows, sections = [], []
    for name, experiment in EXPERIMENTS.items():
        if not (results / name / "table.md").exists():
            continue
        table = (results / name / "table.md").read_text().splitlines()
        if experiment.measure == SUCCESS:
            rows += [_overview_row(row, experiment.title) for row in table[2:]]
        sections += [
            "",
            f"## {experiment.title}",
            "",
            f"The experiment is `{name}`. Its aim was: {experiment.targets}.",
        ]
        sections += ["", *table, "", f"![{name}]({name}/figure.png)"]
    text = "\n".join(
        [BEGIN, "", "## Overview", "", *markdown(_overview_row_of(head_of(SUCCESS)), rows), *sections, "", END]
    )
    if BEGIN in before and END in before:
        return before.partition(BEGIN)[0] + text + before.partition(END)[2]
    return f"{ABOUT}\n{text}\n"


def _overview_row(row: str, title: str) -> list[str]:
    """Return the cells of a row of table.md that the overview shows; the first is a link to the heading `title`."""
    name, *cells = _overview_row_of([cell.strip() for cell in row.strip("|").split("|")])
    anchor = re.sub(r"[^\w -]", "", title).lower().replace(" ", "-")
    return [f"[{name}](#{anchor})", *cells]


def _overview_row_of(cells: list[str]) -> list[str]:
    """Return experiment, task, arm, runs, the steps to each level, and the success of the last policy."""
    return [*cells[: 4 + len(SUCCESS.levels)], cells[-2]]


# ---- all experiments ----


def overview(names: Iterable[str], runs: Path, results: Path) -> str:
    """Return the table of --list."""
    head = ["name", "what it shows", "arms x seeds", "steps", "minutes", "done"]
    rows = [head, *([name, *_overview_of(name, runs, results)] for name in names)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _overview_of(name: str, runs: Path, results: Path) -> list[str]:
    experiment = EXPERIMENTS[name]
    planned = runs_of(experiment, runs, experiment.seeds)
    recorded = {(o.label, o.seed) for o in recorded_in(results / name, experiment)}
    done = sum(finished(run) or (label, run.seed) in recorded for label, run in planned)
    steps = sorted({arm.num_timesteps for arm in experiment.arms.values()})
    return [
        experiment.title,
        f"{len(experiment.arms)} x {len(experiment.seeds)}",
        ", ".join(f"{n:,}" for n in steps),
        f"{experiment.minutes:g}",
        f"{done} of {len(planned)}",
    ]
