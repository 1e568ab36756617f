"""Hindsight Experience Replay on TensorFlow 2, and a house for other algorithms."""

from baselines.api import evaluate as evaluate
from baselines.api import export as export
from baselines.api import load_policy as load_policy
from baselines.api import train as train

__version__ = "0.5.0"
