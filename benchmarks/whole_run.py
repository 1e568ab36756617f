"""Whole commands as users start them: seconds of starting up, and of the phases of an epoch."""

import csv
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.learner import ENV
from benchmarks.measure import in_turn, medians, output, seconds_of

PHASES = ("rollout", "sample", "train", "evaluate")

# Ends the run when the first environment is stepped.
UNTIL_FIRST_STEP = """
import os, sys
from baselines.envs import base
base.VecEnv.step = lambda self, action: os._exit(0)
from baselines.run import main
main(sys.argv[1:])
sys.exit(1)
"""


def start_up(rounds: int) -> list[dict]:
    """Measure seconds until the first environment step, against those of only importing TensorFlow."""

    def until_first_step() -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-c", UNTIL_FIRST_STEP, f"--env={ENV}", f"--log_path={folder}/log"]
            return {"seconds": seconds_of(command)}

    with tempfile.TemporaryDirectory() as cache:
        variants = {
            "first step": until_first_step,
            "import": lambda: {"seconds": seconds_of([sys.executable, "-c", "import tensorflow"])},
            "compile": _seconds_of_compiling,
            "compile, cached": lambda: _seconds_of_compiling(
                TF_XLA_FLAGS=f"--tf_xla_persistent_cache_directory={cache}"
            ),
        }
        variants["compile, cached"]()  # fills the cache
        seconds = {name: row["seconds"] for name, row in in_turn(variants, rounds).items()}
    return [
        {
            "s to the first environment step": seconds["first step"],
            "s to import TensorFlow": seconds["import"],
            "ratio": seconds["first step"] / seconds["import"],
            "s to compile (with the first 40 updates)": seconds["compile"],
            "s to compile with TensorFlow's cache": seconds["compile, cached"],
        }
    ]


def _seconds_of_compiling(**environment: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "baselines.run", f"--env={ENV}", "--n_epochs=1", "--n_cycles=1"]
        output([*command, f"--log_path={folder}/log"], **environment)
        with Path(folder, "log", "progress.csv").open() as file:
            (row,) = csv.DictReader(file)
    return {"seconds": float(row["time/compile"])}


def end_to_end(rounds: int) -> list[dict]:
    """Measure three epochs with 8 environments; the first one, which compiles, has a figure of its own."""
    runs = [_epochs() for _ in range(rounds)]
    return [{"epochs": "2 and 3", **medians({k: [run[k] for run in runs] for k in runs[0]})}]


def _epochs() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        command = [sys.executable, "-m", "baselines.run", f"--env={ENV}", "--num_env=8", "--n_epochs=3", "--seed=0"]
        output([*command, f"--log_path={log}"])
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader((log / "progress.csv").open())]
    first, later = rows[0], {k: statistics.mean(row[k] for row in rows[1:]) for k in rows[0]}
    known = sum(later[f"time/{phase}"] for phase in PHASES)
    updates = rows[2]["total/updates"] - rows[1]["total/updates"]
    return {
        "s per epoch": later["time/epoch"],
        "env steps/s (exploring)": later["fps"],
        "updates/s while training": updates / later["time/train"],
        **{f"share of {phase}": later[f"time/{phase}"] / later["time/epoch"] for phase in PHASES},
        "share of all else (logging, glue)": 1 - known / later["time/epoch"],
        "share inside environments": later["time/env"] / later["time/epoch"],
        "s more in the first epoch (compiling)": first["time/epoch"] - later["time/epoch"],
    }
