"""Checkpoints that are damaged, and disks that take no more of them."""

import os
from pathlib import Path

import pytest

from baselines import run, storage
from baselines.common.mpi import Communicator
from baselines.runs.checkpoints import read_newest
from baselines.runs.logger import Logger
from baselines.storage import read_arrays, write_arrays
from tests.helpers import damage, refused, rows, timeless
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
