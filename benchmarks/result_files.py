"""Writers of data/results: curves.csv, runs.csv, settings.json, versions.json, figure.png, table.md."""

import csv
import io
import os
from pathlib import Path

from baselines.storage import replace_file
from benchmarks.curves import draw_outcomes
from benchmarks.experiments import Arm, Experiment, Measure
from benchmarks.outcomes import Outcome, outcomes_of, recorded_settings, row_of
from benchmarks.runs import Run, finished, read_json, write_json
from benchmarks.tables import readme, table_of

_OF_A_RUN = ("rc", "command", "seconds", "parts", "jobs", "commit")  # in run.json; the rest is the machine


def write_results(name: str, experiment: Experiment, runs: Path, results: Path) -> bool:
    """Write the results of all finished runs, each file whole or not at all; return False where there are none."""
    folder = results / name
    outcomes = outcomes_of(experiment, runs, folder)
    if not outcomes:
        return False
    settings, versions = settings_of(experiment, outcomes, runs, folder), versions_of(outcomes, folder)
    write_csv(folder / "curves.csv", [point for o in outcomes for point in points_of(o, experiment.measure)])
    write_csv(folder / "runs.csv", [row_of(outcome, experiment.measure) for outcome in outcomes])
    write_json(folder / "settings.json", settings)
    write_json(folder / "versions.json", versions)
    with replace_file(str(folder / "figure.png")) as file:
        draw_outcomes(outcomes, experiment.title, experiment.measure, file)
    write_text(folder / "table.md", "\n".join(table_of(experiment, outcomes)) + "\n")
    there = results / "README.md"
    write_text(there, readme(results, there.read_text() if there.exists() else ""))
    return True


def write_text(path: Path, text: str) -> None:
    with replace_file(str(path)) as file:
        file.write(text.encode())


def write_csv(path: Path, rows: list[dict]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
    write_text(path, text.getvalue())


def points_of(outcome: Outcome, measure: Measure) -> list[dict]:
    """Return a row of curves.csv for each evaluation."""
    columns = zip(outcome.steps, outcome.seconds, outcome.score, strict=True)
    return [
        {
            "arm": outcome.label,
            "seed": outcome.seed,
            "steps": int(n),
            "seconds": f"{s:.1f}",
            measure.key: float(score),
        }
        for n, s, score in columns
    ]


def settings_of(experiment: Experiment, outcomes: list[Outcome], runs: Path, folder: Path) -> dict:
    """Return each arm's command, and all settings of its first run here, or else those that were recorded."""
    here = {o.label: o.seed for o in reversed(outcomes) if finished(Run(runs, experiment.arms[o.label], o.seed))}
    settings = {label: recorded_settings(folder, experiment.arms[label]) for label in {o.label for o in outcomes}}
    for label, seed in here.items():
        arm = experiment.arms[label]
        known = {"key": arm.key, "command": command_of(arm), "demonstrations": arm.demonstrations}
        known |= {"until": arm.until} if arm.until else {}
        settings[label] = {**known, "config": config_of(Run(runs, arm, seed))}
    return {label: settings[label] for label in experiment.arms if label in settings}


def command_of(arm: Arm) -> str:
    """Return the command of an arm, with the words SEED and (for demonstrations) FILE for a user to replace."""
    demos = ["--demo_file=FILE", f"--num_demo={arm.demonstrations}"] if arm.demonstrations else []
    return " ".join(
        ["python", "-m", arm.module, *arm.flags, f"--num_timesteps={arm.num_timesteps}", *demos, "--seed=SEED"]
    )


def config_of(run: Run) -> dict:
    """Return the algorithm's settings of a run, with only the last part of paths; a peer has none."""
    config = read_json(run.log / "config.json").get("config", {})
    return {k: os.path.basename(v) if isinstance(v, str) and os.path.isabs(v) else v for k, v in config.items()}


def versions_of(outcomes: list[Outcome], folder: Path) -> list[dict]:
    """Return the machines of the runs with their versions and commits; recorded ones stay."""
    here = [outcome for outcome in outcomes if "processor" in outcome.mark]
    found: list[dict] = read_json(folder / "versions.json") if len(here) < len(outcomes) else []
    for outcome in here:
        machine = {k: v for k, v in outcome.mark.items() if k not in _OF_A_RUN}
        known = next((m for m in found if {**m, "commits": None} == {**machine, "commits": None}), None)
        if known is None:
            found.append(known := {**machine, "commits": []})
        known["commits"] = sorted({*known["commits"], *outcome.mark["commit"].split()})
    return found
