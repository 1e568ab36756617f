"""One worker on all cores against several that share them; what averaging costs; what 19 workers would do.

As a module it is what mpirun starts on every rank: `mpirun -np 2 python -m benchmarks.mpi`.
"""

import json
import math
import os
import shutil
import sys
import time

import numpy as np
from threadpoolctl import threadpool_limits

from baselines.common.errors import UserError
from baselines.common.mpi import Communicator, make_communicator
from baselines.envs import make_vec_env
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.exploration import Exploration, NoGuide
from baselines.her.replay_buffer import NoDemonstrations, ReplayBuffer
from baselines.her.rollout import RolloutWorker
from baselines.her.train import train_cycle
from baselines.her.types import GoalEnvSpec
from baselines.learning.networks import share_threads
from baselines.runs.clock import Clock
from benchmarks.measure import in_turn, output
from benchmarks.rollouts import ENV
from benchmarks.updates import random_batches

CYCLES = 20
SMALL = 8  # bytes of the message that latency is measured with


def mpi(rounds: int) -> list[dict]:
    """Updates of 256 and environment steps, summed over 1 and 2 ranks with 2 environments each."""
    launcher = shutil.which("mpirun", path=os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]))
    if launcher is None:
        raise UserError("mpi: there is no mpirun; pip install -e '.[mpi]' brings one")
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
    """`ranks` workers with a core each, from 2 with a core each.

    A cycle takes its rollout, its sampling, and n_batches times a worker's own update and an all-reduce, which takes
    ceil(log2 R) latencies and moves 2 (R - 1) / R of the message (the least that an all-reduce can, Patarasu & Yuan
    2009) at the bandwidth seen between two. Memory that all cores share may be slower: this is an upper bound.
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
    """What one rank measures, in step with the others; rates are summed over them."""
    share_threads(comm)
    rng, config = np.random.default_rng(comm.rank), HERConfig()
    env = make_vec_env(ENV, 2, [2 * comm.rank, 2 * comm.rank + 1], num_threads=comm.share_of_cores())
    spec = GoalEnvSpec.of(env.spec)
    agent = DDPG(spec, config, np.random.default_rng(0), comm)
    batches = random_batches(spec, config.n_batches, config.batch_size, rng)
    agent.train(batches)
    update = _ms_each(lambda: agent.train(batches), CYCLES) / config.n_batches
    gradient = np.zeros(sum(int(np.prod(w.shape)) for w in agent.main.weights), np.float32)
    reduce = _ms_each(lambda: comm.mean(gradient), 200) if comm.size > 1 else 0.0
    small = _ms_each(lambda: comm.mean(gradient[: SMALL // 4]), 200) if comm.size > 1 else 0.0

    clock, rollout_worker = Clock(), RolloutWorker(env, Exploration(config, 2, spec.action_size, rng, NoGuide()))
    buffer = ReplayBuffer(spec, 10**5, config.relabelled_p, env.compute_reward, rng)
    clock.start_epoch()
    with threadpool_limits(1, "blas"):
        train_cycle(
            agent, rollout_worker, buffer, NoDemonstrations(), NoGuide(), clock
        )  # compiles what is left to compile
        clock.start_epoch()
        start = time.perf_counter()
        for _ in range(CYCLES):
            train_cycle(agent, rollout_worker, buffer, NoDemonstrations(), NoGuide(), clock)
        seconds = time.perf_counter() - start
    times = clock.finish_epoch(env.seconds)
    steps = spec.horizon * env.num_env
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
