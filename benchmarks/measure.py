"""Tools of all benchmarks: variants in turn, medians, and the file of the results."""

import contextlib
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
LIBRARIES = [
    *("numpy", "tensorflow", "envpool", "gymnasium", "gymnasium-robotics", "mujoco"),
    *("mpi4py", "stable-baselines3", "torch"),
]


def compare(variants: dict[str, Callable[[], float]], rounds: int, seconds: float = 1.0) -> dict[str, float]:
    """Return the median rate of each variant, in units of work per second.

    The variants take turns, `rounds` times, `seconds` each. Each call does some work and says how much.
    """
    for work in variants.values():
        work()  # compile, warm up
    rates = {name: [] for name in variants}
    for _ in range(rounds):
        for name, work in variants.items():
            done, start = 0.0, time.perf_counter()
            while time.perf_counter() - start < seconds:
                done += work()
            rates[name].append(done / (time.perf_counter() - start))
    return medians(rates)


def in_turn(variants: dict[str, Callable[[], dict[str, float]]], rounds: int) -> dict[str, dict[str, float]]:
    """Return the median of each figure that each variant returns; the variants (mostly whole commands) take turns."""
    figures = {name: [] for name in variants}
    for _ in range(rounds):
        for name, work in variants.items():
            figures[name].append(work())
    return {name: medians({key: [run[key] for run in runs] for key in runs[0]}) for name, runs in figures.items()}


def medians(figures: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in figures.items()}


def seconds_of(command: list[str], **environment: str) -> float:
    """Return the wall time of a whole command. Raises RuntimeError where it fails."""
    start = time.perf_counter()
    output(command, **environment)
    return time.perf_counter() - start


def output(command: list[str], **environment: str) -> str:
    """Return the output of a command. Raises RuntimeError where it fails."""
    run = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{run.stderr[-2000:]}")
    return run.stdout


def machine() -> dict:
    """Return processor, cores, versions and commit, on which the figures depend."""
    versions = {}
    for name in LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "commit": commit_of_code(),
        **versions,
    }


def commit_of_code() -> str:
    """Return the commit of this checkout, with -changed where `baselines` has uncommitted changes."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True).stdout.strip()

    with contextlib.suppress(OSError):
        return git("rev-parse", "--short", "HEAD") + ("-changed" if git("status", "--porcelain", "baselines") else "")
    return ""


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def report(file: str, part: str, rows: list[dict]) -> None:
    """Print the rows and write them to results/`file` with the machine; the rows of other parts stay there."""
    for row in rows:
        print(part, *(f"{k}: {v:.4g}" if isinstance(v, float) else f"{k}: {v}" for k, v in row.items()), sep="  ")
    path = RESULTS / file
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**known, part: {"machine": machine(), "rows": rows}}, indent=2) + "\n")
    print(f"wrote {path}", flush=True)
