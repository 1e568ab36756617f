"""The figure of an experiment: success or return against steps, and against minutes."""

from collections.abc import Callable
from typing import IO

import numpy as np

from baselines.results.drawing import Panel, draw
from baselines.results.logs import Curve
from benchmarks.experiments import SUCCESS, Measure
from benchmarks.outcomes import Outcome


def draw_outcomes(outcomes: list[Outcome], title: str, measure: Measure, file: IO[bytes]) -> None:
    """Write a PNG for light and dark pages: all runs against steps; those that had all cores against minutes."""
    name = measure.key.replace("_", " ")
    labels = {
        label: f"{label}, {count} seed{'s' if count > 1 else ''}"
        for label in dict.fromkeys(o.label for o in outcomes)
        for count in [sum(o.label == label for o in outcomes)]
    }

    def panel(x_label: str, x_of: Callable[[Outcome], np.ndarray], of: list[Outcome]) -> Panel:
        lines: dict[str, list[Curve]] = {}
        for o in of:
            lines.setdefault(labels[o.label], []).append(Curve(x_of(o), o.score))
        return Panel(x_label, name, lines, measure == SUCCESS)

    panels = [panel("environment steps", lambda o: o.steps, outcomes)]
    quiet = [o for o in outcomes if o.quiet]
    if {o.label for o in quiet} == {o.label for o in outcomes}:  # else the panel would compare nothing
        which = "" if len(quiet) == len(outcomes) else f" ({len(quiet)} of {len(outcomes)} runs)"
        panels.append(panel(f"minutes{which}", lambda o: o.seconds / 60, quiet))
    draw([panels], title, file, look="both")
