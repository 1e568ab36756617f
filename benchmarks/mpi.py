"""One worker on all cores against two that share them; the cost of averaging; a model of 19 workers.

`mpirun -np 2 python -m benchmarks.mpi` is the job that is measured.
"""

import json
import math
import os
import shutil
import sys
import time

import numpy as np

from baselines.common.errors import UserError
from baselines.common.mpi import Communicator, make_communicator
from baselines.her.experiment.config import HERConfig
from baselines.learning.networks import share_threads
from benchmarks.learner import Learner
from benchmarks.measure import in_turn, output
from benchmarks.updates import random_batches

CYCLES = 20
SMALL = 8  # bytes of the message that measures the latency


def mpi(rounds: int) -> list[dict]:
    """Measure updates of 256 and environment steps, summed over 1 and 2 ranks with 2 environments each."""
    launcher = shutil.which("mpirun", path=os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]))
    if launcher is None:
        raise UserError("cannot measure mpi: mpirun is not installed; pip install -e '.[mpi]' installs it")
    command = [sys.executable, "-m", "benchmarks.mpi"]

    def ranks(*launch: str) -> dict[str, float]:
        return json.loads(output([*launch, *command]).splitlines()[-1])

    measured = in_turn({"1": lambda: ranks(), "2": lambda: ranks(launcher, "-np", "2")}, rounds)
    one, two = measured["1"], measured["2"]
    return [
        {"ranks": 1, **one},
        {"ranks": 2, **two},
        {"2 ranks / 1": "ratio", **{k: two[k] / one[k] for k in ("updates/s", "env steps/s in cycles")}},
        {"ranks": "19 on 20 cores (model)", **predict(two, 19)},
    ]


def predict(two: dict[str, float], ranks: int) -> dict[str, float]:
    """Return the figures of `ranks` workers with a core each, by a model of those of 2 workers with a core each.

    A cycle takes its rollout, its sampling, and n_batches times a worker's own update and an all-reduce. The all-reduce
    takes ceil(log2 R) latencies and moves 2 (R - 1) / R of the message (the least possible, Patarasu & Yuan 2009) at
    the bandwidth between two workers. Memory that all cores share may be slower: the figures are an upper bound.
    """
    latency = two["ms per all-reduce of 8 bytes"]
    transfer = two["ms per all-reduce of the gradients"] - latency  # for 2 ranks: 1 x the message
    reduce = math.ceil(math.log2(ranks)) * latency + 2 * (ranks - 1) / ranks * transfer
    n_batches = HERConfig().n_batches
    update = two["ms per update without all-reduce"] + reduce
    cycle = two["ms of rollout and sampling per cycle"] + n_batches * update
    steps = two["steps per cycle and rank"]
    return {
        "ms per all-reduce of the gradients": reduce,
        "updates/s": 1e3 * ranks / update,
        "env steps/s in cycles": 1e3 * ranks * steps / cycle,
    }


def worker(comm: Communicator) -> dict[str, float]:
    """Return the figures of one rank, in step with the others; rates are summed over them."""
    share_threads(comm)
    learner = Learner(2, comm=comm)
    agent, config, env = learner.agent, learner.config, learner.env
    batches = random_batches(env.spec, config.n_batches, config.batch_size, np.random.default_rng(comm.rank))
    agent.train(batches)
    update = _ms_each(lambda: agent.train(batches), CYCLES) / config.n_batches
    gradient = np.zeros(sum(int(np.prod(w.shape)) for w in agent.weights), np.float32)
    reduce = _ms_each(lambda: comm.mean(gradient), 200) if comm.size > 1 else 0.0
    small = _ms_each(lambda: comm.mean(gradient[: SMALL // 4]), 200) if comm.size > 1 else 0.0

    learner.cycle()  # compiles the rest
    learner.clock.start_epoch()
    seconds = _ms_each(learner.cycle, CYCLES) * CYCLES / 1e3
    times = learner.clock.finish_epoch(env.seconds)
    steps = env.spec.horizon * env.num_env
    return {
        "updates/s": 1e3 * comm.size / update,
        "env steps/s in cycles": comm.size * steps * CYCLES / seconds,
        "ms per update": update,
        "ms per update without all-reduce": update - reduce,
        "ms per all-reduce of the gradients": reduce,
        "ms per all-reduce of 8 bytes": small,
        "ms of rollout and sampling per cycle": 1e3 * (times["time/rollout"] + times["time/sample"]) / CYCLES,
        "steps per cycle and rank": float(steps),
    }


def _ms_each(work, times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        work()
    return 1e3 * (time.perf_counter() - start) / times


if __name__ == "__main__":
    comm = make_communicator()
    figures = worker(comm)
    means = dict(zip(figures, comm.mean(np.array(list(figures.values()))).tolist(), strict=True))
    if comm.rank == 0:
        print(json.dumps(means))
