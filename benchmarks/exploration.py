"""What guides cost: whole cycles of `--preset=single` with and without them."""

import os
from collections.abc import Callable

from baselines.her.her import make_buffer, make_guide
from threadpoolctl import threadpool_limits

from baselines.common.mpi import Communicator
from baselines.common.seeding import RngStreams
from baselines.envs import make_vec_env
from baselines.her.ddpg import DDPG
from baselines.her.exploration import Exploration
from baselines.her.replay_buffer import NoDemonstrations
from baselines.her.rollout import RolloutWorker
from baselines.her.train import train_cycle
from baselines.her.types import GoalEnvSpec
from baselines.runs.algorithms import find
from baselines.runs.clock import Clock
from benchmarks.measure import compare
from benchmarks.rollouts import ENV

VARIANTS = {"none": {"guide": "none"}, "script": {"guide": "script"}, "relay": {"relay_effector": "0:3"}}


def exploration(rounds: int) -> list[dict]:
    """Environment steps/s of rolling out, storing, sampling and updating."""
    rates = compare({name: _cycles(settings) for name, settings in VARIANTS.items()}, rounds, seconds=5)
    return [{"guide": name, "env steps/s": rate, "of no guide's": rate / rates["none"]} for name, rate in rates.items()]


def _cycles(settings: dict[str, object]) -> Callable[[], float]:
    """Work of one cycle, of a learner of its own."""
    streams, comm, num_env = RngStreams(0, 0), Communicator(), 8
    env = make_vec_env(ENV, num_env, list(range(num_env)), num_threads=os.cpu_count())
    config, spec = find("her").config(ENV, settings, "single").for_env(env.spec), GoalEnvSpec.of(env.spec)
    agent, guide = DDPG(spec, config, streams.rng("weights"), comm), make_guide(spec, config, streams.rng, comm)
    worker = RolloutWorker(env, Exploration(config, num_env, spec.action_size, streams.rng("exploration"), guide))
    buffer, clock = make_buffer(env, config, config.buffer_size, streams.rng("replay")), Clock()
    clock.start_epoch()

    def work() -> float:
        before = worker.steps
        with threadpool_limits(1, "blas"):  # as in her.learn
            train_cycle(agent, worker, buffer, NoDemonstrations(), guide, clock)
        return worker.steps - before

    return work
