"""Hindsight Experience Replay on TensorFlow 2, and a framework for other algorithms."""

from baselines.api import evaluate_policy as evaluate_policy
from baselines.api import export_policy as export_policy
from baselines.api import load_policy as load_policy
from baselines.api import train as train
from baselines.learning import quiet as _quiet  # noqa: F401 (it notes from now on where the process is forked)

__version__ = "0.5.0"
