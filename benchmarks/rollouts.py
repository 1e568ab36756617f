"""Environment steps/s of training rollouts, of the same environments without a policy, and of Gymnasium."""

import numpy as np
from threadpoolctl import threadpool_limits

from baselines.envs import make_vec_env
from baselines.envs.base import VecEnv
from baselines.her.experiment.config import HERConfig
from benchmarks.learner import ENV, Learner
from benchmarks.measure import compare


def rollouts(rounds: int) -> list[dict]:
    with threadpool_limits(1, "blas"):  # as in training
        return [_with(num_env, rounds) for num_env in (1, 2, 8, 38)]


def _with(num_env: int, rounds: int) -> dict:
    learner = Learner(num_env, HERConfig(buffer_size=10_000))
    envs = {"envpool": learner.env}
    envs |= {back_end: make_vec_env(ENV, num_env, list(range(num_env)), back_end) for back_end in ("sync", "async")}
    uniform = np.random.default_rng(0).uniform(-1, 1, learner.rollout().action.swapaxes(0, 1).shape).astype(np.float32)
    explored = np.ascontiguousarray(learner.rollout().action.swapaxes(0, 1))

    def train() -> float:
        return learner.rollout().num_steps

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
