"""The fixture `reader`: somebody who follows a page, and leaves nothing behind in this process."""

import os
import sys

import pytest

import baselines
from baselines.her import guide
from tests.docs.reader import Reader, short_train
from tests.helpers import ROOT


@pytest.fixture
def reader(cwd, eagerly, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):  # as on a server
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(cwd))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(cwd), str(ROOT)]))
    monkeypatch.syspath_prepend(cwd)  # as `python -m` does
    monkeypatch.setattr(baselines, "train", short_train)
    monkeypatch.setitem(guide._REACHER_SETTINGS, "n_batches", 1)
    yield Reader(cwd)
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", "")).startswith(str(cwd)):
            del sys.modules[name]
