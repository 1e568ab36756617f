"""Tables of results in Markdown for data/results/README.md, and of all experiments for the terminal."""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from baselines.common.specs import without_version
from baselines.runs.evaluation import wilson_interval
from benchmarks.experiments import EXPERIMENTS, SUCCESS, Experiment, Measure
from benchmarks.outcomes import Outcome, recorded_in, row_of, runs_of
from benchmarks.runs import finished
from benchmarks.statistics import interquartile_interval, interquartile_mean

ABOUT = """# Results

The tables are written by `python -m benchmarks.reproduce`; `--list` shows all experiments. Only finished runs are in
them. "Sought" is the aim that was set beforehand. Steps and minutes (of training and its evaluations) are medians over
seeds until the mean of three evaluations (104 episodes each; 20 where the return counts) reached that level. Minutes
are medians over those runs alone that had 2 cores to themselves (how many, where not all; their steps differ from the
median: runs.csv, `jobs` 1), or where there are none, with a star, over runs on one core beside another run. "Later" are
the single evaluations after the first one that did: the median share below it, and the lowest of all runs. Success and
return of policies are of 1,000 other episodes: the interquartile mean over seeds with its 95 percent bootstrap interval
(Agarwal et al. 2021, 2108.13264); of one seed, the interval of its episodes (Wilson). In users-tasks, whose
environments are slow, an evaluation has 48 to 104 episodes, and policies are judged by 100. Each folder has the curves,
a line for each run, all settings, versions and the figure.

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
    """Return data/results/README.md: the text `before` with the rows of all experiments that have results."""
    rows, notes = [], []
    for name, experiment in EXPERIMENTS.items():
        if (results / name / "table.md").exists():
            table = (results / name / "table.md").read_text().splitlines()
            notes += ["", f"**{name}**: {experiment.title}. Sought: {experiment.targets}.", ""]
            if experiment.measure == SUCCESS:
                rows += table[2:]
            else:
                notes += [*table, ""]
            notes.append(f"![{name}]({name}/figure.png)")
    table = "\n".join([BEGIN, "", *markdown(head_of(SUCCESS), []), *rows, *notes, "", END])
    if BEGIN in before and END in before:
        return before.partition(BEGIN)[0] + table + before.partition(END)[2]
    return f"{ABOUT}\n{table}\n"


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
