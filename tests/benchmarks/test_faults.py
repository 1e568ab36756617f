"""The campaign of faults finds what it should find, and can go on."""

import csv
import errno
import os
import subprocess
import sys

import pytest

from benchmarks.faults import FIELDS, table
from benchmarks.faulty import Disk
from tests.helpers import ROOT


def attempt(seed, outcome, why=""):
    return dict(seed=str(seed), command="HER", fault="EIO", moment="call 3", outcome=outcome, why=why)


def test_the_table_counts_and_names_those_that_were_lost():
    lines = table([attempt(0, "held"), attempt(1, "lost", "other numbers"), attempt(2, "missed")]).splitlines()
    assert lines[2:4] == ["| EIO | 2 | 1 | 1 |", "| all | 2 | 1 | 1 |"]
    assert lines[-1] == "- seed 1: HER, EIO, call 3: other numbers"


@pytest.mark.parametrize("lasts", [False, True])
@pytest.mark.parametrize("fault", ["ENOSPC", "EIO", "short write"])
def test_the_nth_call_to_the_disk_fails(fault, lasts, cwd, monkeypatch):
    for module, names in (
        (os, ("open", "mkdir", "fsync", "replace", "rename", "write")),
        (__import__("io"), ("open",)),
    ):
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name))  # which Disk replaces
    monkeypatch.setattr("builtins.open", open)
    monkeypatch.setattr("baselines.storage.save_file", None)
    disk, failed = Disk(str(cwd), 4, fault, lasts), []
    for name in ("a", "b", "c"):  # two calls each, open and write, and after a short write another one
        try:
            with open(name, "wb") as file:
                file.write(b"four")
        except OSError as error:
            assert error.errno == (errno.EIO if fault == "EIO" else errno.ENOSPC)
            failed.append(name)
    short = fault == "short write"
    assert failed == ["b"] * (lasts or not short) + ["c"] * lasts
    assert disk.calls == 6 - lasts + short


@pytest.mark.slow
def test_a_later_call_goes_on_with_the_next_seed(cwd):
    folder, row = cwd / "faults", attempt(0, "held")
    folder.mkdir()
    (folder / "attempts.csv").write_text("\n".join([",".join(FIELDS), ",".join(row.get(k, "") for k in FIELDS), ""]))
    command = [sys.executable, "-m", "benchmarks.faults", "--minutes=0", f"--folder={folder}"]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    with open(folder / "attempts.csv") as file:
        assert [(row["seed"], row["outcome"]) for row in csv.DictReader(file)] == [("0", "held"), ("1", "held")]
    assert "| all | 2 | 2 | 0 |" in (folder / "table.md").read_text()
