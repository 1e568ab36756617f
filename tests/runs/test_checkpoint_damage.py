"""Checkpoints that are damaged, and disks that take no more of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import baselines
from baselines import run, storage
from baselines.common.mpi import Communicator
from baselines.runs.checkpoints import read_newest
from baselines.runs.logger import Logger
from baselines.storage import read_arrays, write_arrays
from tests.helpers import POINT_REACH, TINY, TINY_SETTINGS, damage, point_reach, refused, rows, timeless
from tests.runs.helpers import name_of_file, words


@pytest.mark.parametrize("how", ["cut", "flipped", "emptied", "of a later version"])
def test_a_useless_checkpoint_falls_back_to_the_one_before_with_a_warning(how, log, capsys):
    path = "log/checkpoint/9-rank0.safetensors"
    if how == "of a later version":
        document, arrays = read_arrays(path)
        write_arrays(path, {**document, "format": "baselines state 5"}, arrays)
    else:
        damage(path, how)
    saved = read_newest("log", 1, Communicator(), Logger())
    reason = "is not of format 'baselines state 4'" if "version" in how else "it is not a .safetensors file"
    out = capsys.readouterr().out
    assert out.startswith("warning: ") and path in out and reason in out and out.count("\n") == 1
    assert out.endswith("; going back to the previous checkpoint\n") and saved.document["progress"]["epoch"] == 2
    if how == "flipped":
        before = timeless(log)
        run.main(["--resume=log"])
        assert timeless(log) == before and len(before) == 3


def test_damaged_checkpoints_without_a_sound_one_are_refused(log, capsys):
    for path in Path("log/checkpoint").iterdir():
        damage(path, "flipped")
    assert "no checkpoint that all workers can read" in refused(capsys, "--resume=log")


@pytest.mark.parametrize("fails", ["write", "fsync", "rename"])
def test_a_checkpoint_that_cannot_be_written_leaves_the_last_one_and_training_goes_on(
    fails, monkeypatch, capsys, without_updates
):
    def full(module, name, path_of):
        real = getattr(module, name)

        def call(*arguments, **named):
            if os.path.basename(path_of(*arguments)).startswith(("9-", "12-")):
                raise OSError(28, "No space left on device")
            return real(*arguments, **named)

        monkeypatch.setattr(module, name, call)

    if fails == "write":
        full(storage, "save_file", lambda arrays, path, metadata: path)
    elif fails == "fsync":
        full(os, "fsync", name_of_file)
    else:
        full(os, "replace", lambda source, target: source)
    run.main(words("sync", "--n_epochs=4", "--log_path=log"))
    assert "no checkpoint written (No space left on device); training continues" in capsys.readouterr().out
    assert len(rows("log")) == 4
    assert sorted(p.name for p in Path("log/checkpoint").iterdir()) == ["3-rank0.safetensors", "6-rank0.safetensors"]


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
