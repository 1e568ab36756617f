"""The results of finished runs: from the runs' folders, or else from the folders of results."""

import csv
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from baselines.common.errors import UserError
from baselines.results.logs import Curve, read_column
from baselines.results.tables import measures
from benchmarks.experiments import EXPERIMENTS, Arm, Experiment, Measure
from benchmarks.runs import Run, finished, mark, read_json


class Outcome(NamedTuple):
    """A finished run of the arm with this label."""

    label: str
    seed: int
    steps: np.ndarray  # [evaluations], as the two below
    seconds: np.ndarray
    score: np.ndarray  # success rates, or whatever the experiment's measure is
    latest: float  # score of the last policy
    best: float  # score of the best policy by the evaluations in training; NaN where it was not saved
    mark: dict  # run.json

    @property
    def quiet(self) -> bool:
        """True where the run had all cores, so that its times count."""
        return self.mark["jobs"] == 1


def runs_of(experiment: Experiment, runs: Path, seeds: tuple[int, ...]) -> list[tuple[str, Run]]:
    """Return (label of the arm, run), seed by seed: so all arms advance together."""
    return [(label, Run(runs, arm, seed)) for seed in seeds for label, arm in experiment.arms.items()]


def outcomes_of(experiment: Experiment, runs: Path, results: Path) -> list[Outcome]:
    """Return the outcomes of all finished runs here, and of those that folder `results` recorded, in order of arms."""
    found = {
        (o.label, o.seed): o for o in [*recorded_elsewhere(results, experiment), *recorded_in(results, experiment)]
    }
    for label, run in runs_of(experiment, runs, experiment.seeds):
        if finished(run):
            found[label, run.seed] = outcome_of(label, run, experiment.measure)
    labels = list(experiment.arms)
    return sorted(found.values(), key=lambda o: (labels.index(o.label), o.seed))


def outcome_of(label: str, run: Run, measure: Measure) -> Outcome:
    keys = ("total/timesteps", "total/seconds", f"test/{measure.key}")
    columns = [read_column(str(run.log), key) for key in keys]
    latest, best = (read_json(run.folder / f"{name}.json").get(measure.key, math.nan) for name in ("latest", "best"))
    return Outcome(label, run.seed, *columns, latest, best, mark(run))


def recorded_elsewhere(results: Path, experiment: Experiment) -> list[Outcome]:
    """Return the outcomes of equal arms from the folders of other experiments beside `results`. Raises UserError."""
    return [
        outcome._replace(label=label)
        for label, arm in experiment.arms.items()
        for name, other in EXPERIMENTS.items()
        if name != results.name and arm.key in [its.key for its in other.arms.values()]
        for outcome in recorded_in(results.parent / name, other)
        if other.arms[outcome.label].key == arm.key and outcome.seed in experiment.seeds
    ]


def recorded_settings(results: Path, arm: Arm) -> dict | None:
    """Return an arm's entry in the settings.json of this folder, or of a folder beside it."""
    for folder in (results, *sorted(path for path in results.parent.glob("*") if path.is_dir())):
        for settings in read_json(folder / "settings.json").values():
            if settings.get("key") == arm.key:
                return settings
    return None


def recorded_in(results: Path, experiment: Experiment) -> list[Outcome]:
    """Return the outcomes of today's arms from an experiment's folder of results. Raises UserError."""
    settings = read_json(results / "settings.json")
    same = {label for label, arm in experiment.arms.items() if settings.get(label, {}).get("key") == arm.key}
    if not same:
        return []
    try:
        points = read_csv(results / "curves.csv")
        rows = [row for row in read_csv(results / "runs.csv") if row["arm"] in same]
        found = []
        for row in rows:
            own = [p for p in points if (p["arm"], p["seed"]) == (row["arm"], row["seed"])]
            found.append(_recorded(row, own, experiment.measure))
        return found
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{results}: expected the files of one write, got {error!r}; remove the folder") from None


def _recorded(row: dict[str, str], points: list[dict[str, str]], measure: Measure) -> Outcome:
    columns = [np.array([float(point[key]) for point in points]) for key in ("steps", "seconds", measure.key)]
    mark = {"jobs": int(row["jobs"]), "seconds": float(row["minutes"]) * 60, "commit": row["commit"]}
    ends = float(row[f"{measure.word} of latest"]), float(row[f"{measure.word} of best"])
    return Outcome(row["arm"], int(row["seed"]), *columns, *ends, mark)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def row_of(outcome: Outcome, measure: Measure) -> dict[str, object]:
    """Return a row of runs.csv; inf: the level was never reached; nan: unknown."""
    return {
        "arm": outcome.label,
        "seed": outcome.seed,
        **measures(Curve(outcome.steps, outcome.score), outcome.seconds, measure.levels, measure.kept),
        f"{measure.word} of latest": outcome.latest,
        f"{measure.word} of best": outcome.best,
        "minutes": outcome.mark["seconds"] / 60,
        "jobs": outcome.mark["jobs"],
        "commit": outcome.mark["commit"],
    }
