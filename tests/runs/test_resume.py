"""A run that was stopped, in whatever way, continues as if it had not been."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from baselines import run
from baselines.common.errors import UserError
from baselines.common.mpi import Communicator
from baselines.her.ddpg import DDPG
from baselines.runs.checkpoints import read_newest
from baselines.runs.logger import Logger
from baselines.runs.record import _moved, new_run_folder
from baselines.storage import write_arrays
from tests.helpers import checkpoints, contents, points_of_tensorboard, rows, timeless
from tests.runs.helpers import KINDS, name_of_file, stop_after, words


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_stopped_in_three_places_equals_one_never_interrupted(kind, whole, monkeypatch, capsys):
    """After an epoch, between an epoch's last cycle and its evaluation, and in the middle of an epoch."""
    log, policies = whole(kind)
    run.main(words(kind, "--n_epochs=1", "--log_path=parts", "--save_path=policies"))
    for number, cycles, left in (signal.SIGINT, 2, [3, 5]), (signal.SIGTERM, 1, [6, 7]):
        capsys.readouterr()
        with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:
            stop_after(patch, cycles, number)
            run.main(["--resume=parts", "--n_epochs=4"])
        said = capsys.readouterr().err
        assert ended.value.code == 128 + number and "Traceback" not in said
        assert "to continue: python -m baselines.run --resume=parts" in said
        assert checkpoints("parts") == left  # numbered by cycles, and one more for each epoch
    assert len(rows("parts")) == 2
    run.main(["--resume=parts"])
    assert timeless("parts") == timeless(log) and len(timeless("parts")) == 4
    assert contents("policies") == contents(policies)  # to the last bit
    assert {"latest", "best", "epoch_1", "epoch_3"} == {path.stem for path in contents(policies)}
    assert len(Path("parts/progress.json").read_text().splitlines()) == 4


def test_a_second_ctrl_c_stops_at_once(monkeypatch, capsys, without_updates):
    real = DDPG.train

    def impatient(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        return real(*arguments)

    monkeypatch.setattr(DDPG, "train", impatient)
    with pytest.raises(SystemExit) as ended:
        run.main(words("sync", "--n_epochs=3", "--log_path=twice"))
    assert ended.value.code == 130 and "interrupted" in capsys.readouterr().err
    assert not Path("twice/checkpoint").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler  # as before


def test_tensorboard_has_epochs_that_had_to_be_done_again_once(without_updates):
    run.main(words("sync", "--n_epochs=3", "--checkpoint_interval=2", "--log_path=log"))
    run.main(["--resume=log", "--n_epochs=4"])  # from the second epoch on
    assert len(rows("log")) == 4
    steps = [step for step, _ in points_of_tensorboard("log")["test/success_rate"]]
    assert steps == [int(row["total/timesteps"]) for row in rows("log")]


@pytest.mark.parametrize(("interval", "kept"), [(1, [12, 15]), (2, [12, 15]), (3, [9, 15]), (0, None)])
def test_checkpoints_are_written_at_the_interval_and_the_last_two_are_kept(interval, kept, without_updates):
    run.main(words("sync", "--n_epochs=5", "--log_path=log", f"--checkpoint_interval={interval}"))
    assert (checkpoints("log") if Path("log/checkpoint").exists() else None) == kept  # an epoch has 2 cycles


def test_a_finished_run_has_nothing_left_to_do_but_can_be_given_more_with_the_same_words_as_before(log, whole):
    before = timeless(log)
    run.main(["--resume=log"])
    assert timeless(log) == before and len(before) == 3
    # 4 epochs of 120 steps. A gamma of 1 - 1 / T is what none stands for.
    same = ["--clip_return=true", f"--gamma={1 - 1 / 30}", "--norm_eps=1e-2"]
    run.main(words("sync", *same, "--resume=log", "--num_timesteps=500"))
    assert timeless(log) == timeless(whole("sync")[0])


@pytest.mark.slow
def test_a_run_killed_before_its_first_checkpoint_starts_from_its_beginning(monkeypatch, whole, cwd):
    log, _ = whole("demonstrations")
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(DDPG, "train", None)  # any death
        patch.setattr(run.sys, "excepthook", None)
        try:
            run.main(words("demonstrations", "--n_epochs=4", "--log_path=parts"))
        except TypeError:
            sys.exit(9)
    assert Path("parts/config.json").exists() and not Path("parts/checkpoint").exists()
    monkeypatch.chdir("/")  # relative paths are those of then
    run.main([f"--resume={cwd}/parts"])
    assert timeless(cwd / "parts") == timeless(log)


def test_logs_are_on_the_disk_before_a_state_that_counts_their_bytes(monkeypatch, without_updates):
    real, order = os.fsync, []
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append(name_of_file(handle)), real(handle)))
    run.main(words("sync", "--n_epochs=1", "--log_path=log"))
    state = next(i for i, name in enumerate(order) if "rank0" in name)
    assert {"log.txt", "progress.csv", "progress.json"} <= set(order[:state])
    assert any(name.startswith("events.out") for name in order[:state])


class Ranks(Communicator):
    """Answers by the type of what is gathered."""

    def __init__(self, **answers):
        self.answers = answers

    def all_gather(self, x):
        return self.answers.get(type(x).__name__, lambda x: [x])(x)


def test_a_first_checkpoint_that_not_all_workers_wrote_is_none():
    write_arrays("log/checkpoint/3-rank0.safetensors", {}, {})
    quiet = Logger(quiet=True)
    assert read_newest("log", 1, Ranks(list=lambda mine: [mine, []]), quiet) is None
    Path("log/progress.csv").write_text("epoch\n0\n1\n")
    with pytest.raises(UserError, match="logged 2 epochs but has no checkpoint of all workers"):
        read_newest("log", 1, Ranks(list=lambda mine: [mine, []]), quiet)


def test_all_ranks_log_into_the_folder_of_rank_0(monkeypatch, without_updates):
    monkeypatch.setattr("baselines.run.new_run_folder", lambda *_: "runs/a-second-later")
    ranks = Ranks(tuple=lambda mine: [("runs/rank-0s", None), mine])
    run.run(words("sync", "--n_epochs=1"), ranks)
    assert Path("runs/rank-0s/checkpoint").exists() and not Path("runs/a-second-later").exists()


@pytest.mark.parametrize(
    ("moved", "copied", "expected"),
    [(["a"], False, "b/kept"), (["a/log"], False, "a/kept"), (["a"], True, "b/kept"), ([], False, "a/kept")],
)
def test_policies_are_saved_in_the_project_that_was_moved(moved, copied, expected, cwd):
    for folder in ("a/log", "a/kept"):
        os.makedirs(folder)
    new = "a/log"
    for place in moved:
        new = "b/log"
        (shutil.copytree if copied else shutil.move)(place, place.replace("a", "b"))
    assert _moved(*map(os.path.abspath, ("a/kept", "a/log", new))) == os.path.abspath(expected)


def test_runs_that_start_in_the_same_second_have_folders_of_their_own(monkeypatch):
    monkeypatch.setattr("time.strftime", lambda *_: "20300101-000000")
    assert len({new_run_folder("her", "my.module:Arm/Left-v0", 0) for _ in range(100)}) == 100
