"""One run of an arm: its command, its continuation after a stop, and the mark that it has ended.

A run's folder has `log`, `policy`, `output.txt` (its output), `latest.json` and `best.json` (evaluations of its
policies), and `run.json` (the mark: exit code, machine, commit and versions).
"""

import functools
import json
import math
import shutil
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from baselines.common.errors import TrainingError, UserError
from baselines.results.logs import read_column
from baselines.results.statistics import steps_to
from baselines.storage import replace_file
from benchmarks.experiments import SB3, Arm
from benchmarks.measure import machine
from benchmarks.processes import Children

GENERATOR = "baselines.her.experiment.data_generation.fetch_data_generation"


class Run(NamedTuple):
    """One seed of an arm."""

    runs: Path  # the folder of all runs
    arm: Arm
    seed: int

    @property
    def folder(self) -> Path:
        return self.runs / self.arm.key / f"seed-{self.seed}"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def evaluated(self) -> tuple[str, ...]:
        """Names of the policies that are evaluated; a peer's run evaluates its last one itself."""
        return ("latest",) if self.arm.module == SB3 else ("latest", "best")


# ---- the state of a run ----


def read_json(path: Path) -> dict:
    """Return a JSON document, empty where there is no such file. Raises UserError."""
    try:
        return json.loads(path.read_text()) if path.exists() else {}
    except ValueError:
        raise UserError(
            f"{path}: expected JSON, got something else; remove it, and run the same command again"
        ) from None


def write_json(path: Path, document: object) -> None:
    with replace_file(str(path)) as file:
        file.write(json.dumps(document, indent=2).encode() + b"\n")


def mark(run: Run) -> dict:
    return read_json(run.folder / "run.json")


def trained(run: Run) -> bool:
    return mark(run).get("rc") == 0


def finished(run: Run) -> bool:
    """Return True where the run has trained to its end and its policies are evaluated."""
    return trained(run) and all((run.folder / f"{name}.json").exists() for name in run.evaluated)


def enough(run: Run) -> bool:
    """Return True where the run has reached the level at which its arm ends early."""
    if not run.arm.until or not (run.log / "progress.csv").exists():
        return False
    try:
        success = read_column(str(run.log), "test/success_rate")
    except UserError:  # no rows yet, or half a row that is being written
        return False
    return math.isfinite(steps_to(np.arange(len(success)), success, run.arm.until))


def resumable(run: Run) -> bool:
    return run.arm.module != SB3 and (run.log / "config.json").exists()


# ---- commands ----


def python(module: str, *words: str) -> list[str]:
    return [sys.executable, "-m", module, *words]


def demonstrations_of(runs: Path, arm: Arm) -> Path:
    noise = f"-noise-{arm.noise:g}" if arm.noise else ""
    return runs / "demonstrations" / f"{arm.env}-{arm.demonstrations}{noise}.npz"


def training_command(run: Run) -> list[str]:
    """Return the command that begins the run, or continues it."""
    arm = run.arm
    if resumable(run):
        return python(arm.module, f"--resume={run.log}")
    words = [*arm.flags, f"--num_timesteps={arm.num_timesteps}", f"--seed={run.seed}", f"--log_path={run.log}"]
    if arm.module == SB3:
        return python(arm.module, *words, f"--json={run.folder / 'latest.json'}")
    if arm.demonstrations:
        words += [f"--demo_file={demonstrations_of(run.runs, arm)}", f"--num_demo={arm.demonstrations}"]
    return python(arm.module, *words, f"--save_path={run.folder / 'policy'}")


def evaluation_command(run: Run, name: str) -> list[str]:
    """Return the command; it names the environment, as modules that a policy names are not imported."""
    arm = run.arm
    where = [f"--episodes={arm.episodes}", "--num_env=50", f"--env={arm.env}"]
    where += [f"--vec_env={arm.value('vec_env', 'auto')}"]
    where += [f"--{name}={arm.value(name)}" for name in ("env_kwargs", "max_episode_steps") if arm.value(name)]
    files = [f"--load_path={run.folder / 'policy' / name}", f"--json={run.folder / name}.json"]
    return python("baselines.evaluate", *where, *files)


# ---- running ----


def perform(run: Run, children: Children, jobs: int) -> None:
    """Train, or continue to train, and evaluate. Raises TrainingError, and Interrupted."""
    output = run.folder / "output.txt"
    if not trained(run):
        if not resumable(run):
            shutil.rmtree(run.folder, ignore_errors=True)  # a run that stopped before it could be resumed
            run.folder.mkdir(parents=True)
        _train(run, output, children, jobs)
    for name in run.evaluated:
        if not (run.folder / f"{name}.json").exists():
            # One thread: more of them would spin between NumPy's small products and steal the environments' cores.
            _check(children.run(evaluation_command(run, name), output, one_thread=True), output, children)


def make_demonstrations(runs: Path, arm: Arm, children: Children) -> None:
    """Write the demonstrations of an arm, unless they exist. Raises TrainingError, and Interrupted."""
    path = demonstrations_of(runs, arm)
    if arm.demonstrations and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = (f"--noise={arm.noise}", "--keep_failures") if arm.noise else ()
        words = f"--env={arm.env}", "--seed=0", f"--num_episodes={arm.demonstrations}", *noise, f"--output={path}"
        output = path.with_suffix(".txt")
        _check(children.run(python(GENERATOR, *words), output), output, children)


def _train(run: Run, output: Path, children: Children, jobs: int) -> None:
    """Run the command and write its mark, also where it was stopped."""
    command, before, here, start = training_command(run), mark(run), machine(), time.perf_counter()
    ends = functools.partial(enough, run) if run.arm.until else None
    code = 0 if enough(run) else children.run(command, output, jobs > 1, ends)
    if enough(run):
        code = 0
    commits = dict.fromkeys([*before.get("commit", "").split(), here["commit"]])
    known = {
        "rc": code,
        "command": before.get("command", ["python", *command[1:]]),  # the one that began the run
        "seconds": before.get("seconds", 0.0) + time.perf_counter() - start,
        "parts": before.get("parts", 0) + 1,
        "jobs": max(jobs, before.get("jobs", 1)),
    }
    write_json(run.folder / "run.json", {**known, **here, "commit": " ".join(commits)})
    _check(code, output, children)


def _check(code: int, output: Path, children: Children) -> None:
    if code:
        children.check()
        said = output.read_text(errors="replace").strip().splitlines() or ["nothing"]
        raise TrainingError(f"exit code {code}, last line: {said[-1]} (all output: {output})")
