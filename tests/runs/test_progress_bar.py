"""The progress bar, and what --quiet leaves."""

import re
import sys

import pytest

import baselines
from baselines import run
from baselines.runs import progress_bar
from baselines.runs.progress_bar import bar_over, remaining
from baselines.runs.schedule import Schedule
from baselines.runs.state import Progress
from tests.helpers import POINT_REACH, TINY, rows

SCHEDULE = Schedule(n_epochs=4, n_cycles=5, steps_per_cycle=100)


@pytest.mark.parametrize(
    ("epoch", "cycle", "seconds", "expected"),
    [(1, 0, 30, "01:30"), (0, 1, 10, "03:10"), (3, 5, 99, "00:00"), (0, 1, 1000, "5:16:40"), (0, 0, 0, "?")],
)
def test_what_is_left_follows_from_what_it_took_so_far(epoch, cycle, seconds, expected):
    assert remaining(SCHEDULE, Progress(epoch, cycle, seconds=seconds)) == expected


def test_all_cycles_that_are_left_come_whether_someone_watches_or_not(monkeypatch, capsys):
    progress = Progress(epoch=1, cycle=2, seconds=60)

    def cycles(wanted):
        for cycle in bar_over(SCHEDULE, lambda: progress, wanted):
            yield cycle
            progress.cycle = cycle + 1
        progress.cycle = 2

    assert list(cycles(True)) == [2, 3, 4] and capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress_bar, "tqdm", lambda **how: _at_once(how))
    assert list(cycles(False)) == [2, 3, 4] and capsys.readouterr().err == ""
    assert list(cycles(True)) == [2, 3, 4]
    said = capsys.readouterr().err
    assert "epoch 1" in said and re.search(r"500/500 .*steps/s, run 01:00 left", said.replace("k", ""))


def _at_once(how):
    from tqdm import tqdm

    return tqdm(mininterval=0, file=sys.stderr, ncols=100, **{k: v for k, v in how.items() if k != "dynamic_ncols"})


def test_quiet_prints_warnings_alone_and_the_folder_has_all(cwd, capsys):
    words = [POINT_REACH, "--n_epochs=2", "--seed=0", *TINY]
    run.main([*words, "--log_path=loud"])
    loud = capsys.readouterr().out
    run.main([*words, "--log_path=still", "--quiet"])
    assert loud and capsys.readouterr().out == ""
    assert len(rows("still")) == 2
    text = (cwd / "still" / "log.txt").read_text()
    assert text.count("| test/success_rate") == 2 and "environments: " in text
    baselines.train(env=POINT_REACH.removeprefix("--env="), n_epochs=0, seed=0, quiet=True)
    assert capsys.readouterr().out.count("warning: ") == 1
