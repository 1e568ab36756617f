"""Curves on one axis, and groups of runs."""

import os

import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.results.logs import Curve, groups_of, on_one_axis, read_curve, selected
from tests.results.logs import write_run

pytestmark = pytest.mark.usefixtures("cwd")
STEPS, SUCCESS = "total/timesteps", "test/success_rate"


def groups(*words, x_key=STEPS):
    """Return the folders of each group by label, and the notes."""
    found, said = selected(groups_of(words), x_key)
    return {group.label: [*group.runs] for group in found}, said


# ---- one axis ----


def test_runs_of_other_spacing_are_interpolated_where_all_have_begun_and_none_has_ended():
    short, long = Curve(np.array([2.0, 4, 6]), np.array([0.0, 1, 1])), Curve(np.array([3.0, 9]), np.array([0.0, 6]))
    x, (one, other) = on_one_axis([short, long])
    assert list(x) == [3, 4, 6] and list(one) == [0.5, 1, 1] and list(other) == [0, 1, 3]


def test_runs_of_equal_spacing_keep_their_values():
    x = np.arange(5) * 0.1
    values = np.random.default_rng(0).normal(size=(3, 5))
    found, same = on_one_axis([Curve(x, y) for y in values])
    assert (found == x).all() and (same == values).all()


def test_long_runs_are_drawn_with_few_points_and_both_ends():
    x = np.arange(10_000.0)
    found, (y,) = on_one_axis([Curve(x, 2 * x)])
    assert len(found) == 200 and (found[0], found[-1]) == (0, 9999) and y == pytest.approx(2 * found)


def test_runs_without_a_common_part_are_refused():
    with pytest.raises(UserError, match="a part in common, got one from 7 and one until 3"):
        on_one_axis([Curve(np.array([1.0, 3]), np.zeros(2)), Curve(np.array([7.0, 9]), np.zeros(2))])


def test_smoothing_is_the_mean_of_rows_and_is_shown_at_the_last_of_them(tmp_path):
    folder = write_run(tmp_path / "run", [0.0, 0.3, float("nan"), 0.6, 0.9])
    x, y = read_curve(folder, STEPS, SUCCESS, smooth=3)
    assert list(x) == [400, 500] and y == pytest.approx([0.3, 0.6])
    with pytest.raises(UserError, match="has 4 rows with a number for test/success_rate, expected at least 5"):
        read_curve(folder, STEPS, SUCCESS, smooth=5)
    with pytest.raises(UserError, match="an x axis that increases, got test/success_rate"):
        read_curve(write_run(tmp_path / "other", [0.5, 0.1]), SUCCESS, STEPS)


# ---- groups ----


def test_runs_are_grouped_by_settings_and_labelled_by_those_that_differ(cwd):
    for seed in range(2):
        write_run(cwd / f"runs/a{seed}", [0, 1], settings={"batch": 256, "hidden": 8, "file": f"/{seed}/x"}, seed=seed)
        write_run(cwd / f"runs/b{seed}", [0, 1], settings={"batch": 512, "hidden": 8, "file": "/2/x"}, seed=seed)
    found, said = groups("runs")
    assert found == {"batch=256": ["runs/a0", "runs/a1"], "batch=512": ["runs/b0", "runs/b1"]}
    assert said == ["the groups differ in batch (256, 512)"]
    assert groups("runs/a0", "runs/a1") == ({"Reach-v0": ["runs/a0", "runs/a1"]}, [])


def test_as_few_settings_as_tell_the_groups_apart_are_in_the_labels(cwd):
    for name, its in {"a": (1, 1, 1), "b": (1, 2, 2), "c": (2, 1, 1), "d": (2, 2, 2)}.items():
        write_run(cwd / "runs" / name, [0, 1], settings=dict(zip(("p", "q", "r"), its, strict=True)))
    found, (said,) = groups("runs")
    assert list(found) == ["p=1, q=1", "p=1, q=2", "p=2, q=1", "p=2, q=2"]
    assert said == "the groups differ in p (1, 2), q (1, 2), r (1, 2)"


def test_a_label_makes_a_group_and_its_mixed_settings_are_told(cwd):
    write_run(cwd / "a", [0, 1], settings={"batch": 256})
    write_run(cwd / "more/b", [0, 1], settings={"batch": 512})
    found, said = groups("both=a,more")
    assert found == {"both": ["a", "more/b"]} and said == ["both: its runs differ in batch (256, 512)"]


def test_runs_without_settings_are_grouped_by_folder(cwd):
    for name in ("old/0", "old/1"):
        write_run(cwd / name, [0, 1])
    write_run(cwd / "new", [0, 1], settings={})
    found, said = groups("old", "new")
    assert found == {"old": ["old/0", "old/1"], "Reach-v0": ["new"]}
    assert said == ["old: runs without a config.json count as runs of one setting"]


def test_what_is_left_out_is_told(cwd):
    for name, rows, seed in (("a", 10, 0), ("b", 9, 1), ("again", 8, 0), ("begun", 1, 2)):
        write_run(cwd / "runs" / name, [0.5] * rows, settings={"batch": 256}, seed=seed)
    found, said = groups("x=runs")
    assert found == {"x": ["runs/a", "runs/b"]}
    assert said == [
        "x: left out runs/again: settings and seed of runs/a",
        "x: left out runs/begun: it ends at 100 of 1,000",
        "x: the mean ends at 900 with runs/b",
    ]


def test_a_slow_run_is_not_a_short_one(cwd):
    for name in "ab":
        write_run(cwd / "runs" / name, [0, 1])
    path = cwd / "runs/a/progress.csv"
    path.write_text(path.read_text().replace(",120,", ",1200,"))
    assert groups("runs", x_key="total/seconds")[0] == {"runs": ["runs/a", "runs/b"]}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("x=a", "x=b"), "the label x is given twice"),
        (("x=a,./a",), "the run a is given twice"),
        (("a", "x=link"), "the run a is given twice"),
        (("x=a,",), "got '', which has no progress.csv"),
        (("=a",), "expected LABEL=DIR,DIR,... or a folder of runs, got '=a'"),
        (("nowhere",), "expected LABEL=DIR,DIR,... or a folder of runs, got 'nowhere'"),
    ],
)
def test_a_wrong_word_is_one_line(cwd, words, said):
    for name in "ab":
        write_run(cwd / name, [0, 1])
    (cwd / "link").symlink_to("a")
    with pytest.raises(UserError, match=said.replace(".", r"\.")):
        groups(*words)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"config": 1}', "[" * 100_000, "\xff"])
def test_a_damaged_config_is_one_line(cwd, text):
    write_run(cwd / "a", [0, 1])
    (cwd / "a/config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match="cannot read a/config.json: expected the settings of a run"):
        groups("a")


def test_pipes_are_not_waited_for(cwd):
    write_run(cwd / "a", [0, 1])
    os.mkfifo(cwd / "a/config.json")
    assert groups("a")[0] == {"a": ["a"]}
    (cwd / "a/progress.csv").unlink()
    os.mkfifo(cwd / "a/progress.csv")
    with pytest.raises(UserError, match="cannot read a/progress.csv: .*it is a pipe or a device"):
        groups("a")


def test_folders_of_ones_home_are_found(cwd, monkeypatch):
    monkeypatch.setenv("HOME", str(cwd))
    write_run(cwd / "a", [0, 1])
    for word in ("x=~/a", "~/a"):
        assert list(groups(word)[0].values()) == [[str(cwd / "a")]]
