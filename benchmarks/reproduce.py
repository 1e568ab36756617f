"""The experiments behind this project's figures: `python -m benchmarks.reproduce NAME [NAME ...]`.

Each run is a process of its own. Finished runs are not run again, and stopped ones continue. After each run the results
of its experiments are written: tables, curves, a figure, settings, versions. With `--all` experiments need no names:
the next seed is always one of the row of the results that lacks the largest share of its seeds.
"""

import argparse
import contextlib
import functools
import importlib.util
import math
import shlex
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

from baselines.common.cli import ArgumentParser, errors_end_the_process, show
from baselines.common.cores import cores
from baselines.common.errors import Interrupted, TrainingError, UserError, one_line
from baselines.common.processes import Children, check_jobs, each
from baselines.common.signals import handlers
from baselines.storage import check_writable, lock
from benchmarks.experiments import EXPERIMENTS, SB3, Arm, experiment
from benchmarks.outcomes import outcomes_of, runs_of
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
        if bool(named) == args.all:
            raise UserError("expected the NAME of an experiment (--list shows all), or --all in its place")
        if args.all and args.seeds:
            raise UserError("--all chooses the seeds itself: leave out --seeds")
        check_jobs(args.jobs)
        _check_installed()
        begin = time.monotonic()
        try:
            if args.all:
                planned = missing(args.runs, args.results)
            else:
                planned = plan(args.names, args.runs, args.seeds)
            reproduce(planned, args.names or [*EXPERIMENTS], args.runs, args.results, args.jobs, args.hours)
        except Interrupted as stopped:
            over = time.monotonic() - begin >= _seconds_of(args.hours)
            again = shlex.join(["python", "-m", "benchmarks.reproduce", *words])
            print(f"{'the time is over' if over else 'stopped'}; to continue: {again}", file=sys.stderr)
            sys.exit(0 if over else stopped.exit_code)
        except OSError as error:
            raise TrainingError(f"cannot continue: {error}") from None


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m benchmarks.reproduce", description=__doc__, allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="NAME", help="an experiment")
    parser.add_argument(
        "--list", action="store_true", help="show the experiments, and how many of their runs have finished"
    )
    parser.add_argument("--all", action="store_true", help="all experiments, in the order of what their rows lack")
    parser.add_argument("--hours", type=_hours, default=math.inf, help="stop before so many hours are over (never)")
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


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not hours > 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got '{text}'")
    return hours


def _check_installed() -> None:
    for library in ("scipy", "matplotlib"):
        if importlib.util.find_spec(library) is None:
            raise UserError(
                f"expected {library} for the figures, which is not installed: pip install -e '.[benchmarks]'"
            )


def reproduce(
    planned: list[Run], names: list[str], runs: Path, results: Path, jobs: int, hours: float = math.inf
) -> None:
    """Run those of the planned runs that have not finished, in their order, and write the results of experiments.

    Raises TrainingError at the end where runs failed, and Interrupted, also when the hours are nearly over.
    """
    for folder in (runs, results):
        check_writable(str(folder))
    children, begin = Children(), time.monotonic()
    with _alone(runs), handlers(children.stop), _stopped_after(_seconds_of(hours), children):
        left = [run for run in planned if not finished(run)]
        show(f"{len(planned)} runs, of which {len(planned) - len(left)} are finished")
        for run in left:
            make_demonstrations(runs, run.arm, children)
        write_all(names, runs, results)
        failed = 0
        ends = begin + _seconds_of(hours)
        with contextlib.closing(each_run(left, children, jobs, ends)) as ended:
            for run, error in ended:
                failed += error is not None
                write_all([name for name in names if run in planned_of(name, runs)], runs, results)
    if failed:
        raise TrainingError(f"{failed} of {len(planned)} runs failed; the same command tries them again")


def _seconds_of(hours: float) -> float:
    """Return the seconds after which to stop: runs need up to two minutes to save their states."""
    return 3600 * hours - min(120, 360 * hours)


@contextlib.contextmanager
def _stopped_after(seconds: float, children: Children) -> Iterator[None]:
    """Stop the children after so many seconds, as SIGTERM does."""
    if math.isinf(seconds):
        yield
        return
    timer = threading.Timer(seconds, children.stop, [signal.SIGTERM])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


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


def missing(runs: Path, results: Path) -> list[Run]:
    """Return the runs of all experiments that neither folder has, in the order in which their rows need them.

    A row of the results is an arm. The next run is always one of the arm with the smallest share of its seeds, and a
    stopped one before others. Runs whose package is not installed are left out, with a line.
    """
    seeds: dict[Arm, dict[Run, bool]] = {}  # whether a run has been done, here or elsewhere
    for name, its in EXPERIMENTS.items():
        done = {(outcome.label, outcome.seed) for outcome in outcomes_of(its, runs, results / name)}
        for label, run in runs_of(its, runs, its.seeds):
            of_arm = seeds.setdefault(run.arm, {})
            of_arm[run] = of_arm.get(run, False) or (label, run.seed) in done
    for package in sorted({_absent(arm) for arm in seeds} - {""}):
        tasks = ", ".join(dict.fromkeys(arm.env for arm in seeds if _absent(arm) == package))
        show(f"left out, as {package} is not installed: {tasks}")
    left = {arm: [run for run, done in its.items() if not done] for arm, its in seeds.items() if not _absent(arm)}
    order = []
    while left := {arm: sorted(its, key=lambda run: not resumable(run)) for arm, its in left.items() if its}:
        arm = max(left, key=lambda arm: (len(left[arm]) / len(seeds[arm]), resumable(left[arm][0])))
        order.append(left[arm].pop(0))
    return order


def _absent(arm: Arm) -> str:
    """Return the package that an arm needs and that is not installed, or the empty string."""
    package = "stable_baselines3" if arm.module == SB3 else arm.env.rpartition(":")[0]
    return package if package and importlib.util.find_spec(package) is None else ""


def _minutes_of(arm: Arm) -> float:
    """Return how long a run of the arm takes, roughly."""
    return next(e.minutes / len(e.arms) / len(e.seeds) for e in EXPERIMENTS.values() if arm in e.arms.values())


def each_run(
    left: list[Run], children: Children, jobs: int, ends: float = math.inf
) -> Generator[tuple[Run, TrainingError | None]]:
    """Perform the runs, `jobs` at a time; yield each with its error, if any, when it ends. Raises Interrupted.

    A run that cannot be resumed does not begin where it may not end before `ends`, a time of the monotonic clock.
    """
    perform = functools.partial(_perform, left, children=children, jobs=jobs, ends=ends)
    return each(left, perform, children, [[core] for core in cores()[:jobs]])


def _perform(left: list[Run], run: Run, children: Children, jobs: int, ends: float) -> TrainingError | None:
    """Perform a run and return its error, if it failed."""
    children.check()
    name, start = f"{left.index(run) + 1} of {len(left)}: {run.arm.key}, seed {run.seed}", time.perf_counter()
    if run.arm.module == SB3 and ends - time.monotonic() < 60 * _minutes_of(run.arm):
        show(f"{name}: left for another time, as it takes about {_minutes_of(run.arm):.0f} minutes in one piece")
        return None
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
