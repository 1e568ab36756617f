"""Figures of success or return against steps and minutes: one experiment, or all tasks on one page."""

from collections.abc import Sequence
from typing import IO

import numpy as np

from benchmarks.experiments import SUCCESS, Measure
from benchmarks.outcomes import Outcome
from benchmarks.statistics import interquartile_interval, interquartile_mean

# Okabe & Ito's colours differ for people with any colour vision, and in grey; the dashes differ too.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#000000", "#CC79A7", "#56B4E9")
DASHES = ("-", "--", "-.", ":")
ON_ONE_CORE = "minutes on one core, beside another run"


def draw(outcomes: list[Outcome], title: str, measure: Measure, file: IO[bytes]) -> None:
    """Write a PNG with a line and its 95 percent band for each arm, and a thin line for each run."""
    pyplot = _pyplot()
    figure, panels = pyplot.subplots(1, 2, figsize=(12, 3.8), layout="constrained")
    _draw_both(panels, outcomes, measure)
    panels[0].legend()
    figure.suptitle(title)
    figure.savefig(file, format="png", dpi=120)
    pyplot.close(figure)


def draw_page(experiments: Sequence[tuple[str, list[Outcome]]], file: IO[bytes]) -> None:
    """Write a PNG of success in several experiments: two in a row, steps on the left and minutes on the right."""
    pyplot = _pyplot()
    rows = (len(experiments) + 1) // 2
    figure, panels = pyplot.subplots(rows, 4, figsize=(18, 3 * rows), squeeze=False, layout="constrained")
    pairs = panels.reshape(-1, 2)
    for pair, (title, outcomes) in zip(pairs, experiments, strict=False):
        _draw_both(pair, outcomes, SUCCESS)
        pair[0].set_title(title, loc="left", fontsize=10)
        pair[0].legend(fontsize=7)
    for pair in pairs[len(experiments) :]:
        for panel in pair:
            panel.axis("off")
    figure.savefig(file, format="png", dpi=90)
    pyplot.close(figure)


def curve(outcomes: list[Outcome], axis: str) -> tuple[np.ndarray, np.ndarray]:
    """Return x [n] and scores [runs, n] of the evaluations that all runs of one arm have; minutes are medians."""
    n = min(len(o.score) for o in outcomes)
    x = np.median([o.steps[:n] if axis == "steps" else o.seconds[:n] / 60 for o in outcomes], axis=0)
    return x, np.stack([o.score[:n] for o in outcomes])


def _pyplot():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _draw_both(panels, outcomes: list[Outcome], measure: Measure) -> None:
    """Draw all runs against steps; against minutes those that had all cores, or all runs where none had."""
    from matplotlib.ticker import EngFormatter

    quiet = [o for o in outcomes if o.quiet]
    labels = list(dict.fromkeys(o.label for o in outcomes))
    for panel, axis, of in (panels[0], "steps", outcomes), (panels[1], "minutes", quiet or outcomes):
        for number, label in enumerate(labels):
            if its := [o for o in of if o.label == label]:
                _draw_arm(panel, axis, its, COLORS[number % len(COLORS)], DASHES[number % len(DASHES)])
        minutes = "minutes" if quiet else ON_ONE_CORE
        panel.set(xlabel="environment steps" if axis == "steps" else minutes, ylabel=measure.key.replace("_", " "))
        if measure == SUCCESS:
            panel.set(ylim=(-0.02, 1.02))
        if axis == "steps" and max(o.steps[-1] for o in of) > 100 * min(o.steps[-1] for o in of):
            panel.set(xscale="log")
        if axis == "steps":
            panel.xaxis.set_major_formatter(EngFormatter(sep=""))  # 20k
        panel.grid(alpha=0.3)


def _draw_arm(panel, axis: str, outcomes: list[Outcome], color: str, dashes: str) -> None:
    x, score = curve(outcomes, axis)
    for outcome in outcomes:
        own = outcome.steps if axis == "steps" else outcome.seconds / 60
        panel.plot(own, outcome.score, color=color, alpha=0.3, linewidth=0.6)
    seeds = f" ({len(outcomes)} seed{'s' if len(outcomes) > 1 else ''})"
    panel.plot(x, interquartile_mean(score), dashes, color=color, label=outcomes[0].label + seeds)
    panel.fill_between(x, *interquartile_interval(score), color=color, alpha=0.2, linewidth=0)
