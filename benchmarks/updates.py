"""Updates/s against the matrix products that an update cannot do without, and against one call per update."""

import itertools

import numpy as np
import tensorflow as tf

from baselines.common.mpi import Communicator
from baselines.common.specs import EnvSpec
from baselines.envs import make_vec_env
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.types import Transitions
from benchmarks.learner import ENV
from benchmarks.measure import compare


def updates(rounds: int) -> list[dict]:
    spec = make_vec_env(ENV, 1, [0]).spec
    return [_with(spec, batch_size, rounds) for batch_size in (256, 1024, 4864)]


def _with(spec: EnvSpec, batch_size: int, rounds: int) -> dict:
    rng, config = np.random.default_rng(0), HERConfig(batch_size=batch_size).for_env(spec)
    agent = DDPG(spec, config, rng, Communicator())
    batches = random_batches(spec, config.n_batches, batch_size, rng)
    singles = [Transitions(*(x[i : i + 1] for x in batches)) for i in range(config.n_batches)]
    shapes = products_of_an_update(spec, config)
    pairs = [(rng.normal(size=a).astype(np.float32), rng.normal(size=b).astype(np.float32)) for a, b in shapes]
    tensors = [(tf.constant(a), tf.constant(b)) for a, b in pairs]
    compiled = {xla: tf.function(lambda pairs: [a @ b for a, b in pairs], jit_compile=xla) for xla in (False, True)}

    def one_call() -> float:
        agent.train(batches)
        return len(batches.reward)

    def call_per_update() -> float:
        for single in singles:
            agent.train(single)
        return len(singles)

    def in_numpy() -> float:
        for a, b in pairs:
            np.matmul(a, b)
        return 1

    def in_tensorflow(xla: bool) -> float:
        compiled[xla](tensors)[-1].numpy()
        return 1

    rates = compare(
        {
            "one call": one_call,
            "one call per update": call_per_update,
            "products, NumPy": in_numpy,
            "products, TensorFlow": lambda: in_tensorflow(False),
            "products, XLA": lambda: in_tensorflow(True),
        },
        rounds,
    )
    floor = max(rate for name, rate in rates.items() if name.startswith("products"))
    return {
        "batch_size": batch_size,
        "GFLOP per update": 2e-9 * sum(n * k * m for (n, k), (_, m) in shapes),
        **{f"ms per update, {name}": 1e3 / rate for name, rate in rates.items()},
        "times the floor (the fastest products)": floor / rates["one call"],
        "times faster than one call per update": rates["one call"] / rates["one call per update"],
    }


def random_batches(spec: EnvSpec, n_batches: int, batch_size: int, rng: np.random.Generator) -> Transitions:
    """Return random transitions [n_batches, batch_size, ...]: updates from them cost as much as from real ones."""
    o, g, u = spec.observation_size, spec.goal_size, spec.action_size
    shapes = ((o,), (g,), (g,), (u,), (), (o,), (g,))
    front = n_batches, batch_size
    columns = (rng.normal(size=(*front, *s)).astype(np.float32) for s in shapes)
    return Transitions(*columns, terminated=np.zeros(front, bool), success=np.zeros(front, bool))


def products_of_an_update(spec: EnvSpec, config: HERConfig) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return the shapes of the factors of all products: five forward passes, and the backward ones of both losses.

    pi goes forward twice (main, target) and back once. Q goes forward three times (target; main with u; main with pi)
    and back for the critic's loss and for the actor's, which needs the gradient of Q's input but not of its kernels.
    """
    N, inputs = config.batch_size, spec.observation_size + spec.goal_size
    middle = [config.hidden] * config.layers

    def shapes(sizes: list[int], forward: int, back_to_input: int, back_to_kernel: int, to_first_input: int):
        for i, (a, b) in enumerate(itertools.pairwise(sizes)):
            yield from [((N, a), (a, b))] * forward
            yield from [((N, b), (b, a))] * (back_to_input if i else to_first_input)
            yield from [((a, N), (N, b))] * back_to_kernel

    pi = shapes([inputs, *middle, spec.action_size], 2, 1, 1, 0)
    Q = shapes([inputs + spec.action_size, *middle, 1], 3, 2, 1, 1)
    return [*pi, *Q]
