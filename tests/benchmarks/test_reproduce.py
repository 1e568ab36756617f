"""Runs that begin, stop, continue and finish, through real processes."""

import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from baselines.common.cores import cores
from baselines.common.errors import Interrupted, TrainingError
from baselines.common.processes import Children
from baselines.common.signals import handlers
from baselines.runs.checkpoints import checkpoint_numbers
from benchmarks import experiments, outcomes, reproduce, runs
from benchmarks.experiments import Arm, Experiment
from benchmarks.runs import Run, finished, mark
from tests.helpers import POINT_REACH, ROOT, TINY, contents, rows

EPOCHS, STEPS = 20, 120  # an epoch takes about a tenth of a second
ARM = Arm(EPOCHS * STEPS, (POINT_REACH, "--vec_env=sync", "--num_env=2", *TINY))
TINY_EXPERIMENT = Experiment("PointReach", {"plain": ARM}, (0,), 1, "to have run")
REPRODUCE = f"""
from benchmarks import reproduce
from benchmarks.experiments import EXPERIMENTS, Arm, Experiment, Measure
EXPERIMENTS["tiny"] = {TINY_EXPERIMENT!r}
reproduce.main()
"""


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    """The working directory of all tests of this file, with an experiment."""
    folder = tmp_path_factory.mktemp("reproduce")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setitem(experiments.EXPERIMENTS, "tiny", TINY_EXPERIMENT)
        yield folder


@pytest.fixture(scope="module")
def stopped(place):
    """Exit code, output, mark and epochs of a `reproduce` that got SIGTERM after the first epoch of its run."""
    run = Run(Path("runs/reproduce"), ARM, 0)
    process = subprocess.Popen([sys.executable, "-c", REPRODUCE, "tiny"], stderr=subprocess.PIPE, text=True)
    while not checkpoint_numbers(str(run.log / "checkpoint"), 0):
        time.sleep(0.02)
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    return process.returncode, said, mark(run), len(rows(run.log))


@pytest.fixture(scope="module")
def continued(stopped):
    """The run after the same command ran again, to its end."""
    reproduce.main(["tiny"])
    return Run(Path("runs/reproduce"), ARM, 0)


@pytest.mark.slow
def test_a_signal_stops_the_run_and_the_message_says_how_to_continue(stopped):
    code, said, left, epochs = stopped
    assert code == 143 and said == "stopped; to continue: python -m benchmarks.reproduce tiny\n"
    assert left["rc"] == 143 and 1 <= epochs < EPOCHS
    assert not Path("data").exists()  # nothing has finished


@pytest.mark.slow
def test_the_same_command_continues_and_evaluates(stopped, continued):
    assert finished(continued)
    assert [int(row["total/timesteps"]) for row in rows(continued.log)] == [STEPS * (i + 1) for i in range(EPOCHS)]
    now, before = mark(continued), stopped[2]
    assert (now["rc"], now["parts"], now["jobs"]) == (0, 2, 1) and now["seconds"] > before["seconds"]
    assert now["command"] == before["command"] and f"--save_path={continued.folder}/policy" in now["command"]
    assert now["commit"] and now["cores"] == len(cores()) and now["numpy"]
    assert "--resume" in (continued.folder / "output.txt").read_text()  # the run's own words when it was stopped
    assert "| PointReach | plain | 1 of 1 | " in Path("data/results/tiny/table.md").read_text()
    for name in ("latest", "best"):
        assert json.loads((continued.folder / f"{name}.json").read_text())["episodes"] == 1000


@pytest.mark.slow
def test_a_finished_run_is_not_run_again_only_what_was_not_evaluated(continued, capsys):
    before, marked = contents(continued.folder), mark(continued)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Children, "run", None)  # a call would fail
        reproduce.main(["tiny"])
    assert capsys.readouterr().out == "1 runs, of which 1 are finished\n"
    assert contents(continued.folder) == before
    (continued.folder / "best.json").unlink()
    reproduce.main(["tiny"])
    assert finished(continued) and mark(continued) == marked


@pytest.mark.parametrize(
    ("success", "expected"),
    [([0.9, 1.0, 1.0], False), ([0.98, 1.0, 1.0], True), ([1.0, 1.0], False), ([1.0, 1.0, 1.0, 0.0], True)],
)
def test_a_run_may_end_early_where_the_mean_of_three_evaluations_is_at_the_level(success, expected, place):
    arm = dataclasses.replace(ARM, until=0.99)
    run = Run(Path("some"), arm, len(success))
    run.log.mkdir(parents=True, exist_ok=True)
    assert not runs.enough(run)
    lines = ["epoch,test/success_rate,total/timesteps", *(f"{i},{rate},9" for i, rate in enumerate(success))]
    (run.log / "progress.csv").write_text("\n".join([*lines, ""]))
    assert runs.enough(run) == expected and not runs.enough(Run(Path("some"), ARM, len(success)))
    (run.log / "progress.csv").write_text("")  # as a resumed run leaves it for a while
    assert not runs.enough(run)


@pytest.mark.slow
def test_a_run_that_ends_early_counts_as_finished(place, monkeypatch):
    arm = dataclasses.replace(ARM, num_timesteps=200 * STEPS, until=1e-9)
    monkeypatch.setattr(
        "benchmarks.runs.steps_to", lambda steps, score, level: steps[3] if len(steps) > 3 else math.inf
    )
    monkeypatch.setattr("baselines.common.processes.SECONDS_BETWEEN_LOOKS", 0.05)
    monkeypatch.setitem(experiments.EXPERIMENTS, "enough", Experiment("", {"plain": arm}, (0,), 1, ""))
    reproduce.main(["enough", "--runs=enough", "--results=of-enough"])
    run = Run(Path("enough"), arm, 0)
    assert finished(run) and mark(run)["rc"] == 0 and 4 <= len(rows(run.log)) < 100
    monkeypatch.setattr(Children, "run", None)  # a call would fail
    (run.folder / "run.json").unlink()  # as if the mark could not be written
    runs._train(run, run.folder / "output.txt", Children(), 1)
    assert finished(run)


@pytest.mark.slow
@pytest.mark.skipif(len(cores()) < 2, reason="needs two cores")
def test_two_at_a_time_have_a_core_each_and_are_marked(place, monkeypatch):
    short = Arm(240, ARM.flags)
    monkeypatch.setitem(experiments.EXPERIMENTS, "tiny", Experiment("Two", {"plain": short}, (0, 1), 1, ""))
    reproduce.main(["tiny", "--jobs=2", "--results=two"])
    marks = [mark(Run(Path("runs/reproduce"), short, seed)) for seed in (0, 1)]
    assert [(m["rc"], m["jobs"], m["cores"]) for m in marks] == [(0, 2, 1)] * 2
    assert len(cores()) > 1  # this thread has kept its own
    assert "| 2 of 2 |" in Path("two/tiny/table.md").read_text()


@pytest.mark.slow
def test_a_run_that_fails_is_told_and_tried_again_the_next_time(place, monkeypatch, capsys):
    wrong = Arm(240, (*ARM.flags, "--hidden=0"))
    monkeypatch.setitem(experiments.EXPERIMENTS, "tiny", Experiment("Wrong", {"plain": wrong}, (0,), 1, ""))
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            reproduce.main(["tiny"])
        failed, last = capsys.readouterr().err.splitlines()
        assert ended.value.code == 1 and "failed: exit code 2, last line: error: hidden: expected" in failed
        assert last == "error: 1 of 1 runs failed; the same command tries them again"


def test_the_other_runs_go_on_where_one_fails(place, monkeypatch, capsys):
    done = []

    def perform(run, children, jobs):
        if run.seed == 0:
            raise TrainingError("NaN")
        done.append(run.seed)

    monkeypatch.setattr(reproduce, "perform", perform)
    left = [Run(place / "none", ARM, seed) for seed in range(3)]
    ended = {run.seed: error for run, error in reproduce.each_run(left, Children(), 1)}
    assert done == [1, 2] and str(ended.pop(0)) == "NaN" and ended == {1: None, 2: None}
    assert f"1 of 3: {ARM.key}, seed 0: failed: NaN\n" == capsys.readouterr().err


def test_an_error_in_between_begins_no_other_run(place, monkeypatch):
    begun = []

    def perform(run, children, jobs):
        begun.append(run.seed)
        time.sleep(0.1)  # a run takes longer than hearing of the one before
        raise ZeroDivisionError

    monkeypatch.setattr(reproduce, "perform", perform)
    with pytest.raises(ZeroDivisionError):
        list(reproduce.each_run([Run(place / "none", ARM, seed) for seed in range(100)], Children(), 1))
    assert len(begun) < 100


def test_only_one_process_at_a_time_has_a_folder_of_runs(place, capsys):
    with reproduce._alone(place / "busy"), pytest.raises(SystemExit) as ended:
        reproduce.main(["tiny", f"--runs={place / 'busy'}"])
    assert ended.value.code == 2 and "another reproduce writes to it" in capsys.readouterr().err


def test_a_signal_goes_to_all_children_and_none_begins_after_it(place):
    children, codes = Children(), []
    sleep = [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(60)"]
    outputs = [place / "a.txt", place / "b.txt"]
    threads = [threading.Thread(target=lambda o=o: codes.append(children.run(sleep, o))) for o in outputs]
    for thread in threads:
        thread.start()
    while not all(o.exists() and o.stat().st_size for o in outputs):
        time.sleep(0.01)
    with handlers(children.stop):
        os.kill(os.getpid(), signal.SIGTERM)
    for thread in threads:
        thread.join(30)
    assert codes == [-signal.SIGTERM] * 2
    with pytest.raises(Interrupted) as stopped:
        children.run(sleep, outputs[0])
    assert stopped.value.exit_code == 143


# ---- the seed that is needed most ----


@pytest.fixture
def three_rows(cwd, monkeypatch):
    """Three arms of 2, 4 and 1 seeds in place of all experiments, two of which share the second; what was performed.

    The fake runner takes a moment, or waits until it is stopped where the seed is in `endless`.
    """
    one, two, three = (Arm(240, (*ARM.flags, f"--polyak=0.{i}")) for i in range(3))
    planned = {
        "first": Experiment("First", {"one": one}, (0, 1), 6, ""),
        "second": Experiment("Second", {"two": two}, (0, 1, 2), 6, ""),
        "third": Experiment("Third", {"also two": two, "three": three}, (3,), 6, ""),
    }
    monkeypatch.setattr(experiments, "EXPERIMENTS", planned)
    for module in (reproduce, outcomes):
        monkeypatch.setattr(module, "EXPERIMENTS", planned)
    performed, endless = [], set()

    def perform(run, children, jobs):
        performed.append(("one", "two", "three")[[one, two, three].index(run.arm)] + str(run.seed))
        while performed[-1] in endless:
            time.sleep(0.01)
            children.check()
        run.folder.mkdir(parents=True, exist_ok=True)
        for name, document in (("run", {"rc": 0}), ("latest", {}), ("best", {})):
            (run.folder / f"{name}.json").write_text(json.dumps(document))

    monkeypatch.setattr(reproduce, "perform", perform)
    monkeypatch.setattr(reproduce, "write_results", lambda *_: None)
    monkeypatch.setattr(reproduce, "outcomes_of", lambda its, runs, results: [
        outcomes.Outcome(label, run.seed, None, None, None, 0, 0, {})
        for label, run in outcomes.runs_of(its, runs, its.seeds) if finished(run)
    ])  # fmt: skip
    return performed, endless


def test_all_takes_the_seed_whose_row_lacks_most_and_begins_none_twice(three_rows):
    performed, _ = three_rows
    stopped = Run(Path("runs/reproduce"), experiments.EXPERIMENTS["second"].arms["two"], 2)
    stopped.log.mkdir(parents=True)
    (stopped.log / "config.json").write_text("{}")
    reproduce.main(["--all"])
    # The stopped one first of those of equal need. Shares lacking: all 1; then of one 1/2, of two 3/4, of three 0.
    assert performed == ["two2", "one0", "three3", "two0", "one1", "two1", "two3"]
    reproduce.main(["--all"])
    assert len(performed) == 7


def test_results_from_elsewhere_count_for_all(three_rows, monkeypatch):
    performed, _ = three_rows
    elsewhere = [outcomes.Outcome("two", seed, None, None, None, 0, 0, {}) for seed in (0, 1)]
    monkeypatch.setattr(reproduce, "outcomes_of", lambda its, *_: elsewhere if its.title == "Second" else [])
    reproduce.main(["--all"])
    assert performed == ["one0", "three3", "one1", "two2", "two3"]


def test_all_stops_before_its_hours_are_over_and_continues_with_the_same_seed(three_rows, capsys):
    performed, endless = three_rows
    endless.add("two0")
    begin = time.monotonic()
    with pytest.raises(SystemExit) as ended:
        reproduce.main(["--all", f"--hours={3 / 3600}"])
    assert ended.value.code == 0 and 2 < time.monotonic() - begin < 3
    assert capsys.readouterr().err == (
        f"the time is over; to continue: python -m benchmarks.reproduce --all --hours={3 / 3600}\n"
    )
    endless.clear()
    reproduce.main(["--all", "--hours=1"])
    assert performed == ["one0", "two0", "two0", "three3", "two1", "one1", "two2", "two3"]


def test_a_run_that_cannot_be_resumed_begins_only_where_it_fits(three_rows, capsys, monkeypatch):
    performed, _ = three_rows
    peer = Arm(240, ("--alg=PPO", "--env=CartPole-v1"), module=experiments.SB3)
    monkeypatch.setitem(experiments.EXPERIMENTS, "peer", Experiment("Peer", {"peer": peer}, (0,), 30, ""))
    monkeypatch.setattr(reproduce, "_absent", lambda arm: "")
    reproduce.main(["--all", "--hours=0.4"])
    assert len(performed) == 7
    assert "seed 0: left for another time, as it takes about 30 minutes in one piece\n" in capsys.readouterr().out


def test_rows_of_packages_that_are_not_installed_are_left_out_with_a_line(three_rows, capsys, monkeypatch):
    arm = Arm(240, ("--env=no_such_package:Some-v0",))
    monkeypatch.setitem(experiments.EXPERIMENTS, "theirs", Experiment("Theirs", {"single": arm}, (0,), 1, ""))
    assert arm not in [run.arm for run in reproduce.missing(Path("runs"), Path("results"))]
    assert capsys.readouterr().out == "left out, as no_such_package is not installed: no_such_package:Some-v0\n"
