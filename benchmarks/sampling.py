"""Relabelled transitions/s from a full buffer, against plain indexing; and the memory that the full buffer takes.

`python -m benchmarks.sampling` is the process whose memory is measured.
"""

import json
import os
import resource
import sys

import numpy as np

from baselines.envs import make_vec_env
from baselines.envs.lockstep import run_episodes
from baselines.her.experiment.config import HERConfig
from baselines.her.replay_buffer import ReplayBuffer
from baselines.her.types import Episodes
from benchmarks.learner import ENV
from benchmarks.measure import compare, in_turn, output


def sampling(rounds: int) -> list[dict]:
    (buffer, _), rng, config = _full_buffer(), np.random.default_rng(1), HERConfig()
    stored = buffer.episodes
    n = config.n_batches * config.batch_size

    def relabelled() -> float:
        return buffer.sample(config.n_batches, config.batch_size).reward.size

    def plain() -> float:
        rows = rng.integers(buffer.num_steps - 1, size=n)
        for array in (stored.observation, stored.achieved_goal):
            array[rows], array[rows + 1]
        stored.desired_goal[rows], stored.action[rows]
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
    """Measure in processes of their own, so that no memory is used a second time."""
    command = [sys.executable, "-m", "benchmarks.sampling"]
    return [in_turn({"filled": lambda: json.loads(output(command).splitlines()[-1])}, rounds)["filled"]]


def _full_buffer() -> tuple[ReplayBuffer, int]:
    """Return a full buffer, and the bytes of memory that filling it took."""
    rng, config = np.random.default_rng(0), HERConfig()
    env = make_vec_env(ENV, 8, list(range(8)), num_threads=os.cpu_count())
    played = run_episodes(env, lambda *_: rng.uniform(-1, 1, (8, 4)).astype(np.float32))
    uniform = Episodes.of(played, env.spec)
    buffer = ReplayBuffer(env.spec, config, config.buffer_size, env.compute_reward, rng)
    before = _resident()
    while buffer.num_steps + uniform.num_steps <= buffer.capacity:
        buffer.store(uniform)
    return buffer, _resident() - before


def _resident() -> int:
    """Return the bytes of memory that this process holds now (Linux)."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    full, grown = _full_buffer()
    stored = full.episodes
    needed = sum(x.nbytes for x in (stored.observation, stored.achieved_goal, stored.desired_goal, stored.action))
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
