"""Learning curves: `python -m baselines.plot`."""

import csv

import pytest

from baselines import plot as plotting


def write_run(folder, values):
    folder.mkdir()
    with open(folder / "progress.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "total/timesteps", "test/success_rate"])
        writer.writerows([i, 100 * (i + 1), v] for i, v in enumerate(values))
    return str(folder)


def test_a_curve_is_the_median_and_the_quartiles_of_its_seeds(tmp_path):
    folders = [write_run(tmp_path / str(i), [v, 1.0, 0.5][: 3 - (i == 0)]) for i, v in enumerate((0.0, 0.1, 0.4))]
    x, (low, median, high) = plotting.quartiles(folders, "total/timesteps", "test/success_rate")
    assert list(x) == [100, 200]  # the shortest run has two epochs
    assert (low[0], median[0], high[0]) == pytest.approx((0.05, 0.1, 0.25))


def test_the_plotter_writes_a_picture(tmp_path):
    plotting.main([f"a={write_run(tmp_path / 'a', [0, 0.5, 1])}", "--output", str(tmp_path / "curve.png")])
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_of_an_unknown_kind_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        plotting.main([f"a={write_run(tmp_path / 'a', [0, 1])}", f"--output={tmp_path / 'curve.abc'}"])
    assert ended.value.code == 2 and capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("content", [None, b"", b"epoch\n0\n", b"\xff\xfe\x00", b"epoch,test/success_rate\n1,abc\n"])
def test_a_run_that_cannot_be_plotted_is_one_clear_error(tmp_path, content, capsys):
    if content is not None:
        (tmp_path / "progress.csv").write_bytes(content)
    with pytest.raises(SystemExit) as ended:
        plotting.main([f"a={tmp_path}", "--output", str(tmp_path / "curve.png")])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert not (tmp_path / "curve.png").exists()
