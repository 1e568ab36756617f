"""The experiments behind this project's figures: `python -m benchmarks.reproduce NAME [NAME ...]`.

Each run is a process of its own. Finished runs are not run again, and stopped ones continue. After each run the results
of its experiments are written: tables, curves, a figure, settings, versions.
"""

import argparse
import contextlib
import importlib.util
import queue
import shlex
import signal
import sys
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from baselines.common.cli import ArgumentParser, errors_end_the_process, show
from baselines.common.errors import Interrupted, TrainingError, UserError, one_line
from baselines.storage import check_writable, lock
from benchmarks.experiments import EXPERIMENTS, experiment
from benchmarks.outcomes import runs_of
from benchmarks.processes import Children, check_jobs, cores, pin
from benchmarks.result_files import write_results
from benchmarks.runs import Run, finished, make_demonstrations, perform, resumable
from benchmarks.tables import overview


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    words = sys.argv[1:] if argv is None else argv
    with errors_end_the_process():
        args = _parser().parse_args(words)
        named = {name: experiment(name) for name in args.names}
        if args.list:
            show(overview(named or EXPERIMENTS, args.runs, args.results))
            return
        if not named:
            raise UserError("expected the NAME of an experiment, got none: --list shows all")
        check_jobs(args.jobs)
        _check_installed()
        try:
            reproduce(args.names, args.runs, args.results, args.seeds, args.jobs)
        except Interrupted as stopped:
            again = shlex.join(["python", "-m", "benchmarks.reproduce", *words])
            print(f"stopped; to continue: {again}", file=sys.stderr)
            sys.exit(stopped.exit_code)
        except OSError as error:
            raise TrainingError(f"cannot continue: {error}") from None


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m benchmarks.reproduce", description=__doc__, allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="NAME", help="an experiment")
    parser.add_argument(
        "--list", action="store_true", help="show the experiments, and how many of their runs have finished"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/reproduce"), help="folder of the runs (%(default)s)")
    parser.add_argument(
        "--results", type=Path, default=Path("data/results"), help="folder of the results (%(default)s)"
    )
    parser.add_argument("--seeds", type=_seeds, help="some of the experiment's seeds, as 0,1 (all)")
    parser.add_argument(
        "--jobs", type=int, default=1, help="runs at a time, with a core each; their minutes do not count (%(default)s)"
    )
    return parser


def _seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(seed) for seed in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected whole numbers such as 0,1, got '{text}'") from None


def _check_installed() -> None:
    for library in ("scipy", "matplotlib"):
        if importlib.util.find_spec(library) is None:
            raise UserError(
                f"expected {library} for the figures, which is not installed: pip install -e '.[benchmarks]'"
            )


def reproduce(names: list[str], runs: Path, results: Path, seeds: tuple[int, ...] | None, jobs: int) -> None:
    """Run all runs that have not finished. Raises TrainingError at the end where runs failed, and Interrupted."""
    planned = plan(names, runs, seeds)
    for folder in (runs, results):
        check_writable(str(folder))
    children = Children()
    with _alone(runs), children.stopped_by_signals():
        left = [run for run in planned if not finished(run)]
        show(f"{len(planned)} runs, of which {len(planned) - len(left)} are finished")
        for run in left:
            make_demonstrations(runs, run.arm, children)
        write_all(names, runs, results)
        failed = 0
        with contextlib.closing(each(left, children, jobs)) as ended:
            for run, error in ended:
                failed += error is not None
                write_all([name for name in names if run in planned_of(name, runs)], runs, results)
    if failed:
        raise TrainingError(f"{failed} of {len(planned)} runs failed; the same command tries them again")


def write_all(names: list[str], runs: Path, results: Path) -> None:
    for name in names:
        write_results(name, EXPERIMENTS[name], runs, results)


def planned_of(name: str, runs: Path, seeds: tuple[int, ...] | None = None) -> list[Run]:
    """Return an experiment's runs. Raises UserError for seeds that the experiment does not have."""
    its = EXPERIMENTS[name].seeds
    if unknown := sorted(set(seeds or ()) - set(its)):
        raise UserError(f"--seeds: {name} has {','.join(map(str, its))}, got {unknown[0]}")
    return [run for _, run in runs_of(EXPERIMENTS[name], runs, its if seeds is None else seeds)]


def plan(names: list[str], runs: Path, seeds: tuple[int, ...] | None) -> list[Run]:
    """Return each run once, even where several experiments share it."""
    return list(dict.fromkeys(run for name in names for run in planned_of(name, runs, seeds)))


def each(left: list[Run], children: Children, jobs: int) -> Generator[tuple[Run, TrainingError | None]]:
    """Perform the runs, `jobs` at a time; yield each with its error, if any, when it ends. Raises Interrupted."""
    free: queue.SimpleQueue[int] = queue.SimpleQueue()
    for core in cores():
        free.put(core)
    with ThreadPoolExecutor(jobs, initializer=lambda: pin(free.get()) if jobs > 1 else None) as pool:
        begun = {pool.submit(_perform, run, i, len(left), children, jobs): run for i, run in enumerate(left, 1)}
        try:
            for future in as_completed(begun):
                yield begun[future], future.result()
        except BaseException:  # else the pool would perform all other runs before the error is raised
            if not children.signal:
                children.stop(signal.SIGTERM)
            raise


def _perform(run: Run, number: int, count: int, children: Children, jobs: int) -> TrainingError | None:
    """Perform a run and return its error, if it failed."""
    children.check()
    name, start = f"{number} of {count}: {run.arm.key}, seed {run.seed}", time.perf_counter()
    show(f"{name}: {'continues' if resumable(run) else 'begins'}, in {run.folder}")
    try:
        perform(run, children, jobs)
    except TrainingError as error:
        print(f"{name}: failed: {one_line(error)}", file=sys.stderr)
        return error
    show(f"{name}: finished after {(time.perf_counter() - start) / 60:.1f} minutes")
    return None


@contextlib.contextmanager
def _alone(runs: Path) -> Iterator[None]:
    """Lock the folder. Raises UserError where another process runs experiments in it."""
    runs.mkdir(parents=True, exist_ok=True)
    with (runs / "lock").open("a") as file:
        try:
            lock(file)
        except BlockingIOError:
            raise UserError(
                f"{runs} is in use: another reproduce writes to it; to run two at a time: --jobs=2"
            ) from None
        yield


if __name__ == "__main__":
    main()
