"""How long is trained, the progress bar, and what --quiet leaves."""

import functools
import re
import sys
from pathlib import Path

import pytest
from tqdm import tqdm

from baselines import run
from baselines.envs.base import evaluation_size
from baselines.runs.options import Options
from baselines.runs.schedule import Schedule, plan, time_left
from baselines.runs.state import Progress
from tests.helpers import POINT_REACH, TINY, document, rows

SCHEDULES = {  # PointReach has 30 steps, so that an epoch of 2 cycles has 60 of one environment
    "three epochs": (["--num_timesteps=180"], (3, 2, 30)),
    "default": ([], (16666, 2, 30)),
    "epochs": (["--n_epochs=4"], (4, 2, 30)),
    "two environments": (["--num_timesteps=250", "--num_env=2", "--vec_env=sync"], (2, 2, 60)),
    "one shortened epoch": (["--num_timesteps=59"], (1, 1, 30)),
}


@pytest.mark.parametrize(("argv", "schedule"), SCHEDULES.values(), ids=SCHEDULES)
def test_the_schedule_is_printed_and_kept(argv, schedule, cwd, capsys, untrained):
    run.main([POINT_REACH, *TINY, "--log_path=log", *argv])
    printed = capsys.readouterr().out
    epochs, cycles, steps = schedule
    whole = epochs * cycles * steps
    lengths = {"n_epochs": epochs, "n_cycles": cycles, "steps_per_cycle": steps}
    assert document("log")["schedule"] == {**lengths, "n_steps": None if "--n_epochs=4" in argv else whole}
    pattern = rf"training: {epochs} epochs? x {cycles} cycles? .*= {whole} steps per worker, {whole} over 1 worker"
    assert re.search(pattern, printed)
    assert ("shortened" in printed) == (cycles == 1)
    if "--num_timesteps=59" in argv:
        (line,) = [line for line in printed.splitlines() if "shortened" in line]
        assert "59 steps" in line and "60" in line
    assert Path("log/log.txt").read_text() in printed


@pytest.mark.parametrize("nothing", ["--num_timesteps=0", "--n_epochs=0"])
def test_nothing_is_trained_where_nothing_is_asked_for(nothing, cwd, capsys, monkeypatch):
    monkeypatch.setattr("baselines.her.ddpg.DDPG.train", None)  # a call would fail
    monkeypatch.setattr("baselines.her.train.evaluate", None)
    run.main([POINT_REACH, *TINY, nothing, "--save_path=policies", "--log_path=log"])
    assert "training: none" in capsys.readouterr().out
    assert not Path("log/progress.csv").exists()
    assert Path("policies/latest.safetensors").exists()


def test_a_run_of_fewer_steps_than_a_cycle_may_have_is_one_epoch():
    schedule = plan(Options(num_timesteps=1), 5, 60)  # episodes may be shorter
    assert (schedule.n_epochs, schedule.n_cycles, schedule.n_steps) == (1, 5, 1)


@pytest.mark.parametrize("episodes, most, size", [(10, 16, 10), (20, 16, 10), (380, 38, 38), (7, 3, 1), (1, 8, 1)])
def test_evaluation_runs_in_full_rounds(episodes, most, size):
    assert evaluation_size(episodes, most) == size


@pytest.mark.parametrize(
    ("epoch", "cycle", "seconds", "expected"),
    [(1, 0, 30, "0:01:30"), (0, 1, 10, "0:03:10"), (3, 5, 99, "0:00:00"), (0, 1, 1000, "5:16:40")],
)
def test_what_is_left_follows_from_what_it_took_so_far(epoch, cycle, seconds, expected):
    done = Progress(epoch, cycle)
    assert time_left(Schedule(4, 5, 100).share(done, 0), seconds) == expected
    assert time_left(Schedule(4, 5, 100, 2000).share(done, (epoch * 5 + cycle) * 100), seconds) == expected


def test_quiet_prints_warnings_only_and_shows_no_bar_and_the_folder_has_all(monkeypatch, capsys, without_updates):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("baselines.runs.run.tqdm", functools.partial(tqdm, mininterval=0))
    words = [POINT_REACH, "--n_epochs=2", "--seed=0", *TINY]
    run.main([*words, "--log_path=loud"])
    printed, bar = capsys.readouterr()
    assert "| epoch " in printed and re.search(r"epoch 1 of 2: .*0:00:0\d left", bar)
    run.main([*words, "--log_path=still", "--quiet"])
    assert capsys.readouterr() == ("", "")
    assert len(rows("still")) == 2
    text = Path("still/log.txt").read_text()
    assert text.count("| test/success_rate") == 2 and "environments: " in text
    run.main([POINT_REACH, "--n_epochs=0", "--quiet"])
    assert capsys.readouterr().out.startswith("warning: this policy was never trained")
