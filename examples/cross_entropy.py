"""The cross-entropy method (Rubinstein 1999) on a linear policy: your own algorithm in one file.

python -m baselines.run --alg=examples.cross_entropy --env=CartPole-v1 --num_env=4 --n_epochs=4
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from baselines.algorithm import Agent, EnvSpec, NetworkPolicy, Run, Settings, VecEnv, begin_from, evaluate_in, setting


@dataclass(frozen=True)
class Config(Settings):
    """Settings, for --help and --name=value."""

    population: int = setting(16, "candidates per generation and worker", 2)
    elites: int = setting(4, "best candidates, to which the Gaussian moves", 1)
    generations: int = setting(5, "generations per epoch", 1)
    extra_std: float = setting(0.1, "added to the elites' standard deviation", 0)


class CrossEntropy(Agent):
    """A Gaussian over the weights [inputs + 1, actions] of linear policies; the last row is the bias."""

    def __init__(self, spec: EnvSpec):
        self.spec, shape = spec, (sum(spec.observation_sizes.values()) + 1, spec.action_size)
        self.mean, self.std = np.zeros(shape), np.ones(shape)
        self.counts = np.zeros(2, np.int64)  # generations, steps

    def policy(self, weights: np.ndarray | None = None) -> NetworkPolicy:
        """Return the linear policy with the mean weights, or with other ones."""
        weights = self.mean if weights is None else weights
        return NetworkPolicy(self.spec, [(weights[:-1], weights[-1])])

    def policy_state(self) -> dict[str, np.ndarray]:
        """Return the arrays of the policy."""
        return self.policy().arrays

    def load_policy_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Begin with the arrays of a saved policy."""
        self.mean = np.vstack([arrays["pi/0_kernel"], arrays["pi/0_bias"]])

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that changes, for checkpoints."""
        return {"mean": self.mean, "std": self.std, "counts": self.counts}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore what `state` returned."""
        self.mean, self.std, self.counts = (np.array(arrays[name]) for name in ("mean", "std", "counts"))


def learn(env: VecEnv, config: Config, run: Run) -> CrossEntropy:
    """Train by generations of candidates; the run does logs, saving, stopping, exact resume and workers."""
    agent, rng = CrossEntropy(env.spec), run.rng("candidates")
    if run.initial_policy:
        begin_from(agent, run.initial_policy)
    test_env = run.evaluation_env(num_episodes=16)
    run.plan(config.generations, config.population * env.num_env * env.spec.horizon)
    run.register(agent)
    for epoch in run.epochs():
        for _ in run.cycles():
            next_generation(agent, env, config, run, rng)
        test_env.reseed(run.seeds_for("test", test_env.num_env)(epoch))
        tested = evaluate_in(agent.policy(), test_env, 16)
        mean = run.mean({"test/mean_return": tested.mean_return, "total/timesteps": agent.counts[1]})
        mean["total/timesteps"] *= run.comm.size
        run.end_epoch(mean, score=mean["test/mean_return"])
    return agent


def next_generation(agent: CrossEntropy, env: VecEnv, config: Config, run: Run, rng: np.random.Generator) -> None:
    """Play every candidate in the same episodes and move the Gaussian to the best, averaged over workers."""
    candidates = agent.mean + agent.std * rng.standard_normal((config.population, *agent.mean.shape))
    returns = []
    for weights in candidates:
        env.reseed(run.seeds_for("train", env.num_env)(int(agent.counts[0])))
        played = evaluate_in(agent.policy(weights), env, env.num_env)
        returns.append(played.mean_return)
        agent.counts[1] += round(played.mean_length * played.episodes)
    elites = candidates[np.argsort(returns)[-config.elites :]]
    agent.mean, agent.std = run.comm.mean(elites.mean(0)), run.comm.mean(elites.std(0) + config.extra_std)
    agent.counts[0] += 1
