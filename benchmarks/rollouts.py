"""Environment steps/s of training rollouts, of the same environments without a policy, and of Gymnasium."""

import os

import numpy as np
from threadpoolctl import threadpool_limits

from baselines.common.mpi import Communicator
from baselines.envs import make_vec_env
from baselines.envs.base import VecEnv
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.exploration import Exploration, NoGuide
from baselines.her.replay_buffer import ReplayBuffer
from baselines.her.rollout import RolloutWorker
from baselines.her.types import GoalEnvSpec
from benchmarks.measure import compare

ENV = "FetchPush-v1"


def rollouts(rounds: int) -> list[dict]:
    with threadpool_limits(1, "blas"):  # as in training
        return [_with(num_env, rounds) for num_env in (1, 2, 8, 38)]


def _with(num_env: int, rounds: int) -> dict:
    rng = np.random.default_rng(0)
    back_ends = ("envpool", "sync", "async")
    envs = {b: make_vec_env(ENV, num_env, list(range(num_env)), b, os.cpu_count()) for b in back_ends}
    spec, config = GoalEnvSpec.of(envs["envpool"].spec), HERConfig()
    agent = DDPG(spec, config, rng, Communicator())
    worker = RolloutWorker(envs["envpool"], Exploration(config, num_env, spec.action_size, rng, NoGuide()))
    buffer = ReplayBuffer(spec, 10_000, config.relabelled_p, envs["envpool"].compute_reward, rng)
    uniform = rng.uniform(-1, 1, (spec.horizon, num_env, spec.action_size)).astype(np.float32)
    explored = np.ascontiguousarray(worker.generate(agent.policy()).action.swapaxes(0, 1))

    def train() -> float:
        episodes = worker.generate(agent.policy())
        buffer.store(episodes)
        return episodes.num_steps

    def replay(env: VecEnv, actions: np.ndarray) -> float:
        env.reset()
        for action in actions:
            env.step(action)
        return len(actions) * env.num_env

    variants = {"training rollouts": train, "its actions replayed": lambda: replay(envs["envpool"], explored)}
    for back_end, env in envs.items():
        variants[f"random actions, {back_end}"] = lambda env=env: replay(env, uniform)
    rates = compare(variants, rounds)
    for env in envs.values():
        env.close()
    ours = rates["training rollouts"]
    return {
        "num_env": num_env,
        **rates,
        "share of the limit": ours / rates["random actions, envpool"],
        "share of its actions replayed": ours / rates["its actions replayed"],
        "times Gymnasium sync": ours / rates["random actions, sync"],
        "times Gymnasium async": ours / rates["random actions, async"],
    }
