"""Metrics to the terminal and to files: the name that users know for `baselines.common.logger`."""

from baselines.common.logger import Logger as Logger
