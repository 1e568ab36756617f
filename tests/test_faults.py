"""What can go wrong around a run: environments, disks, folders, and two runs at once."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from baselines import run
from baselines.common.errors import TrainingError, UserError
from baselines.common.logger import Logger
from baselines.common.storage import files
from baselines.her.her import learn
from tests.test_launcher import POINT_REACH, TINY, TINY_SETTINGS, cwd, refused, rows  # noqa: F401
from tests.test_learning import make_vec_env

TWO = ["--num_env=2", "--n_epochs=1", *TINY]


def faulty(kind):
    return f"--env=tests.environments:PointReach-{kind}-v0"


# ---- environments ----


@pytest.mark.parametrize("back_end", ["sync", "async"])
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("raise", ["environment 0", "ValueError: the robot is on fire", "point_reach.py, line", "step 5"]),
        ("shape", ["environment 0", "'observation' has shape (1,), not (2,)", "step 5"]),
        ("nan", ["environment 0", "NaN", "step 5"]),
    ],
)
def test_a_faulty_environment_ends_the_run_with_its_index_and_step(cwd, capsys, back_end, fault, words):  # noqa: F811
    line = refused(capsys, faulty(fault), f"--vec_env={back_end}", *TWO, code=1)
    for word in words:
        # With processes the last of those that failed is told.
        assert word in line.replace("environment 1", "environment 0"), line


def test_an_environment_that_hangs_ends_the_run_after_the_timeout(cwd, capsys):  # noqa: F811
    line = refused(capsys, faulty("hang"), "--vec_env=async", "--step_timeout=10", *TWO, code=1)
    assert "environment 0 did not answer within 10 s" in line


def test_a_timeout_that_is_long_enough_changes_nothing(cwd):  # noqa: F811
    for log, more in (("a", []), ("b", ["--step_timeout=100"])):
        run.main([POINT_REACH, "--vec_env=async", "--seed=0", f"--log_path={log}", *TWO, *more])
    timeless = [[{k: v for k, v in r.items() if k in RESULTS} for r in rows(log)] for log in "ab"]
    assert timeless[0] == timeless[1]


RESULTS = ("test/success_rate", "test/mean_Q", "train/success_rate", "loss/critic", "loss/actor", "stats_o/mean")


@pytest.mark.parametrize("back_end", ["sync", "envpool"])
def test_a_timeout_without_processes_is_refused(cwd, capsys, back_end):  # noqa: F811
    line = refused(capsys, "--env=FetchReach-v1", f"--vec_env={back_end}", "--step_timeout=5")
    assert "--vec_env=async" in line


def test_a_process_that_dies_ends_the_run_with_its_environments_index(cwd, capsys):  # noqa: F811
    line = refused(capsys, faulty("die"), "--vec_env=async", *TWO, code=1)
    assert "the process of environment" in line and "died" in line


# ---- disks and folders ----


@pytest.fixture
def full_disk(monkeypatch):
    """Fills the disk: `full_disk("progress.csv")` for one file, and so on."""
    names = []
    real_open, real_write = os.open, os.write
    handles = {}

    def opened(path, *arguments, **named):
        handle = real_open(path, *arguments, **named)
        handles[handle] = os.path.basename(os.fspath(path)) if not isinstance(path, int) else ""
        return handle

    def write(handle, data):
        if any(name in handles.get(handle, "") for name in names):
            real_write(handle, data[: len(data) // 2])
            raise OSError(28, "No space left on device")
        return real_write(handle, data)

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "write", write)
    return names.append


def test_a_full_disk_leaves_no_half_row_in_progress_csv(tmp_path, full_disk):
    logger = Logger(str(tmp_path))
    logger.dump({"epoch": 0, "x": 0.5}, step=0)
    before = (tmp_path / "progress.csv").read_bytes()
    full_disk("progress.csv")
    with pytest.raises(TrainingError, match="No space left on device.*--resume="):
        logger.dump({"epoch": 1, "x": 0.25}, step=1)
    assert (tmp_path / "progress.csv").read_bytes() == before


def test_append_whole_is_all_or_nothing_when_the_disk_takes_only_a_part(tmp_path, monkeypatch):
    path = tmp_path / "file"
    files.append_whole(str(path), b"first\n")
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:3]))
    with pytest.raises(OSError):
        files.append_whole(str(path), b"second\n")
    assert path.read_bytes() == b"first\n"


SMALL_DISK = """
import os, subprocess, sys
folder = sys.argv[1]
os.makedirs(folder)
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + sys.argv[2], "tmpfs", folder], check=True)
done = subprocess.run([sys.executable, "-m", "baselines.run", *sys.argv[3:]], capture_output=True, text=True)
print(done.returncode, done.stdout, done.stderr, sep="\\n")
again = subprocess.run([sys.executable, "-m", "baselines.run", "--resume=" + folder + "/log", "--n_epochs=1"],
                       capture_output=True, text=True)
print("RESUMED", again.returncode, again.stderr)
print("FILES", *sorted(os.listdir(folder + "/log/checkpoint")))
print(open(folder + "/log/progress.csv").read())
"""


@pytest.mark.slow
def test_training_goes_on_when_checkpoints_no_longer_fit_on_a_real_small_disk(tmp_path):
    """A tmpfs in a mount namespace of its own."""
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.fail("this test needs unshare(1) and user namespaces, or root")
    # Each epoch adds 40 episodes of 30 steps, about 50 kB; two checkpoints and a third in the making outgrow the disk.
    words = [POINT_REACH, "--num_env=20", "--n_epochs=12", "--n_cycles=2", "--seed=0", *TINY[1:], "--vec_env=sync"]
    small = [sys.executable, "-c", SMALL_DISK, str(tmp_path / "disk"), "900k", *words]
    done = subprocess.run(["unshare", "-rm", *small, f"--log_path={tmp_path}/disk/log"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    code, text = done.stdout.split("\n", 1)
    assert "no checkpoint written (No space left on device); training goes on" in text, text
    assert "Traceback" not in text
    assert code in ("0", "1"), text  # 1 where the metrics' files did not fit either
    _, _, table = text.partition("epoch,test/success_rate")
    for row in ("epoch,test/success_rate" + table).strip().splitlines():
        assert row.count(",") == table.splitlines()[0].count(",") + 1, "half a row"
    assert ".npz" in text.partition("FILES")[2] and "cannot read" not in text


def test_a_policy_that_cannot_be_saved_does_not_end_the_training(tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("baselines.her.her.save_policy", full)
    env = make_vec_env("tests.environments:PointReach-v0", 2, [0, 1], "sync")
    agent = learn(env=env, n_epochs=1, seed=0, save_path=str(tmp_path / "policies"), logger=Logger(), **TINY_SETTINGS)
    assert agent.updates == 4
    assert "cannot save the policy" in capsys.readouterr().out


def test_two_runs_into_one_folder_the_second_is_refused(tmp_path):
    first = Logger(str(tmp_path / "log"))
    first.info("hello")
    with pytest.raises(UserError, match="holds files of another run"):
        Logger(str(tmp_path / "log"))
    second = Logger(str(tmp_path / "log"), resume=True)
    with pytest.raises(UserError, match="is in use: another run writes to it"):
        second.open()
    first.close()
    Logger(str(tmp_path / "log"), resume=True).open()


def test_logs_that_were_changed_are_refused_and_left_as_they_are(tmp_path):
    logger = Logger(str(tmp_path))
    logger.dump({"epoch": 0, "x": 0.5}, step=0)
    logger.close()
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(UserError, match="progress.csv has .* bytes, but 9999"):
        Logger(str(tmp_path), resume=True).go_on_from({"log.txt": 1, "progress.csv": 9999})
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_log_folder_that_vanishes_ends_the_run_with_a_clear_message(tmp_path):
    logger = Logger(str(tmp_path / "log"))
    logger.dump({"epoch": 0, "x": 0.5}, step=0)
    for name in Path(tmp_path / "log").iterdir():
        name.unlink()
    (tmp_path / "log").rmdir()
    with pytest.raises(TrainingError, match="cannot write .*progress.csv: No such file or directory"):
        logger.dump({"epoch": 1, "x": 0.5}, step=1)


# ---- 24 hours in miniature ----


@pytest.mark.slow
def test_2000_cycles_leak_neither_memory_nor_files_nor_threads(tmp_path, monkeypatch):
    """A buffer of 100 episodes is full long before the first look."""
    seen = []
    real = Logger.dump

    def dump(self, metrics, step):
        real(self, metrics, step)
        seen.append((_resident(), len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))))

    monkeypatch.setattr(Logger, "dump", dump)
    env = make_vec_env("tests.environments:PointReach-v0", 2, [0, 1], "sync")
    logger = Logger(str(tmp_path / "log"))
    learn(env=env, n_epochs=40, n_cycles=50, buffer_size=3000, n_batches=2, batch_size=16, hidden=8, layers=1,
          n_test_rollouts=1, seed=0, logger=logger)  # fmt: skip
    memory, handles, threads = np.array(seen[10:]).T  # 500 cycles to warm up
    assert len(seen) == 40
    assert memory.max() <= 1.02 * memory[0], memory
    assert handles.max() == handles[0] and threads.max() == threads[0]


def _resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
