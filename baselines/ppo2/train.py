"""PPO: `learn` builds the parts and runs the algorithm (1707.06347, algorithm 1)."""

import numpy as np
from threadpoolctl import threadpool_limits

from baselines.envs.base import VecEnv
from baselines.learning.networks import share_threads
from baselines.policies.evaluation import Evaluation, evaluate_in
from baselines.policies.policy import begin_from
from baselines.ppo2.config import PPOConfig
from baselines.ppo2.ppo import PPO
from baselines.ppo2.rollout import RolloutWorker
from baselines.runs.run import Run


def learn(env: VecEnv, config: PPOConfig, run: Run) -> PPO:
    """Train an agent and return it; `agent.policy().act(observation)` is what it learnt. Raises UserError."""
    share_threads(run.comm)
    size = config.minibatch_size(env.num_env)
    agent = PPO(env.spec, config, run.rng("weights", shared=True), run.comm)
    if run.initial_policy:
        begin_from(agent, run.initial_policy)
    run.plan(config.n_cycles, config.nsteps * env.num_env, losses=agent.logged)
    test_env = run.evaluation_env(config.n_test_episodes)
    evaluates = test_env is env or (env.origin is not None and env.origin is test_env.origin)
    worker = RolloutWorker(env, config, run.rng("actions"), run.seeds_for("train", env.num_env), evaluates)
    run.register(agent, rollout_worker=worker)
    minibatches = run.rng("minibatches")
    # More BLAS threads than one would spin between the policy's small products and steal the environments' cores.
    with threadpool_limits(1, "blas"):
        run.begin()
        if run.schedule.n_epochs:
            updates = f"{config.noptepochs} x {config.nminibatches} updates of {size} rows per worker"
            run.logger.info(f"a cycle: {config.nsteps} steps of {env.num_env} environments and {updates}")
        train(agent, worker, test_env, minibatches, run)
    return agent


def train(agent: PPO, worker: RolloutWorker, test_env: VecEnv, rng: np.random.Generator, run: Run) -> None:
    """Run epochs of cycles: `nsteps` steps of each environment, then all updates; `rng` draws the minibatches."""
    for epoch in run.epochs():
        worker.start_epoch(epoch)
        for _ in run.cycles():
            with run.clock.measure("rollout"):
                rollout = worker.generate(agent.policy())
            with run.clock.measure("train" if agent.compiled else "compile"):
                run.progress.losses.append(agent.train(rollout, run.progress_remaining, rng))
        with run.clock.measure("evaluate"):
            test_env.reseed(run.seeds_for("test", test_env.num_env)(epoch))
            tested = evaluate_in(agent.policy(), test_env, agent.config.n_test_episodes)
        row = log_row(agent, worker, tested, run)
        worker.end_epoch()
        run.end_epoch(row, score=row["test/mean_return"])


def log_row(agent: PPO, worker: RolloutWorker, tested: Evaluation, run: Run) -> dict[str, float]:
    """Return the epoch's row of the log; docs/ppo2.md defines the keys.

    The means are over all workers' evaluations, and over all episodes that ended in training in this epoch (NaN where
    none did).
    """
    finished, losses, workers = worker.finished, run.progress.losses, run.comm.size
    if worker.reports_success is None:
        worker.reports_success = tested.success_rate is not None
    total, length, success = np.nansum(np.array(finished, float).reshape(-1, 3), 0)  # NaN: success unknown
    mean = run.mean(
        {
            "test/mean_return": tested.mean_return,
            "test/mean_length": tested.mean_length,
            "test/success_rate": np.nan if tested.success_rate is None else tested.success_rate,
            "train/mean_return": total,
            "train/mean_length": length,
            "train/success_rate": success,
            "train/episode": worker.episodes,
            **{key: float(np.mean([row[key] for row in losses])) for key in agent.logged},
            "total/timesteps": worker.steps,
            "finished": len(finished),
        }
    )
    count = mean.pop("finished")
    for key in ("train/mean_return", "train/mean_length", "train/success_rate"):
        mean[key] = mean[key] / count if count else np.nan
    if not worker.reports_success:
        del mean["test/success_rate"], mean["train/success_rate"]
    for key in ("train/episode", "total/timesteps"):
        mean[key] = round(mean[key] * workers)
    return {**mean, "total/updates": agent.updates * workers}
