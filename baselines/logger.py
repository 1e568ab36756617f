"""Metrics to the terminal and to files: the name that users know for `baselines.runs.logger`."""

from baselines.runs.logger import Logger as Logger
