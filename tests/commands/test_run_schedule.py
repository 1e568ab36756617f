"""How long the launcher trains, and what it says of it."""

import re
from pathlib import Path

import pytest

from baselines import run
from tests.helpers import POINT_REACH, TINY, document

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
    pattern = rf"training: {epochs} epochs x {cycles} cycles .*= {whole} steps per worker, {whole} over 1 worker"
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
