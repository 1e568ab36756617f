"""A folder belongs to one run: files of another are never written over. The terminal: one table an epoch."""

import itertools
import os
from pathlib import Path

import pytest

from baselines.common.errors import TrainingError, UserError
from baselines.runs.logger import Logger
from tests.docs.pages import keys_of
from tests.helpers import contents

ODD_VALUES = (-1.234e-05, 10**17, float("nan"), -1.234e-300, 3, float("-inf"))


@pytest.mark.parametrize("name", ["config.json", "progress.csv", "progress.json", "command.json", "checkpoint"])
def test_a_folder_with_files_of_a_run_or_of_a_policy_is_refused(tmp_path, name):
    (tmp_path / name).write_text("kept")
    with pytest.raises(UserError, match="holds files of another run"):
        Logger(str(tmp_path))
    assert (tmp_path / name).read_text() == "kept"


def test_a_worker_other_than_the_first_writes_nothing_and_a_logger_without_a_folder_only_prints(tmp_path, capsys):
    for logger in Logger(str(tmp_path / "log"), quiet=True), Logger():
        assert capsys.readouterr().out == ""
        logger.info("line")
        logger.warn("look")
        logger.write_json("config.json", {})
        logger.dump({"epoch": 0, "loss": 0.5}, step=1)
    printed = capsys.readouterr().out
    assert printed.startswith("line\nwarning: look\n") and "| epoch |          0 |" in printed
    assert not (tmp_path / "log").exists() and sorted(os.listdir()) == ["demos.npz", "taken"]


@pytest.fixture
def logger(tmp_path):
    """One with a row of metrics in the folder `log`."""
    logger = Logger(str(tmp_path / "log"))
    logger.dump({"epoch": 0, "x": 0.5}, step=0)
    yield logger
    logger.close()


def test_a_full_disk_leaves_no_half_row_in_progress_csv(tmp_path, logger, monkeypatch):
    before = (tmp_path / "log/progress.csv").read_bytes()
    real = os.write

    def write(handle, data):
        real(handle, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(TrainingError, match="No space left on device.*--resume="):
        logger.dump({"epoch": 1, "x": 0.25}, step=1)
    assert (tmp_path / "log/progress.csv").read_bytes() == before
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:3]))  # as a disk that is nearly full
    with pytest.raises(TrainingError, match="--resume="):
        logger.dump({"epoch": 1, "x": 0.25}, step=1)
    assert (tmp_path / "log/progress.csv").read_bytes() == before


def test_a_second_run_in_the_folder_of_one_that_runs_is_refused(tmp_path, logger):
    second = Logger(str(tmp_path / "log"), resume=True)
    with pytest.raises(UserError, match="is in use: another run writes to it"):
        second.info("line")
    second.close()
    logger.close()
    third = Logger(str(tmp_path / "log"), resume=True)
    third.info("line")
    third.close()


def test_logs_that_were_changed_are_refused_and_left_as_they_are(tmp_path, logger):
    logger.close()
    before = contents(tmp_path)
    resumed = Logger(str(tmp_path / "log"), resume=True)
    size = len(before[Path("log/progress.csv")])
    for odd in (9999, -1, True, None, 10**400, [size, 1], [size, None, 0], [size + 1, 0]):
        with pytest.raises(UserError, match="progress.csv was changed after the checkpoint: restore it"):
            resumed.truncate({"log.txt": 1, "progress.csv": odd, "progress.json": 0})
    resumed.close()
    assert contents(tmp_path) == before


def test_a_log_folder_that_vanishes_ends_the_run_with_a_clear_message(tmp_path, logger):
    for name in Path(tmp_path / "log").iterdir():
        name.unlink()
    (tmp_path / "log").rmdir()
    with pytest.raises(TrainingError, match="cannot write .*progress.csv: No such file or directory"):
        logger.dump({"epoch": 1, "x": 0.5}, step=1)


def table(capsys, metrics):
    Logger().dump(metrics, step=1)
    return capsys.readouterr().out.splitlines()


def test_the_table_fits_a_terminal_and_is_straight(capsys):
    keys = [*keys_of("docs/logs.md"), *keys_of("docs/ppo2.md")]
    assert {"stats_g/mean", "loss/explained_variance", "fps"} < {*keys}
    lines = table(capsys, dict(zip([*keys, "loss/cloning", "q_filter/passed"], itertools.cycle(ODD_VALUES))))
    assert len({len(line) for line in lines}) == 1 and len(lines[0]) <= 80
    assert not any("..." in line for line in lines)


def test_what_is_too_long_for_the_table_loses_its_middle(capsys):
    long = "my_package.my_algorithm/the mean over all of the coordinates of the second critic's gradient"
    lines = table(capsys, {"epoch": 0, long: -1.234e-05, f"{long} again": 10**300, "fps": 1.0})
    assert {len(line) for line in lines} == {80}
    assert lines[2].startswith("| my_package.my_algorithm") and "..." in lines[2] and "gradient | " in lines[2]
    assert lines[2].endswith(" -1.234e-05 |") and lines[3] != lines[2] and "again | 10000000" in lines[3]
