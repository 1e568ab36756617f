"""PPO: `learn` builds and wires; the algorithm itself is in train.py."""

from threadpoolctl import threadpool_limits

from baselines.envs.base import VecEnv
from baselines.learning.networks import share_threads
from baselines.ppo2.config import PPOConfig
from baselines.ppo2.ppo import PPO
from baselines.ppo2.rollout import RolloutWorker
from baselines.ppo2.train import train
from baselines.runs.run import Run


def learn(env: VecEnv, config: PPOConfig, run: Run) -> PPO:
    """Train an agent and return it; `agent.policy().act(observation)` is what it learnt. Raises UserError."""
    share_threads(run.comm)
    size = config.minibatch_size(env.num_env)
    agent = PPO(env.spec, config, run.rng("weights", shared=True), run.comm)
    if run.initial_policy:
        agent.begin_from(run.initial_policy)
    run.plan(config.n_cycles, config.nsteps * env.num_env, losses=agent.metrics)
    test_env = run.evaluation_env(config.n_test_episodes)
    worker = RolloutWorker(env, config, run.rng("actions"), run.seeds_for("train", env.num_env))
    run.register(agent, rollout_worker=worker)
    minibatches = run.rng("minibatches")
    # More BLAS threads than one would spin between the policy's small products and steal the environments' cores.
    with threadpool_limits(1, "blas"):
        run.begin()
        if run.schedule.n_epochs:
            run.logger.info(
                f"a cycle: {config.nsteps} steps of {env.num_env} environments and {config.noptepochs} x "
                f"{config.nminibatches} updates of {size} rows per worker"
            )
        train(agent, worker, test_env, minibatches, run)
    return agent
