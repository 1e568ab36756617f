"""PPO itself: epochs of cycles of a rollout and an update (1707.06347, algorithm 1)."""

import numpy as np

from baselines.envs.base import VecEnv
from baselines.ppo2.metrics import epoch_metrics
from baselines.ppo2.ppo import PPO
from baselines.ppo2.rollout import RolloutWorker
from baselines.runs.evaluation import Evaluation, evaluate_in
from baselines.runs.run import Run


def train(agent: PPO, worker: RolloutWorker, test_env: VecEnv, rng: np.random.Generator, run: Run) -> None:
    """Epochs of cycles, from where the run stands; `rng` draws the minibatches."""
    for epoch in run.epochs():
        worker.start_epoch(epoch)
        for cycle in run.cycles():
            run.progress.losses.append(train_cycle(agent, worker, _left(run, epoch, cycle), rng, run))
        with run.clock.measure("evaluate"):
            tested = evaluate(agent, test_env, epoch, run)
        metrics = epoch_metrics(agent, worker, tested, run)
        worker.end_epoch()
        run.end_epoch(metrics, score=metrics["test/mean_return"])


def train_cycle(agent: PPO, worker: RolloutWorker, left: float, rng: np.random.Generator, run: Run) -> dict[str, float]:
    """`nsteps` steps of each environment, then all updates from them. Returns the mean losses."""
    with run.clock.measure("rollout"):
        rollout = worker.generate(agent.policy())
    with run.clock.measure("train" if agent.compiled else "compile"):
        return agent.learn_from(rollout, left, rng)


def evaluate(agent: PPO, test_env: VecEnv, epoch: int, run: Run) -> Evaluation:
    """`n_test_episodes` whole episodes of the most probable actions, with this epoch's seeds."""
    test_env.reseed(run.seeds_for("test", test_env.num_env)(epoch))
    return evaluate_in(agent.policy(), test_env, agent.config.n_test_episodes)


def _left(run: Run, epoch: int, cycle: int) -> float:
    """The share of the training that is still to come, 1 for the first cycle."""
    schedule = run.schedule
    return 1 - (epoch * schedule.n_cycles + cycle) / (schedule.n_epochs * schedule.n_cycles)
