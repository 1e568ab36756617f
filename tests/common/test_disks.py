"""What can go wrong with disks and folders, and with two runs at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import baselines
from baselines.common.errors import TrainingError, UserError
from baselines.runs.logger import Logger
from tests.helpers import POINT_REACH, TINY, TINY_SETTINGS, contents, point_reach


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


SMALL_DISK = """
import os, subprocess, sys
folder = sys.argv[1]
os.makedirs(folder)
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + sys.argv[2], "tmpfs", folder], check=True)
done = subprocess.run([sys.executable, "-m", "baselines.run", *sys.argv[3:]], capture_output=True, text=True)
print(done.returncode, done.stdout, done.stderr, sep="\\n")
print("FILES", *sorted(os.listdir(folder + "/log/checkpoint")))
print(open(folder + "/log/progress.csv").read())
"""


@pytest.mark.slow
def test_training_goes_on_when_checkpoints_no_longer_fit_on_a_real_small_disk(tmp_path):
    """A tmpfs in a mount namespace of its own."""
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.fail("this test needs unshare(1) and user namespaces, or root")
    # Each epoch adds 40 episodes of 30 steps, about 50 kB; two checkpoints and a third in the making outgrow the disk.
    words = [POINT_REACH, "--num_env=20", "--n_epochs=12", "--seed=0", *TINY, "--vec_env=sync"]
    small = [sys.executable, "-c", SMALL_DISK, str(tmp_path / "disk"), "900k", *words]
    done = subprocess.run(["unshare", "-rm", *small, f"--log_path={tmp_path}/disk/log"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    code, text = done.stdout.split("\n", 1)
    assert "No space left on device" in text and "training continues" in text, text
    assert "Traceback" not in text
    assert code in ("0", "1"), text  # 1 where the metrics' files did not fit either
    _, _, table = text.partition("epoch,test/success_rate")
    for row in ("epoch,test/success_rate" + table).strip().splitlines():
        assert row.count(",") == table.splitlines()[0].count(",") + 1, "half a row"
    assert ".safetensors" in text.partition("FILES")[2]


def test_a_policy_that_cannot_be_saved_does_not_end_the_training(tmp_path, monkeypatch, capsys, eagerly):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("baselines.policies.policy.write_arrays", full)
    agent = baselines.train(env=point_reach(2), n_epochs=1, seed=0, save_path=str(tmp_path / "saved"), **TINY_SETTINGS)
    assert agent.updates == 4
    assert "cannot save the policy" in capsys.readouterr().out


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
