"""What test_mpi.py starts on every rank: `mpirun -np 2 python -m tests.her.mpi_worker FOLDER`.

The findings are written to FOLDER/rank.json; after that the weights of rank 1 are made to differ, which ends the job.
"""

import json
import os
import sys
import zlib

import gymnasium
import numpy as np
import tensorflow as tf

import baselines
import tests.environments  # noqa: F401 (registers PointReach)
from baselines.common.mpi import abort_all_on_error, make_communicator
from baselines.common.seeding import make_rng
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.types import Transitions
from baselines.learning.adam import check_workers_agree, flatten
from tests.helpers import goal_spec
from tests.her.numbered import random_transitions

TINY = dict(hidden=8, layers=1, n_cycles=3, n_batches=40, batch_size=16, n_test_rollouts=1)
SPEC = goal_spec("any", 3, 2, 1, 10)


def checksum(agent):
    return zlib.crc32(b"".join(x.tobytes() for x in agent.state().values()))


def train():
    """A whole run: 120 updates, so that the weights are compared once."""
    seen = []

    class Watched(gymnasium.Wrapper):
        def step(self, action):
            result = self.env.step(action)
            seen.append(result[0]["observation"].tolist())
            return result

    agent = baselines.train(env=Watched(gymnasium.make("PointReach-v0")), n_epochs=1, seed=3, **TINY)
    return {"state": checksum(agent), "seen": seen[:10], "updates": agent.updates}


def all_data():
    """The same on every rank: 3 minibatches of 16 transitions, the last 4 of each demonstrated."""
    return random_transitions(SPEC, (3, 16), np.random.default_rng(0))


def share(comm, averaged=False):
    """Each rank trains on its part of every minibatch, or one process that simulates two on all of it."""
    workers = 2 // comm.size
    sizes = dict(batch_size=8 * workers, demo_batch_size=2 * workers, simulated_workers=workers)
    config = HERConfig(hidden=8, layers=1, n_critics=2, bc_loss=True, prm_loss_weight=1, target_interval=2, **sizes)
    agent = DDPG(SPEC, config, make_rng(0, 0, "weights"), comm)
    if averaged:  # what several workers do, also where there is one
        agent._run = tf.function(agent._averaged)
    own, demonstrated = np.split(np.arange(12), comm.size)[comm.rank], np.split(np.arange(12, 16), comm.size)[comm.rank]
    mine = Transitions(*(x[:, [*own, *demonstrated]] for x in all_data()))
    agent.update_normalizers(Transitions(*(x.reshape(-1, *x.shape[2:]) for x in mine)))
    sums = {k: agent.o_stats.state()[k].tolist() for k in ("sum", "sumsq", "count")}
    gradients, _ = agent.gradients(Transitions(*(x[0] for x in mine)))
    gradients = comm.mean(flatten(gradients).numpy())
    agent.train(mine)
    weights = np.concatenate([np.ravel(w) for w in agent.main.weights + agent.target.weights])
    return {"sums": sums, "gradients": gradients.tolist(), "weights": weights.tolist()}


def drift(comm):
    """Rank 1's weights change behind everybody's back."""
    agent = DDPG(SPEC, HERConfig(hidden=8, layers=1), make_rng(0, 0, "weights"), comm)
    check_workers_agree(agent.main.weights, comm)
    if comm.rank == 1:
        agent.main.weights[0].assign_add(np.full(agent.main.weights[0].shape, 1e-6, np.float32))
    print("drifted", flush=True)
    check_workers_agree(agent.main.weights, comm)


if __name__ == "__main__":
    comm = make_communicator()
    abort_all_on_error(comm)
    found = {"size": comm.size, "cores": comm.share_of_cores(), "train": train(), "share": share(comm)}
    with open(os.path.join(sys.argv[1], f"{comm.rank}.json"), "w") as file:
        json.dump(found, file)
    drift(comm)
