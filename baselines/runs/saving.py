"""The policies that a run keeps: the latest, the best, and every so many epochs one more."""

import os

from baselines.common.mpi import Communicator
from baselines.policies.policy import Agent, save_policy
from baselines.runs.logger import Logger
from baselines.runs.options import Options
from baselines.runs.state import Progress


class PolicySaver:
    """Writes to the run's `save_path`, on rank 0; without one it keeps nothing."""

    def __init__(self, options: Options, comm: Communicator, logger: Logger):
        self._path = options.save_path if comm.rank == 0 else None
        self._interval, self._logger = options.policy_save_interval, logger

    def after_epoch(self, agent: Agent, done: Progress, score: float) -> None:
        """Of the epoch after `done`. The highest `score` so far, the later of equals, is the best."""
        self.save(agent, "latest")
        if done.best is None or score >= done.best:
            self.save(agent, "best")
        if self._interval and (done.epoch + 1) % self._interval == 0:
            self.save(agent, f"epoch_{done.epoch}")

    def save(self, agent: Agent, name: str) -> None:
        """Keep the policy as it is now; training continues where it cannot be written."""
        if self._path:
            path = os.path.join(self._path, name)
            try:
                save_policy(path, agent.policy())
            except OSError as error:
                self._logger.warn(f"cannot save the policy to {path}: {error.strerror or error}; training continues")
