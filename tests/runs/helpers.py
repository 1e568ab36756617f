"""Runs that are stopped and resumed, and ways to stop them."""

import os
import signal
import subprocess
import time
from pathlib import Path

from baselines.her.ddpg import DDPG
from tests.helpers import POINT_PUSH_ID, POINT_REACH, TINY, mpirun_command

SYNC = [POINT_REACH, "--num_env=2", "--vec_env=sync"]
ENVPOOL = ["--env=FetchPush-v1", "--num_env=2", "--replay_priority=movement", "--target_interval=1"]
HELD = ["--preset=single", "--random_hold=5"]
RELAY = ["--relay_effector=0:2", "--guide_eps=0.8"]
KINDS = {
    "sync": SYNC,
    "async": [POINT_REACH, "--num_env=2", "--vec_env=async"],
    "envpool": ENVPOOL,
    "demonstrations": [*SYNC, "--demo_file=demos.npz", "--demo_batch_size=4", "--batch_size=32"],
    "a small buffer": [*SYNC, "--buffer_size=100"],
    "episodes that end early": ["--env=tests.environments:PointReach-end-v0", "--num_env=2", "--vec_env=sync"],
    "held actions and a fitted guide": ["--env=FetchPush-v1", "--num_env=2", *HELD],
    "held actions and a relay": [f"--env={POINT_PUSH_ID}", "--num_env=2", "--vec_env=sync", *HELD, *RELAY],
}
# For processes that are stopped while they train: 20 epochs of about a tenth of a second.
LONGER = [*SYNC, "--seed=0", "--n_epochs=20", "--n_cycles=12", "--n_batches=2", "--batch_size=16", "--hidden=8",
          "--layers=1", "--n_test_rollouts=1"]  # fmt: skip


def words(kind, *more):
    """The command line of a small run of one of KINDS."""
    return [*TINY, "--seed=0", "--policy_save_interval=2", *KINDS[kind], *more]


def stop_after(monkeypatch, cycles, number=signal.SIGTERM):
    """Send this process a signal in the middle of that cycle."""
    real, trained = DDPG.train, []

    def train(agent, *arguments):
        if not trained or agent is trained[0]:  # a guide trains agents of its own, after this one
            trained.append(agent)
            if len(trained) == cycles:
                os.kill(os.getpid(), number)
        return real(agent, *arguments)

    monkeypatch.setattr(DDPG, "train", train)


def name_of_file(handle):
    """What an opened file of this process is called."""
    return os.path.basename(os.readlink(f"/proc/self/fd/{handle}"))


class Launched:
    """A run in forked processes, and what it prints."""

    def __init__(self, forks, ranks, argv, output="output.txt"):
        self._log = next(w.partition("=")[2] for w in argv if w.startswith(("--log_path=", "--resume=")))
        self._before = self._states()
        launcher = mpirun_command(ranks)[:3] if ranks > 1 else []
        self._output = Path(output)
        with open(output, "w") as file:
            self.process = subprocess.Popen(
                [*launcher, *forks.command, *argv], stdout=file, stderr=file, env=forks.environment
            )

    def output(self):
        return self._output.read_text()

    def _states(self):
        folder = Path(self._log, "checkpoint")
        return {p.name for p in folder.glob("[0-9]*")}

    def trains(self):
        """Wait until it has ended an epoch; False where it ended before."""
        while not self._states() - self._before:
            time.sleep(0.01)
            if self.process.poll() is not None:
                return False
        return True
