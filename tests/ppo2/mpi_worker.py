"""The program that test_update.py starts on every rank: `mpirun -np 2 python -m tests.ppo2.mpi_worker FOLDER`."""

import json
import os
import sys

import gymnasium
import numpy as np

import baselines
import tests.environments  # noqa: F401 (registers PointReach)
from baselines.common.mpi import abort_all_on_error, make_communicator
from tests.ppo2.helpers import CONTINUOUS, RAW, TINY_SETTINGS, agent_of, random_rollout, weights_of

SETTINGS = dict(lr=0.05, **RAW)


def train():
    """Return the figures of a whole run of two epochs."""
    seen, rows = [], []

    class Watched(gymnasium.Wrapper):
        def step(self, action):
            result = self.env.step(action)
            seen.append(result[0]["observation"].tolist())
            return result

    env, eval_env = Watched(gymnasium.make("PointReach-v0")), gymnasium.make("PointReach-v0")
    agent = baselines.train("ppo2", env, n_epochs=2, seed=3, eval_env=eval_env, callback=rows.append, **TINY_SETTINGS)
    timeless = [{k: v for k, v in row.items() if k.split("/")[0] in ("test", "train", "loss")} for row in rows]
    timeless[-1]["total/timesteps"] = rows[-1]["total/timesteps"]
    # The 31st step of an environment only begins a new episode.
    steps, resets = 2 * 64 - 2 * 2, 2 * 2
    return {"weights": weights_of(agent).tolist(), "seen": seen[:10], "updates": agent.updates, "rows": timeless,
            "statistics": {k: x.tolist() for k, x in agent.policy_state().items() if "_stats" in k},
            "steps": steps, "episodes": resets}  # fmt: skip


def share(rank, comm, trains=True):
    """Return an agent, and a rollout of the rank's own, from which the agent has learnt or not."""
    agent, rollout = agent_of(comm=comm, **SETTINGS), random_rollout(CONTINUOUS, np.random.default_rng(rank))
    if trains:
        agent.train(rollout, 1.0, np.random.default_rng(10 + rank))
    return agent, rollout


if __name__ == "__main__":
    comm = make_communicator()
    abort_all_on_error(comm)
    found = {"train": train(), "share": weights_of(share(comm.rank, comm)[0]).tolist()}
    with open(os.path.join(sys.argv[1], f"{comm.rank}.json"), "w") as file:
        json.dump(found, file)
