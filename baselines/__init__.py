"""Hindsight Experience Replay on TensorFlow 2, and a framework for other algorithms."""

import os as _os
import sys as _sys

from baselines.api import evaluate_policy as evaluate_policy
from baselines.api import export_policy as export_policy
from baselines.api import load_policy as load_policy
from baselines.api import train as train

__version__ = "0.5.0"


def _after_fork() -> None:
    if "tensorflow" in _sys.modules:
        from baselines.learning.quiet import note_fork

        note_fork()


if hasattr(_os, "register_at_fork"):  # not on Windows
    _os.register_at_fork(after_in_child=_after_fork)
