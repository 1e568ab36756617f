"""The reader of a page, who leaves nothing behind in this process."""

import os
import sys

import pytest

import baselines
from baselines.her import relay
from tests.docs.reader import Reader, short_train
from tests.helpers import ROOT


@pytest.fixture(scope="session")
def launched():
    """What mpirun was started for."""
    return []


@pytest.fixture
def reader(cwd, eagerly, no_display, launched, monkeypatch):
    monkeypatch.setenv("HOME", str(cwd))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(cwd), str(ROOT)]))
    monkeypatch.syspath_prepend(cwd)  # as `python -m` does
    monkeypatch.setattr(baselines, "train", short_train)
    monkeypatch.setitem(relay._SETTINGS, "n_batches", 1)
    yield Reader(cwd, launched)
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", "")).startswith(str(cwd)):
            del sys.modules[name]


@pytest.fixture
def no_display(monkeypatch):
    """As on a server."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
