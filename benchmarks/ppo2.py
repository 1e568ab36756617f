"""PPO's environment steps/s: beside Stable-Baselines3, and against what the environments and the products allow."""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from threadpoolctl import threadpool_limits

from baselines.common.cores import cores
from baselines.common.mpi import Communicator
from baselines.envs import make_vec_env
from baselines.ppo2.config import PPOConfig
from baselines.ppo2.ppo import PPO
from baselines.ppo2.rollout import RolloutWorker
from baselines.runs.algorithms import find
from benchmarks import peers
from benchmarks.measure import compare

ENVS, NUM_ENV = ("CartPole-v1", "Hopper-v4"), 8


def ppo2(rounds: int) -> list[dict]:
    """Measure rollouts and updates with the settings of `--preset=single`, for Stable-Baselines3 too."""
    peers.check_sb3("ppo2")
    return [_beside_sb3(env_id, rounds) for env_id in ENVS]


def ppo2_parts(rounds: int) -> list[dict]:
    """Compare rollouts with random actions, and updates with their matrix products."""
    return [_parts(env_id, rounds) for env_id in ENVS]


class Learner:
    """A learner of PPO as `baselines.ppo2.train.learn` makes it, without a run around it."""

    def __init__(self, env_id: str):
        self.config: PPOConfig = find("ppo2").config(env_id, {}, "single")
        self.env = make_vec_env(env_id, NUM_ENV, list(range(NUM_ENV)), num_threads=len(cores()))
        self.rng = np.random.default_rng(0)
        self.agent = PPO(self.env.spec, self.config, self.rng, Communicator())
        self.worker = RolloutWorker(self.env, self.config, self.rng, lambda epoch: list(range(NUM_ENV)))
        self.worker.start_epoch(0)

    def rollout(self) -> float:
        self.latest = self.worker.generate(self.agent.policy())
        self.worker.end_epoch()  # drops the recorded actions
        return self.latest.reward.size

    def update(self, progress_remaining: float = 1.0) -> float:
        self.agent.train(self.latest, progress_remaining, self.rng)
        return self.config.noptepochs * self.config.nminibatches

    def cycle(self) -> float:
        with threadpool_limits(1, "blas"):  # as in training
            rows = self.rollout()
            self.update()
        return rows


def _beside_sb3(env_id: str, rounds: int) -> dict:
    ours = Learner(env_id)
    variants = {"ours": ours.cycle}
    for name, processes in (("DummyVecEnv", False), ("SubprocVecEnv", True)):
        model = peers.make_sb3_ppo(env_id, ours.config, NUM_ENV, 0, 1e6, processes)
        variants[f"SB3, {name}"] = functools.partial(_learn, model, ours.config.nsteps * NUM_ENV)
    rates = compare(variants, rounds, seconds=5)
    faster = {f"times as fast as {name}": rates["ours"] / rate for name, rate in rates.items() if name != "ours"}
    return {"env": env_id, **rates, **faster}


def _learn(model, rows: int) -> float:
    model.learn(rows, reset_num_timesteps=False)
    return rows


def _parts(env_id: str, rounds: int) -> dict:
    learner = Learner(env_id)
    spec, steps = learner.env.spec, 256
    shape = (steps, NUM_ENV) if spec.discrete else (steps, NUM_ENV, spec.action_size)
    draw = learner.rng.integers(0, spec.action_size, shape) if spec.discrete else learner.rng.uniform(-1, 1, shape)
    actions = draw if spec.discrete else draw.astype(np.float32)
    other = learner.env.copies(NUM_ENV, list(range(NUM_ENV)))
    other.reset()

    def act_at_random() -> float:
        for action in actions:
            other.step(action)
        return steps * NUM_ENV

    with threadpool_limits(1, "blas"):
        learner.rollout()
        rates = compare({"rollouts": learner.rollout, "random actions": act_at_random}, rounds)
        # One thread for both, as these products are too small for two. The learning rate is almost 0: thousands of
        # updates from one rollout would end in NaN.
        update = functools.partial(learner.update, progress_remaining=1e-9)
        products = compare({"updates": update, **_products(learner)}, rounds)
    floor = max(rate for name, rate in products.items() if name.startswith("products"))
    return {
        "env": env_id,
        **rates,
        "share of the limit": rates["rollouts"] / rates["random actions"],
        **{f"us per update, {name}": 1e6 / rate for name, rate in products.items()},
        "times the products": floor / products["updates"],
    }


def _products(learner: Learner) -> dict[str, Callable[[], float]]:
    """Return the matrix products of an update, in NumPy and by XLA: forward, and back to kernels and hidden layers."""
    config, N, rng = learner.config, learner.config.minibatch_size(NUM_ENV), np.random.default_rng(0)
    shapes = []
    for network in learner.agent.networks().values():
        for i, kernel in enumerate(network.kernels):
            a, b = kernel.shape
            shapes += [((N, a), (a, b)), ((a, N), (N, b))] + [((N, b), (b, a))] * (i > 0)
    pairs = [tuple(rng.normal(size=s).astype(np.float32) for s in pair) for pair in shapes]
    count = config.noptepochs * config.nminibatches

    @tf.function(jit_compile=True)
    def looped(pairs):
        total = tf.constant(0.0)
        for _ in tf.range(count):
            # Each depends on the last, as XLA would compute equal products only once.
            total = sum(tf.reduce_sum((a + 1e-30 * total) @ b) for a, b in pairs)
        return total

    def in_numpy() -> float:
        for a, b in pairs:
            np.matmul(a, b)
        return 1

    def by_xla() -> float:
        looped(tensors).numpy()
        return count

    tensors = [tuple(map(tf.constant, pair)) for pair in pairs]
    return {"products, NumPy": in_numpy, "products, XLA": by_xla}
