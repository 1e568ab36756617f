"""Checkpoints that are damaged, and disks that take no more of them."""

import os
from pathlib import Path

import pytest

from baselines import run
from baselines.storage import arrays as storage
from baselines.storage import state_files
from tests.helpers import contents, damage, refused, rows, timeless
from tests.runs.helpers import name_of_file, words


@pytest.mark.parametrize("how", ["cut", "flipped", "emptied"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before_with_a_warning(how, log, capsys):
    before = timeless(log)
    damage("log/checkpoint/9-rank0.safetensors", how)
    capsys.readouterr()
    run.main(["--resume=log"])
    assert "warning: cannot read log/checkpoint/9-rank0.safetensors" in capsys.readouterr().out
    assert timeless(log) == before and len(before) == 3


def test_damaged_checkpoints_without_a_sound_one_are_refused(log, capsys):
    for path in Path("log/checkpoint").iterdir():
        damage(path, "flipped")
    before = contents("log")
    assert "no sound checkpoint" in refused(capsys, "--resume=log")
    assert contents("log") == before


def test_a_checkpoint_of_an_unknown_format_is_passed_over(log, capsys):
    """As a version that is not written yet may leave it: sound, but with another meaning."""
    document, arrays = state_files.read("log/checkpoint", 9, 0)
    state_files.write("log/checkpoint", 9, 0, {**document, "format": "baselines state 9"}, arrays)
    before = timeless(log)
    run.main(["--resume=log"])
    assert "is not of format 'baselines state 2'; going back to the checkpoint before" in capsys.readouterr().out
    assert timeless(log) == before


@pytest.mark.parametrize("fails", ["write", "fsync", "rename"])
def test_a_checkpoint_that_cannot_be_written_leaves_the_last_one_and_training_goes_on(
    fails, monkeypatch, capsys, without_updates
):
    real_write, real_fsync, real_rename, turn = storage.save_file, os.fsync, os.replace, []

    def maybe(real, applies):
        def call(*arguments, **named):
            if applies(*arguments) and (turn.append(1) or len(turn) >= 3):
                raise OSError(28, "No space left on device")
            return real(*arguments, **named)

        return call

    if fails == "write":
        monkeypatch.setattr(storage, "save_file", maybe(real_write, lambda *_: True))
    elif fails == "fsync":
        monkeypatch.setattr(os, "fsync", maybe(real_fsync, lambda handle: "rank0" in name_of_file(handle)))
    else:
        monkeypatch.setattr(os, "replace", maybe(real_rename, lambda _, path: "rank0" in str(path)))
    run.main(words("sync", "--n_epochs=4", "--log_path=log"))
    assert "no checkpoint written (No space left on device); training goes on" in capsys.readouterr().out
    assert len(rows("log")) == 4
    assert sorted(p.name for p in Path("log/checkpoint").iterdir()) == ["3-rank0.safetensors", "6-rank0.safetensors"]
