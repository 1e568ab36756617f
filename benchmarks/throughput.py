"""How near the parts come to what the machine can do: `python -m benchmarks.throughput [rollouts updates sampling]`.

What is compared runs in turn, round after round, in this one process; medians over the rounds are printed and written,
with machine, versions and commit, to benchmarks/results/throughput.json.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from threadpoolctl import threadpool_limits

from baselines.common.mpi import Communicator
from baselines.common.vec_env import make_vec_env
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.replay_buffer import ReplayBuffer
from baselines.her.rollout import RolloutWorker, roll_out
from baselines.her.types import TransitionBatch

ENV = "FetchPush-v1"
SECONDS = 1.5  # of each variant in each round
RESULTS = Path(__file__).parent / "results" / "throughput.json"


def compare(variants: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Median rate of each variant, in units of work per second. Each call does some work and says how much."""
    for work in variants.values():
        work()  # compile, warm up
    rates = {name: [] for name in variants}
    for _ in range(rounds):
        for name, work in variants.items():
            done, start = 0.0, time.perf_counter()
            while time.perf_counter() - start < SECONDS:
                done += work()
            rates[name].append(done / (time.perf_counter() - start))
    return {name: statistics.median(r) for name, r in rates.items()}


def rollouts(rounds: int) -> list[dict]:
    """Environment steps/s of training rollouts, of random actions in the same environments, and of Gymnasium."""
    rows, rng = [], np.random.default_rng(0)
    for num_env in (1, 2, 8, 38):
        envs = {
            b: make_vec_env(ENV, num_env, list(range(num_env)), b, os.cpu_count()) for b in ("envpool", "sync", "async")
        }
        spec = envs["envpool"].spec
        agent = DDPG(spec, HERConfig(), rng, Communicator())
        worker = RolloutWorker(envs["envpool"], rng)
        buffer = _buffer(envs["envpool"], 10_000, rng)
        actions = rng.uniform(-1, 1, (64, num_env, spec.action_size)).astype(np.float32)

        def train(worker=worker, agent=agent, buffer=buffer) -> float:
            episodes = worker.generate(agent.policy())
            buffer.store(episodes)
            return episodes.num_steps

        def step(env, actions=actions) -> float:
            env.reset()
            for t in range(env.spec.horizon):
                env.step(actions[t % len(actions)])
            return env.spec.horizon * env.num_env

        variants = {"training rollouts": train}
        for back_end, env in envs.items():
            variants[f"random actions, {back_end}"] = lambda env=env, step=step: step(env)
        rates = compare(variants, rounds)
        limit, ours = rates["random actions, envpool"], rates["training rollouts"]
        rows.append({"num_env": num_env, **rates, "share of the limit": ours / limit,
                     "times Gymnasium async": ours / rates["random actions, async"]})  # fmt: skip
        for env in envs.values():
            env.close()
    return rows


def updates(rounds: int) -> list[dict]:
    """Updates/s: a cycle in one compiled call, one call an update, and the matrix products alone in NumPy."""
    rows, rng = [], np.random.default_rng(0)
    spec = make_vec_env(ENV, 1, [0]).spec
    for batch_size in (256, 1024, 4864):
        config = HERConfig(batch_size=batch_size)
        agent = DDPG(spec, config, rng, Communicator())
        batches = _random_batches(spec, config.n_batches, batch_size, rng)
        singles = [TransitionBatch(*(tf.constant(x[i : i + 1]) for x in batches)) for i in range(config.n_batches)]
        products = _products(spec, config, batch_size, rng)

        def one_call(agent=agent, batches=batches) -> float:
            agent.train(batches)
            return len(batches.reward)

        def call_per_update(agent=agent, singles=singles) -> float:
            for single in singles:
                agent.train(single)
            return len(singles)

        def floor(products=products) -> float:
            for a, b in products:
                np.matmul(a, b)
            return 1

        rates = compare({"one call": one_call, "call per update": call_per_update, "matrix products": floor}, rounds)
        rows.append({"batch_size": batch_size, "ms per update": 1e3 / rates["one call"],
                     "ms of its matrix products": 1e3 / rates["matrix products"],
                     "times as long as the products": rates["matrix products"] / rates["one call"],
                     "times faster than a call per update": rates["one call"] / rates["call per update"]})  # fmt: skip
    return rows


def sampling(rounds: int) -> list[dict]:
    """Transitions/s of a cycle's relabelled sample, and of plain indexing of as many rows."""
    rng = np.random.default_rng(0)
    env = make_vec_env(ENV, 8, list(range(8)), num_threads=os.cpu_count())
    buffer = _buffer(env, 1_000_000, rng)
    uniform = roll_out(env, lambda shown, _: rng.uniform(-1, 1, (8, 4)).astype(np.float32))
    while buffer.num_episodes < buffer.max_episodes:
        buffer.store(uniform)

    def relabelled() -> float:
        return buffer.sample(40, 256).reward.size

    def plain() -> float:
        rows, times = rng.integers(buffer.num_episodes, size=10240), rng.integers(env.spec.horizon, size=10240)
        for array in (buffer.observation, buffer.achieved_goal):
            array[rows, times], array[rows, times + 1]
        buffer.desired_goal[rows, times], buffer.action[rows, times]
        return 10240

    rates = compare({"relabelled": relabelled, "plain indexing": plain}, rounds)
    return [{**rates, "ms per cycle of 40 x 256": 1e3 * 10240 / rates["relabelled"]}]


def _buffer(env, capacity: int, rng) -> ReplayBuffer:
    return ReplayBuffer(env.spec, capacity, HERConfig().future_p, env.compute_reward, rng)


def _random_batches(spec, n_batches: int, batch_size: int, rng) -> TransitionBatch:
    o, g, u = spec.observation_size, spec.goal_size, spec.action_size
    shapes = ((o,), (g,), (g,), (u,), (), (o,), (g,))
    return TransitionBatch(*(rng.normal(size=(n_batches, batch_size, *s)).astype(np.float32) for s in shapes))


def _products(spec, config: HERConfig, N: int, rng) -> list[tuple[np.ndarray, np.ndarray]]:
    """All matrix products of one update: five forward passes, and the backward ones of both losses."""
    inputs = spec.observation_size + spec.goal_size
    pi = [inputs, *[config.hidden] * config.layers, spec.action_size]
    Q = [inputs + spec.action_size, *[config.hidden] * config.layers, 1]

    def shapes(sizes, forward, by_input, by_kernel):
        for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
            yield from [((N, a), (a, b))] * forward
            yield from [((N, b), (b, a))] * (by_input - (i == 0))
            yield from [((a, N), (N, b))] * by_kernel

    # pi: forward twice (main, target), back once. Q: forward three times (u, pi, target), back for both losses. The
    # critic's loss and the actor's need no gradient of their first layer's input but for u.
    all_shapes = [*shapes(pi, 2, 1, 1), *shapes(Q, 3, 2, 1)]
    return [(rng.normal(size=a).astype(np.float32), rng.normal(size=b).astype(np.float32)) for a, b in all_shapes]


def _machine() -> dict:
    libraries = ("numpy", "tensorflow", "envpool", "gymnasium", "gymnasium-robotics", "mujoco")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "commit": commit,
        **{name: importlib.metadata.version(name) for name in libraries},
    }


def main() -> None:
    parts = {"rollouts": rollouts, "updates": updates, "sampling": sampling}
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*parts, []], help="what to measure (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds to take medians over (default: 5)")
    args = parser.parse_args()
    results = {"machine": _machine()}
    for name in args.parts or parts:
        # As in training: one BLAS thread beside the environments. The floor of updates may use all.
        with threadpool_limits(1 if name == "rollouts" else None, "blas"):
            results[name] = parts[name](args.rounds)
        for row in results[name]:
            print(name, *(f"{key}: {value:.4g}" for key, value in row.items()), sep="  ", flush=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(f"wrote {RESULTS}")


if __name__ == "__main__":
    main()
