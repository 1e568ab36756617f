"""What finished runs came to, read from their folders, or of those that are not here from the results."""

import csv
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from baselines.common.errors import UserError
from baselines.plot import read_column
from benchmarks.experiments import Experiment
from benchmarks.runs import Run, finished, mark, read_json
from benchmarks.statistics import LEVEL_KEPT, minutes_to, stability, steps_to

LEVELS = (0.5, 0.9, 0.95)


class Outcome(NamedTuple):
    """A finished run of the arm with this label."""

    label: str
    seed: int
    steps: np.ndarray  # [evaluations], as the two below
    seconds: np.ndarray
    success: np.ndarray
    latest: float  # success rate of the last policy
    best: float  # of the best one by the evaluations while training; NaN where it was not kept
    mark: dict  # run.json

    @property
    def quiet(self) -> bool:
        """It had all cores to itself, so that its times count."""
        return self.mark["jobs"] == 1


def runs_of(experiment: Experiment, runs: Path, seeds: tuple[int, ...]) -> list[tuple[str, Run]]:
    """Each with the label of its arm; seed by seed, so that the arms keep pace."""
    return [(label, Run(runs, arm, seed)) for seed in seeds for label, arm in experiment.arms.items()]


def outcomes_of(experiment: Experiment, runs: Path, results: Path) -> list[Outcome]:
    """Of all finished runs, and in folder `results` of those that were finished elsewhere; arm by arm, seed by seed."""
    found = {(o.label, o.seed): o for o in recorded_in(results, experiment)}
    for label, run in runs_of(experiment, runs, experiment.seeds):
        if finished(run):
            found[label, run.seed] = outcome_of(label, run)
    labels = list(experiment.arms)
    return sorted(found.values(), key=lambda o: (labels.index(o.label), o.seed))


def outcome_of(label: str, run: Run) -> Outcome:
    keys = ("total/timesteps", "total/seconds", "test/success_rate")
    columns = [read_column(str(run.log), key) for key in keys]
    latest, best = (read_json(run.folder / f"{name}.json").get("success_rate", math.nan) for name in ("latest", "best"))
    return Outcome(label, run.seed, *columns, latest, best, mark(run))


def recorded_in(results: Path, experiment: Experiment) -> list[Outcome]:
    """What an experiment's folder of results has of the arms as they are now. Raises UserError."""
    settings = read_json(results / "settings.json")
    same = {label for label, arm in experiment.arms.items() if settings.get(label, {}).get("key") == arm.key}
    if not same:
        return []
    try:
        points = read_csv(results / "curves.csv")
        rows = [row for row in read_csv(results / "runs.csv") if row["arm"] in same]
        return [
            _recorded(row, [p for p in points if (p["arm"], p["seed"]) == (row["arm"], row["seed"])]) for row in rows
        ]
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{results}: expected the files of one write, got {error!r}; remove the folder") from None


def _recorded(row: dict[str, str], points: list[dict[str, str]]) -> Outcome:
    columns = [np.array([float(point[key]) for point in points]) for key in ("steps", "seconds", "success_rate")]
    mark = {"jobs": int(row["jobs"]), "seconds": float(row["minutes"]) * 60, "commit": row["commit"]}
    ends = float(row["success of latest"]), float(row["success of best"])
    return Outcome(row["arm"], int(row["seed"]), *columns, *ends, mark)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def row_of(outcome: Outcome) -> dict[str, object]:
    """Of runs.csv; inf where a level was never reached, nan where there is nothing to say."""
    share, lowest = stability(outcome.success)
    return {
        "arm": outcome.label,
        "seed": outcome.seed,
        **{f"steps to {level}": steps_to(outcome.steps, outcome.success, level) for level in LEVELS},
        **{f"minutes to {level}": minutes_to(outcome.seconds, outcome.success, level) for level in LEVELS},
        f"share below {LEVEL_KEPT} after it": share,
        f"lowest after {LEVEL_KEPT}": lowest,
        "success of latest": outcome.latest,
        "success of best": outcome.best,
        "minutes": outcome.mark["seconds"] / 60,
        "jobs": outcome.mark["jobs"],
        "commit": outcome.mark["commit"],
    }
