"""The logger of a run, under its name in OpenAI Baselines."""

from baselines.runs.logger import Logger as Logger
