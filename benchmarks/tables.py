"""Tables of results in Markdown for data/results/README.md, and of all experiments for the terminal."""

import math
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from baselines.common.specs import without_version
from baselines.policies.evaluation import wilson_interval
from baselines.results.statistics import Estimate, estimate, interquartile_mean
from baselines.results.tables import markdown
from benchmarks.experiments import EXPERIMENTS, SUCCESS, Experiment, Measure
from benchmarks.outcomes import Outcome, recorded_in, row_of, runs_of
from benchmarks.runs import finished

ABOUT = """# Results

Each experiment below was run with `python -m benchmarks.reproduce NAME`, and the tables are written by the same
command; `python -m benchmarks.reproduce --list` shows all experiments. Only finished runs are in the tables. The aim
of each experiment was set before its runs.

The presets `single` and `demos` have changed since version 0.4.0, whose runs have
[a page of their own](0.4.0/README.md).

This is how to read the columns:

- **Steps** to a level are counted until the mean of three evaluations in a row reached that level. The number is the
  median over the seeds, with its 95 percent bootstrap interval. An evaluation has 104 episodes (20 for tasks that are
  judged by their return, 48 to 104 for the tasks of other packages, which are slow).
- **Minutes** are those of training and evaluations until the same evaluation, in runs that had 2 cores to themselves.
  If only some of the runs had, the brackets say how many, and the steps of the same runs. With a star there were none,
  and the minutes are those of runs on one core beside another run.
- **Success at the end** is that of the last policy in 1,000 other episodes (100 for the tasks of other packages). The
  number is the interquartile mean over the seeds, with its 95 percent bootstrap interval (Agarwal et al. 2021,
  2108.13264). With one seed, the interval is that of its episodes (Wilson).
- **Below ... later**, in the tables of all columns, looks at the single evaluations after the level was first reached:
  the median share of them that was below it again, and the lowest one of all runs.

The folder of each experiment holds a table of all columns, the curves, a line for each run, all settings, versions and
the figure. A figure shows interquartile means with their 95 percent bands, and a thin line for each run.
"""
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


# ---- results ----


def head_of(measure: Measure) -> list[str]:
    kept = f"below {measure.kept:g} later"
    return [
        *("task", "arm", "seeds", *(f"steps to {level:g}" for level in measure.levels)),
        *(f"minutes to {level:g}" for level in measure.levels),
        *(f"{kept}, share", f"{kept}, lowest", f"{measure.word}, last policy", f"{measure.word}, best policy"),
    ]


def table_of(experiment: Experiment, outcomes: list[Outcome]) -> list[str]:
    """Return a table with a row for each arm that has finished runs."""
    count, measure = len(experiment.seeds), experiment.measure
    rows = [
        [without_version(arm.env), label, f"{len(of)} of {count}", *cells_of(of, measure, arm.episodes)]
        for label, arm in experiment.arms.items()
        if (of := [o for o in outcomes if o.label == label])
    ]
    return markdown(head_of(measure), rows)


def cells_of(outcomes: list[Outcome], measure: Measure, episodes: int) -> list[str]:
    """Return one arm's cells from `steps to` on; its policies were evaluated over so many `episodes`."""
    rows, quiet = [row_of(o, measure) for o in outcomes], [row_of(o, measure) for o in outcomes if o.quiet]
    share, lowest = f"share below {measure.kept:g} after it", f"lowest after {measure.kept:g}"
    lows = [row[lowest] for row in rows if not math.isnan(row[lowest])]
    return [
        *(estimate(np.median, [row[f"steps to {level:g}"] for row in rows]).text(",.0f") for level in measure.levels),
        *(_minutes(rows, quiet, level) for level in measure.levels),
        Estimate(estimate(np.median, [row[share] for row in rows]).value).text(".2f"),
        Estimate(min(lows, default=math.nan)).text(".2f" if measure == SUCCESS else ".0f"),
        *(
            _score([row[f"{measure.word} of {which}"] for row in rows], measure, episodes)
            for which in ("latest", "best")
        ),
    ]


def _minutes(rows: list[dict], quiet: list[dict], level: float) -> str:
    """Return the median minutes of the quiet runs, with their number and steps if there are others."""
    median = Estimate(estimate(np.median, [row[f"minutes to {level:g}"] for row in quiet or rows]).value)
    if not math.isfinite(median.value) or len(quiet) == len(rows):
        return median.text(".1f")
    if not quiet:
        return f"{median.text('.1f')}*"
    steps = estimate(np.median, [row[f"steps to {level:g}"] for row in quiet]).value
    return f"{median.text('.1f')} ({steps:,.0f} steps, {len(quiet)} seed{'s' if len(quiet) > 1 else ''})"


def _score(values: list[float], measure: Measure, episodes: int) -> str:
    mean = estimate(interquartile_mean, values)
    if len(values) == 1 and measure == SUCCESS and not math.isnan(mean.value):
        mean = Estimate(mean.value, *wilson_interval(round(mean.value * episodes), episodes))
    return mean.text(".3f" if measure == SUCCESS else ",.0f")


def readme(results: Path, before: str) -> str:
    """Return data/results/README.md: `before`, with the tables of all experiments that have results in their place."""
    rows, sections = [], []
    for name, experiment in EXPERIMENTS.items():
        if not (results / name / "table.md").exists():
            continue
        lines = (results / name / "table.md").read_text().splitlines()
        head, _, *table = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
        brief = [_brief(row, head, experiment.measure) for row in table]
        anchor = re.sub(r"[^\w -]", "", experiment.title).lower().replace(" ", "-")
        if experiment.measure == SUCCESS:
            rows += [[f"[{experiment.title}](#{anchor})", *row[1:]] for row in brief]
        aim = f"The experiment is `{name}`. Its aim was: {experiment.targets}."
        behind = f"There is a [table of all columns]({name}/table.md) and one of [each run]({name}/runs.csv)."
        sections += ["", f"## {experiment.title}", "", aim, "", f"![{experiment.title}]({name}/figure.png)", ""]
        sections += [*markdown(_head(experiment.measure), brief), "", behind]
    overview = markdown(["experiment", *_head(SUCCESS)[1:]], rows)
    text = "\n".join([BEGIN, "", "## Overview", "", *overview, *sections, "", END])
    if BEGIN in before and END in before:
        return before.partition(BEGIN)[0] + text + before.partition(END)[2]
    return f"{ABOUT}\n{text}\n"


def _head(measure: Measure) -> list[str]:
    """Return the six columns that the README has of each table."""
    level = f"{measure.kept:g}"
    return ["task", "arm", "seeds", f"steps to {level}", f"minutes to {level}", f"{measure.word} at the end"]


def _brief(row: list[str], head: list[str], measure: Measure) -> list[str]:
    """Return those columns of a row; where the level was never reached, with the highest one that was."""
    cells = dict(zip(head, row, strict=True))
    steps = cells[f"steps to {measure.kept:g}"]
    lower = [level for level in measure.levels if level < measure.kept and cells[f"steps to {level:g}"] != "never"]
    if steps == "never" and lower:
        steps = f"never ({lower[-1]:g}: {cells[f'steps to {lower[-1]:g}'].partition(' ')[0]})"
    return [*row[:3], steps, cells[f"minutes to {measure.kept:g}"], cells[f"{measure.word}, last policy"]]


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
