"""The policies that a run saves: the latest, the best, and one after every few epochs."""

import os

from baselines.common.errors import UserError
from baselines.common.mpi import Communicator
from baselines.policies.policy import Agent, save_policy
from baselines.runs.logger import Logger
from baselines.runs.options import Options
from baselines.runs.state import Progress


class PolicySaver:
    """The policies in the run's `save_path`, written by rank 0; without a `save_path` there are none."""

    def __init__(self, options: Options, comm: Communicator, logger: Logger):
        self._path = options.save_path if comm.rank == 0 else None
        self._interval, self._logger = options.policy_save_interval, logger

    def after_epoch(self, agent: Agent, done: Progress, score: float) -> None:
        """Save the policies of the epoch after `done`; the best has the highest `score` so far, the later of equals."""
        self.save(agent, "latest")
        if done.best is None or score >= done.best:
            self.save(agent, "best")
        if self._interval and (done.epoch + 1) % self._interval == 0:
            self.save(agent, f"epoch_{done.epoch}")

    def save(self, agent: Agent, name: str) -> None:
        """Save the policy as it is now; training continues where it cannot be written."""
        if self._path:
            try:
                save_policy(os.path.join(self._path, name), agent.policy())
            except UserError as error:
                self._logger.warn(f"{error}; training continues")
