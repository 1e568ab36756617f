"""Relabelled transitions/s from a full buffer, against indexing alone; and how much memory the full buffer takes.

As a module it is the process whose memory is measured: `python -m benchmarks.sampling`.
"""

import json
import os
import resource
import sys

import numpy as np

from baselines.envs import make_vec_env
from baselines.her.experiment.config import HERConfig
from baselines.her.replay_buffer import ReplayBuffer
from baselines.her.rollout import roll_out
from baselines.her.types import GoalEnvSpec
from benchmarks.measure import compare, in_turn, output
from benchmarks.rollouts import ENV


def sampling(rounds: int) -> list[dict]:
    (buffer, rng, _), config = _full_buffer(), HERConfig()
    n, T = config.n_batches * config.batch_size, buffer.action.shape[1]

    def relabelled() -> float:
        return buffer.sample(config.n_batches, config.batch_size).reward.size

    def plain() -> float:
        rows, times = rng.integers(buffer.num_episodes, size=n), rng.integers(T, size=n)
        for array in (buffer.observation, buffer.achieved_goal):
            array[rows, times], array[rows, times + 1]
        buffer.desired_goal[rows, times], buffer.action[rows, times]
        return n

    rates = compare({"relabelled": relabelled, "plain indexing": plain}, rounds)
    return [
        {
            **{f"transitions/s, {name}": rate for name, rate in rates.items()},
            "share of plain indexing": rates["relabelled"] / rates["plain indexing"],
            "ms per cycle of 40 x 256": 1e3 * n / rates["relabelled"],
        }
    ]


def memory(rounds: int) -> list[dict]:
    """Of processes of their own, where nothing freed before is used again."""
    command = [sys.executable, "-m", "benchmarks.sampling"]
    return [in_turn({"filled": lambda: json.loads(output(command).splitlines()[-1])}, rounds)["filled"]]


def _full_buffer() -> tuple[ReplayBuffer, np.random.Generator, int]:
    """And how many bytes of memory filling it took."""
    rng, config = np.random.default_rng(0), HERConfig()
    env = make_vec_env(ENV, 8, list(range(8)), num_threads=os.cpu_count())
    uniform = roll_out(env, lambda observation, alive: rng.uniform(-1, 1, (8, 4)).astype(np.float32))
    buffer = ReplayBuffer(GoalEnvSpec.of(env.spec), config.buffer_size, config.relabelled_p, env.compute_reward, rng)
    before = _resident()
    while buffer.num_episodes < buffer.max_episodes:
        buffer.store(uniform)
    return buffer, rng, _resident() - before


def _resident() -> int:
    """Bytes of memory that this process holds now (Linux)."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    full, _, grown = _full_buffer()
    needed = sum(x.nbytes for x in (full.observation, full.achieved_goal, full.desired_goal, full.action))
    for _ in range(20):
        full.sample(40, 256)
    print(
        json.dumps(
            {
                "MB of the full buffer's float32 arrays": needed / 1e6,
                "MB that filling it took": grown / 1e6,
                "times its arrays": grown / needed,
                "MB at the process's peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
            }
        )
    )
