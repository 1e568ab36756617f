"""Curves, tables and comparisons of runs: `python -m baselines.plot`, `python -m baselines.compare`."""

import csv
import io

import pytest

from baselines import compare, plot
from baselines.results import drawing
from tests.commands.doors import command_refused
from tests.helpers import contents
from tests.results.logs import write_run

pytestmark = pytest.mark.usefixtures("cwd")
LEARNS = [0.0, 0.5, 0.9, 0.9, 0.9, 0.8]  # means of three: 0.47, 0.77, 0.9, 0.87


@pytest.fixture
def runs(cwd):
    """Two seeds of one setting, and three of another one that learns nothing."""
    for seed in range(2):
        write_run(cwd / f"runs/good{seed}", LEARNS, settings={"batch": 256}, seed=seed)
    for seed in range(3):
        write_run(cwd / f"runs/bad{seed}", [0.0, 0.1, 0.1 * seed, 0.0], settings={"batch": 8}, seed=seed)


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize(
    ("name", "begins"), [("c.png", b"\x89PNG"), ("c.svg", b"<?xml"), ("c.PDF", b"%PDF"), ("~/c.png", b"\x89PNG")]
)
def test_a_picture_is_written_by_its_ending_and_named(runs, cwd, monkeypatch, capsys, name, begins):
    monkeypatch.setenv("HOME", str(cwd))
    plot.main(["runs", "--output", name])
    path = cwd / name.removeprefix("~/")
    assert path.read_bytes().startswith(begins)
    said, notes = capsys.readouterr()
    assert said == f"wrote {path if '~' in name else name}\n"
    assert notes == "note: the groups differ in batch (8, 256)\n"


def test_panels_have_the_runs_in_minutes_and_say_how_they_are_smoothed(runs, monkeypatch):
    drawn = []
    monkeypatch.setattr(plot, "draw", lambda *given: drawn.append(given) or drawing.draw(*given))
    plot.main("runs --x steps minutes --y test/success_rate train/success_rate --smooth=3 --dark".split())
    (rows, title, _, kind, look) = drawn[0]
    assert (title, kind, look) == ("her on Reach-v0", "png", "dark")
    assert [[panel.x_label for panel in row] for row in rows] == [["environment steps", "minutes"]] * 2
    assert [row[0].y_label for row in rows] == [
        "success rate\nmean of 3 epochs in a row", "train/success rate\nmean of 3 epochs in a row"]  # fmt: skip
    assert list(rows[0][0].lines) == ["batch=8 (3 runs)", "batch=256 (2 runs)"]
    (x, y), _ = rows[0][1].lines["batch=256 (2 runs)"]
    assert list(x) == [3, 4, 5, 6] and y == pytest.approx([1.4 / 3, 2.3 / 3, 0.9, 2.6 / 3])


def test_pictures_are_the_same_twice_and_dark_where_asked(runs, cwd):
    for name, flags in (("a", []), ("b", []), ("c", ["--dark"])):
        plot.main(["runs", f"--output={name}.svg", *flags])
    a, b, c = ((cwd / f"{name}.svg").read_text() for name in "abc")
    assert a == b and drawing.LOOKS["dark"][1] in c and drawing.LOOKS["dark"][1] not in a


def test_labels_are_text_whatever_they_look_like(cwd):
    labels = enumerate((r"$\frac", "_hidden", "\udcff", "x" * 300))
    plot.main([*(f"{label}={write_run(cwd / str(i), [0, 1])}" for i, label in labels), "--output=c.svg"])
    assert "_hidden" in (cwd / "c.svg").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [(["runs", "--output=c.abc"], "expected a picture that ends in .png, .svg or .pdf, got 'abc'"),
     (["runs", "--output=runs"], "cannot write runs: it is a folder"),
     (["runs", "--smooth=0"], "--smooth: expected at least 1, got 0"), (["runs", "--smoth=2"], "nearest: smooth"),
     (["runs", "--y", "fps"], "has no column 'fps'; it has epoch, total/timesteps"),
     (["runs", "--table=html"], "invalid choice: 'html'")],
)  # fmt: skip
def test_a_wrong_command_is_one_line_and_writes_nothing(runs, capsys, words, said):
    assert said in command_refused(capsys, plot.main, *words)


@pytest.mark.parametrize("content", [None, b"", b"epoch\n0\n", b"\xff\xfe\x00", b"epoch,total/timesteps\n1,abc\n"])
def test_a_run_that_cannot_be_plotted_is_one_clear_error(cwd, content, capsys):
    if content is not None:
        (cwd / "progress.csv").write_bytes(content)
    command_refused(capsys, plot.main, "a=.", "--output", "curve.png")


def test_a_picture_that_cannot_be_written_leaves_the_old_one(runs, cwd, monkeypatch, capsys):
    (cwd / "c.png").write_bytes(b"old")
    before = contents(cwd)

    def full(rows, title, file, *_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(plot, "draw", full)
    with pytest.raises(SystemExit):
        plot.main(["runs", "--output=c.png"])
    assert "cannot write c.png: [Errno 28]" in capsys.readouterr().err
    assert contents(cwd) == before


def test_the_table_has_the_protocol_of_the_results(runs, cwd, capsys):
    plot.main(["runs", "--table"])
    head, _, bad, good = map(cells, capsys.readouterr().out.splitlines())
    levels = [f"{axis} to {level}" for axis in ("steps", "minutes") for level in (0.5, 0.9, 0.95)]
    assert head == ["group", "runs", *levels, "share below 0.9 after it", "lowest after 0.9", "at the end"]
    assert bad == ["batch=8", "3", *["never"] * 6, "-", "-", "0.06667 (0.03333 to 0.1)"]
    assert good[:4] == ["batch=256", "2", "400 (400 to 400)", "500 (500 to 500)"]
    assert good[4:8] == ["never", "4.0 (4.0 to 4.0)", "5.0 (5.0 to 5.0)", "never"]
    assert good[8:] == ["0.3333 (0.3333 to 0.3333)", "0.8", "0.8667 (0.8667 to 0.8667)"]
    assert not (cwd / "curves.png").exists()


def test_the_table_as_csv_has_plain_numbers(runs, cwd, capsys):
    plot.main(["--table=csv", "runs", "--levels", "0.5", "--output=c.png"])
    said, notes = capsys.readouterr()
    bad, good = csv.DictReader(io.StringIO(said))
    assert good["steps to 0.5"] == "400" and good["steps to 0.5, high"] == "400" and bad["steps to 0.5"] == "inf"
    assert float(bad["at the end, low"]) == pytest.approx(1 / 30, rel=1e-5) and notes.startswith("wrote c.png\n")


def test_a_column_that_is_no_success_rate_has_levels_only_if_they_are_given(runs, capsys):
    plot.main(["runs", "--table", "--y", "epoch"])
    plot.main(["runs", "--table", "--y", "epoch", "--levels", "2"])
    heads = [cells(line) for line in capsys.readouterr().out.splitlines() if "group" in line]
    assert heads[0] == ["group", "runs", "at the end"] and "steps to 2" in heads[1]


def test_a_difference_counts_where_its_interval_leaves_out_zero(runs, capsys):
    compare.main(["good=runs/good0,runs/good1", "bad=runs/bad0,runs/bad1,runs/bad2"])
    said, notes = capsys.readouterr()
    head, _, end, mean, soon, *_ = map(cells, said.splitlines())
    assert head == ["test/success_rate", "good (2 runs)", "bad (3 runs)", "first - second", ""]
    assert end[0] == "at the end" and end[3:] == ["0.8 (0.7667 to 0.8333)", "good is higher"]
    # Areas over 300 steps: 0.25 + 0.7 + 0.9; and 0.1, 0.2 and 0.3 without the ends, which are 0.
    assert mean[:2] == ["mean until 400 steps", "0.6167 (0.6167 to 0.6167)"] and mean[3].startswith("0.55 (")
    assert soon == ["steps to 0.5", "400 (400 to 400)", "never", "-", "unknown: not all runs have it"]
    assert notes.splitlines() == ["note: the groups differ in batch (256, 8)",
                                  "note: intervals of fewer than 5 runs are too narrow"]  # fmt: skip


def test_equal_groups_show_no_difference_and_single_runs_none_either(cwd, capsys):
    for group in "ab":
        for seed in range(5):
            write_run(cwd / group / str(seed), [0.1 * seed, 0.5, 0.1 * seed], settings={}, seed=seed)
    compare.main(["a", "b"])
    assert all(cells(line)[-1] == "no difference is shown" for line in capsys.readouterr().out.splitlines()[2:4])
    compare.main(["a/0", "b/1"])
    assert "unknown: one run is too few" in capsys.readouterr().out
