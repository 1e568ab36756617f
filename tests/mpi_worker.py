"""What test_mpi.py starts on every rank: `mpirun -np 2 python -m tests.mpi_worker CASE FOLDER`.

Each case writes its findings to FOLDER/rank.json.
"""

import json
import os
import sys
import zlib

import gymnasium
import numpy as np

import tests.point_reach  # noqa: F401 (registers PointReach)
from baselines.common.mpi import abort_all_on_error, make_communicator
from baselines.common.mpi_adam import check_workers_agree
from baselines.common.seeding import make_rng
from baselines.her import her
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.types import GoalEnvSpec, TransitionBatch
from baselines.logger import Logger

TINY = dict(hidden=8, layers=1, n_cycles=3, n_batches=40, batch_size=16, n_test_rollouts=1)
SPEC = GoalEnvSpec("any", 3, 2, 1, 10)


def checksum(agent):
    return zlib.crc32(b"".join(x.tobytes() for x in agent.state().values()))


def train(comm):
    """A whole run: 120 updates, so that the weights are compared once."""
    seen = []

    class Watched(gymnasium.Wrapper):
        def step(self, action):
            result = self.env.step(action)
            seen.append(result[0]["observation"].tolist())
            return result

    agent = her.learn(
        env=Watched(gymnasium.make("PointReach-v0")), n_epochs=1, seed=3, comm=comm, logger=Logger(quiet=True), **TINY
    )
    return {"state": checksum(agent), "seen": seen[:10], "updates": agent.updates}


def all_data():
    """The same on every rank: 3 minibatches of 2 x 8 transitions."""
    rng = np.random.default_rng(0)
    shapes = ((3,), (2,), (2,), (1,), (), (3,), (2,))
    return TransitionBatch(*(rng.normal(size=(3, 16, *s)).astype(np.float32) for s in shapes))


def share(comm):
    """Each rank trains on its part of every minibatch; the numbers must be those of one process with all of it."""
    # What count = 1 stands for differs: a phantom sample for each worker, not for each run.
    agent = DDPG(SPEC, HERConfig(hidden=8, layers=1, batch_size=16 // comm.size), make_rng(0, 0, "weights"), comm)
    mine = TransitionBatch(*(np.split(x, comm.size, axis=1)[comm.rank] for x in all_data()))
    flat = TransitionBatch(*(x.reshape(-1, *x.shape[2:]) for x in mine))
    agent.update_normalizers(flat)
    sums = {k: agent.o_stats.arrays()[k].tolist() for k in ("sum", "sumsq", "count")}
    agent.load_state({**agent.state(), **unit_stats()})
    agent.train(mine)
    return {"sums": sums, "weights": np.concatenate([np.ravel(w) for w in agent.main.weights]).tolist()}


def unit_stats():
    return {
        f"{name}_stats/{k}": np.full(1 if k == "count" else size, float(k != "sum"))
        for name, size in (("o", 3), ("g", 2))
        for k in ("sum", "sumsq", "count")
    }


def drift(comm):
    """Rank 1's weights change behind everybody's back."""
    agent = DDPG(SPEC, HERConfig(hidden=8, layers=1), make_rng(0, 0, "weights"), comm)
    check_workers_agree(agent.main.weights, comm)
    if comm.rank == 1:
        agent.main.weights[0].assign_add(np.full(agent.main.weights[0].shape, 1e-6, np.float32))
    check_workers_agree(agent.main.weights, comm)


def fail(comm):
    """Rank 1 raises while rank 0 waits for it."""
    if comm.rank == 1:
        raise ValueError("the robot of rank 1 is on fire")
    comm.mean(np.zeros(1))


if __name__ == "__main__":
    comm = make_communicator()
    abort_all_on_error(comm)
    found = {"train": train, "share": share, "drift": drift, "fail": fail}[sys.argv[1]](comm)
    with open(os.path.join(sys.argv[2], f"{comm.rank}.json"), "w") as file:
        json.dump({**(found or {}), "size": comm.size, "cores": comm.share_of_cores()}, file)
