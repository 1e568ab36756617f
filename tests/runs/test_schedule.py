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
from tests.helpers import POINT_REACH, TINY, rows


def test_num_timesteps_makes_whole_epochs_one_short_one_or_none():
    def planned(steps, epochs=None):  # an epoch is 5 cycles x 2 environments x 30 steps = 300
        schedule = plan(Options(num_timesteps=steps, n_epochs=epochs), 5, 60)
        return schedule.n_epochs, schedule.n_cycles

    assert planned(0)[0] == 0
    assert planned(130) == (1, 2)
    assert planned(1) == (1, 5), "where a cycle may be longer than that, episodes may be shorter"
    assert planned(950) == (3, 5)
    assert planned(None, 7)[0] == 7


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
