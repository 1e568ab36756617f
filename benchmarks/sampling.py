"""Relabelled transitions/s from a full buffer, against indexing alone; and how much memory the full buffer takes."""

import os
import resource

import numpy as np

from baselines.common.vec_env import make_vec_env
from baselines.her.experiment.config import HERConfig
from baselines.her.replay_buffer import ReplayBuffer
from baselines.her.rollout import roll_out
from benchmarks.measure import compare
from benchmarks.rollouts import ENV


def sampling(rounds: int) -> list[dict]:
    rng, config = np.random.default_rng(0), HERConfig()
    env = make_vec_env(ENV, 8, list(range(8)), num_threads=os.cpu_count())
    uniform = roll_out(env, lambda shown, _: rng.uniform(-1, 1, (8, 4)).astype(np.float32))
    before = _resident()
    buffer = ReplayBuffer(env.spec, config.buffer_size, config.future_p, env.compute_reward, rng)
    while buffer.num_episodes < buffer.max_episodes:
        buffer.store(uniform)
    arrays = (buffer.observation, buffer.achieved_goal, buffer.desired_goal, buffer.action)
    needed = sum(x.nbytes for x in arrays)
    n = config.n_batches * config.batch_size

    def relabelled() -> float:
        return buffer.sample(config.n_batches, config.batch_size).reward.size

    def plain() -> float:
        rows, times = rng.integers(buffer.num_episodes, size=n), rng.integers(env.spec.horizon, size=n)
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
            "MB of the full buffer's arrays": needed / 1e6,
            "MB that the process grew by": (_resident() - before) / 1e6,
            "times its arrays": (_resident() - before) / needed,
            "MB at the process's peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        }
    ]


def _resident() -> int:
    """Bytes of memory that this process holds now (Linux)."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
