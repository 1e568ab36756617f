"""Log folders of strangers, and logs that have changed since their checkpoint."""

import json
import os
import shutil
from pathlib import Path

import pytest

from baselines import run
from baselines.storage import checksum, read_arrays
from tests.helpers import contents, refused, rows


def link(path):
    shutil.move(path, "elsewhere")
    os.symlink(os.path.abspath("elsewhere"), path)


def hard_link(path):
    os.link(path, "elsewhere")


def dangling_link(path):
    os.symlink("nowhere", path)


def pipe(path):
    os.unlink(path)
    os.mkfifo(path)


@pytest.mark.parametrize("name, way", [
    ("log.txt", link), ("progress.csv", link), ("progress.csv", hard_link), ("progress.json", pipe),
    ("config.json", link), ("config.json", pipe), ("checkpoint", link),
    ("checkpoint/9-rank0.safetensors", link), ("wandb", dangling_link),
])  # fmt: skip
def test_what_leads_out_of_a_folder_is_refused_before_anything_is_opened(name, way, log, capsys):
    way(f"log/{name}")
    assert f"log/{name} is a link, a pipe or a device" in refused(capsys, "--resume=log", "--n_epochs=5")


def test_links_of_wandb_itself_are_left_alone(log, untrained):
    os.makedirs("log/wandb/run-1")
    os.symlink("run-1", "log/wandb/latest-run")
    run.main(["--resume=log", "--n_epochs=4"])


def edit(path, old, new):
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new, 1))


def another_runs_record(name, value):
    """With a checksum of its own."""
    document = json.loads(Path("log/config.json").read_text())
    document["config"][name] = value
    del document["crc32"]
    Path("log/config.json").write_text(json.dumps({**document, "crc32": checksum(document)}))


CHANGED = {
    "a digit of a row": (lambda: edit("log/progress.csv", "\n1,", "\n7,"), "log/progress.csv was changed"),
    "a letter of the header": (lambda: edit("log/progress.csv", "epoch", "epokh"), "log/progress.csv was changed"),
    "a row of JSON": (lambda: edit("log/progress.json", '"epoch": 1', '"epoch": 2'), "log/progress.json was changed"),
    "rows that are a folder": (lambda: (os.unlink("log/progress.csv"), os.mkdir("log/progress.csv")), "Is a directory"),
    "a setting": (lambda: edit("log/config.json", '"n_batches": 2', '"n_batches": 3'), "config.json: it was changed"),
    "the length": (lambda: edit("log/config.json", '"n_epochs": 3', '"n_epochs": 8'), "config.json: it was changed"),
    "another record": (lambda: another_runs_record("polyak", 0.5), "it was started with polyak=0.95, not 0.5"),
}


@pytest.mark.parametrize("name", CHANGED)
def test_what_was_changed_after_the_checkpoint_is_told(name, log, capsys):
    change, line = CHANGED[name]
    change()
    assert line in refused(capsys, "--resume=log", "--n_epochs=5")


def test_logs_that_are_gone_and_what_a_killed_process_left_behind(log, capsys, without_updates):
    for name in ("progress.csv", "log.txt"):
        os.unlink(f"log/{name}")
    for folder in ("log", "log/checkpoint"):
        os.mkdir(f"{folder}/.unfinished.x")
        Path(folder, ".unfinished.x", "12-rank0.safetensors").write_text("half")
    run.main(["--resume=log", "--n_epochs=4"])
    said = capsys.readouterr().out
    assert "progress.csv is gone: a new one begins" in said and "log.txt was changed after the checkpoint" in said
    assert [row["epoch"] for row in rows("log")] == ["3"]
    assert not [name for name in contents("log") if ".unfinished" in str(name)]
    document, _ = read_arrays("log/checkpoint/12-rank0.safetensors")
    assert document["positions"]["progress.csv"][0] == os.path.getsize("log/progress.csv")


def test_a_run_of_version_0_5_0_can_be_resumed(log, without_updates, monkeypatch):
    """Without checksums."""
    document = json.loads(Path("log/config.json").read_text())
    del document["crc32"]
    Path("log/config.json").write_text(json.dumps(document))
    real = read_arrays

    def old(path):
        document, arrays = real(path)
        del document["settings"]
        return {**document, "positions": {name: size for name, (size, _) in document["positions"].items()}}, arrays

    monkeypatch.setattr("baselines.runs.checkpoints.read_arrays", old)
    run.main(["--resume=log", "--n_epochs=4"])
    assert len(rows("log")) == 4
