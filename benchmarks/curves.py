"""The figure of an experiment: success or return against steps, and against minutes where these count."""

from typing import IO

import numpy as np

from benchmarks.experiments import SUCCESS, Measure
from benchmarks.outcomes import Outcome
from benchmarks.statistics import interquartile_interval, interquartile_mean


def draw(outcomes: list[Outcome], title: str, measure: Measure, file: IO[bytes]) -> None:
    """A line and its 95 percent band for each arm, a thin line for each run. Writes a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    axes = ["steps", "minutes"] if all(o.quiet for o in outcomes) else ["steps"]
    figure, panels = pyplot.subplots(1, len(axes), figsize=(6 * len(axes), 3.8), squeeze=False, layout="constrained")
    for panel, axis in zip(panels[0], axes, strict=True):
        for number, label in enumerate(dict.fromkeys(o.label for o in outcomes)):
            _draw_arm(panel, axis, [o for o in outcomes if o.label == label], f"C{number}")
        panel.set(xlabel="environment steps" if axis == "steps" else "minutes", ylabel=measure.key.replace("_", " "))
        if measure == SUCCESS:
            panel.set(ylim=(-0.02, 1.02))
        panel.grid(alpha=0.3)
        panel.legend()
    figure.suptitle(title)
    figure.savefig(file, format="png", dpi=120)
    pyplot.close(figure)


def curve(outcomes: list[Outcome], axis: str) -> tuple[np.ndarray, np.ndarray]:
    """Runs of one arm, for the evaluations that all have: x [n], the median of their minutes, and scores [runs, n]."""
    n = min(len(o.score) for o in outcomes)
    x = np.median([o.steps[:n] if axis == "steps" else o.seconds[:n] / 60 for o in outcomes], axis=0)
    return x, np.stack([o.score[:n] for o in outcomes])


def _draw_arm(panel, axis: str, outcomes: list[Outcome], color: str) -> None:
    x, score = curve(outcomes, axis)
    for outcome in outcomes:
        own = outcome.steps if axis == "steps" else outcome.seconds / 60
        panel.plot(own, outcome.score, color=color, alpha=0.25, linewidth=0.6)
    seeds = f" ({len(outcomes)} seeds)" if len(outcomes) > 1 else ""
    panel.plot(x, interquartile_mean(score), color=color, label=outcomes[0].label + seeds)
    panel.fill_between(x, *interquartile_interval(score), color=color, alpha=0.2, linewidth=0)
