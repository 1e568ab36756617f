"""A folder belongs to one run: files of another are never written over."""

import contextlib

import pytest

from baselines.common.errors import UserError
from baselines.common.logger import Logger


@pytest.mark.parametrize("name", ["config.json", "progress.csv", "progress.json", "command.json", "checkpoint"])
def test_a_folder_with_files_of_a_run_or_of_a_policy_is_refused(tmp_path, name):
    (tmp_path / name).write_text("kept")
    with pytest.raises(UserError, match="holds files of another run"):
        Logger(str(tmp_path))
    assert (tmp_path / name).read_text() == "kept"


def test_two_runs_into_one_folder_are_refused(tmp_path):
    with contextlib.closing(Logger(str(tmp_path))) as logger:
        logger.info("first")
    before = (tmp_path / "log.txt").read_bytes()
    with pytest.raises(UserError, match="holds files of another run"):
        Logger(str(tmp_path)).info("second")
    assert (tmp_path / "log.txt").read_bytes() == before


def test_a_worker_other_than_the_first_writes_nothing(tmp_path, capsys):
    logger = Logger(str(tmp_path / "log"), quiet=True)
    logger.info("line")
    logger.write_json("config.json", {})
    logger.dump({"epoch": 0}, step=1)
    assert not (tmp_path / "log").exists() and capsys.readouterr().out == ""
    assert logger.shared_folder == str(tmp_path / "log") and logger.folder is None


def test_a_logger_without_a_folder_only_prints(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    logger = Logger()
    logger.info("line")
    logger.warn("look")
    logger.write_json("config.json", {})
    logger.dump({"epoch": 0, "loss": 0.5}, step=1)
    printed = capsys.readouterr().out
    assert printed.startswith("line\nwarning: look\n") and "| epoch |          0 |" in printed
    assert list(tmp_path.iterdir()) == []
