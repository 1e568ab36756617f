"""HER: `learn` builds the parts and runs the algorithm (1707.01495, algorithm 1)."""

import numpy as np
from threadpoolctl import threadpool_limits

from baselines.common.errors import UserError, counted
from baselines.common.specs import GOAL_KEYS
from baselines.envs.base import SUCCESS_BY_REWARD, VecEnv
from baselines.envs.reward import GoalReward, RewardFunction
from baselines.her import checks
from baselines.her.ddpg import DDPG
from baselines.her.demonstrations import read_demonstrations
from baselines.her.experiment.config import MOST_GAMMA, HERConfig
from baselines.her.exploration import Exploration, GaussianNoise, HeldRandomActions
from baselines.her.guide import Guide, make_guide
from baselines.her.replay_buffer import ReplayBuffer, append
from baselines.her.rollout import RolloutWorker
from baselines.her.types import Episodes
from baselines.learning.networks import share_threads
from baselines.policies.policy import begin_from
from baselines.runs.run import Run


def learn(env: VecEnv, config: HERConfig, run: Run) -> DDPG:
    """Train an agent and return it; `agent.policy().act(observation)` is what it learnt. Raises UserError."""
    share_threads(run.comm)
    env.show_only(GOAL_KEYS)
    spec, compute_reward = env.spec, env.compute_reward
    assert compute_reward is not None  # `Config.for_env` refuses environments without it
    offset = checks.reward_offset(config, compute_reward)

    def reward(*goals_and_info: np.ndarray) -> np.ndarray:
        return compute_reward(*goals_and_info) - np.float32(offset)

    end = checks.terminal_values(config, offset, spec.horizon)
    agent = DDPG(spec, config, run.rng("weights", shared=True), run.comm, end)
    run.plan(config.n_cycles, spec.horizon * env.num_env, losses=agent.metrics)
    if run.initial_policy:
        begin_from(agent, run.initial_policy)
    buffer = ReplayBuffer(spec, config, config.buffer_size, reward, run.rng("replay"), compute_reward.info_size)
    demonstrations = _demonstrations(agent, reward, compute_reward.info_size, run) if config.demo_file else None
    test_env = run.evaluation_env(env.num_env * config.n_test_rollouts)
    guide = make_guide(spec, config, env.num_env, run.rng, run.comm, run.logger.info)
    held = HeldRandomActions(config, env.num_env, spec.action_size)
    parts = {"noise": GaussianNoise(config), "held": held, **({"guide": guide} if guide else {})}
    exploration = Exploration(parts, run.rng("exploration"))
    worker = RolloutWorker(env, exploration, run.seeds_for("train", env.num_env))
    evaluator = RolloutWorker(test_env, None, run.seeds_for("test", test_env.num_env))
    given = {"demonstrations": demonstrations} if demonstrations else {}
    run.register(agent, rollout_worker=worker, evaluator=evaluator, exploration=exploration, buffer=buffer, **given)
    # More BLAS threads than one would spin between the policy's small products and steal the environments' cores.
    with threadpool_limits(1, "blas"):
        run.begin()
        _announce(config, demonstrations, offset, run)
        train(agent, worker, evaluator, buffer, demonstrations, guide, run)
    return agent


def train(
    agent: DDPG, worker: RolloutWorker, evaluator: RolloutWorker, buffer: ReplayBuffer,
    demonstrations: ReplayBuffer | None, guide: Guide | None, run: Run,
) -> None:  # fmt: skip
    """Run epochs of cycles: one episode in each environment, `n_batches` updates, one step of the targets."""
    config, clock, told = agent.config, run.clock, False
    compute_reward = worker.env.compute_reward
    assert compute_reward is not None
    for epoch in run.epochs():
        worker.start_epoch(epoch)
        for _ in run.cycles():
            with clock.measure("rollout"):
                episodes = worker.generate(agent.policy("main"))
                run.progress.steps += episodes.num_steps
            with clock.measure("sample"):
                if not told and (line := checks.different_rewards(compute_reward, episodes)):
                    told = True
                    run.logger.warn(line)
                if not buffer.num_episodes:
                    _announce_first(episodes, config, compute_reward, run)
                buffer.store(episodes)
                agent.update_normalizers(buffer.sample_from(episodes))
                batches = buffer.sample(config.n_batches, config.batch_size - config.demo_rows)
                if demonstrations:
                    batches = append(batches, demonstrations.sample(config.n_batches, config.demo_rows))
            with clock.measure("train" if agent.compiled else "compile"):
                run.progress.losses.append(agent.train(batches, run.progress_remaining))
                agent.end_cycle()
                if guide:
                    guide.train(buffer, episodes)
        with clock.measure("evaluate"):
            evaluate(agent, evaluator, epoch, worker.env.num_env * config.n_test_rollouts)
        row = log_row(agent, worker, evaluator, run)
        worker.end_epoch()
        run.end_epoch(row, score=row["test/success_rate"])


def evaluate(agent: DDPG, evaluator: RolloutWorker, epoch: int, num_episodes: int) -> None:
    """Play `num_episodes` without noise, in as many rounds as the evaluator's environments need."""
    evaluator.start_epoch(epoch)
    policy = agent.policy()
    for _ in range(-(-num_episodes // evaluator.env.num_env)):
        evaluator.generate(policy)


def log_row(agent: DDPG, worker: RolloutWorker, evaluator: RolloutWorker, run: Run) -> dict[str, float]:
    """Return what the epoch adds to the log: means or sums over all workers; docs/logs.md defines the keys."""
    row = run.mean(
        {
            "test/success_rate": evaluator.success_rate,
            "test/mean_Q": evaluator.mean_Q,
            "test/episode": evaluator.episodes,
            "train/success_rate": worker.success_rate,
            "train/episode": worker.episodes,
            "stats_o/mean": float(agent.o_stats.mean.mean()),
            "stats_o/std": float(agent.o_stats.std.mean()),
            "stats_g/mean": float(agent.g_stats.mean.mean()),
            "stats_g/std": float(agent.g_stats.std.mean()),
            **{key: float(np.mean([losses[key] for losses in run.progress.losses])) for key in agent.metrics},
            "total/timesteps": worker.steps,
            "total/updates": agent.updates,
        }
    )
    sums = ("test/episode", "train/episode", "total/timesteps", "total/updates")
    return {**row, **{key: round(row[key] * run.comm.size) for key in sums}}


def _demonstrations(agent: DDPG, compute_reward: RewardFunction, info_size: int, run: Run) -> ReplayBuffer:
    """Return a buffer of the demo_file, whose transitions the normalizers see too; a resumed run brings its own."""
    config, spec = agent.config, agent.spec
    if info_size:
        raise UserError("demo_file: demonstrations hold no info, but compute_reward reads it (--reward_info)")
    if run.saved:
        episodes, capacity = None, len(run.saved.arrays.get("demonstrations/reward", ()))
    else:
        assert config.demo_file is not None
        episodes = read_demonstrations(config.demo_file, spec, config.num_demo)
        capacity = episodes.num_steps
    buffer = ReplayBuffer(spec, config, capacity, compute_reward, run.rng("demonstrations"), priority="none")
    if episodes is not None:
        buffer.store(episodes)
        agent.update_normalizers(buffer.sample_from(episodes))
    return buffer


def _announce_first(episodes: Episodes, config: HERConfig, compute_reward: GoalReward, run: Run) -> None:
    """Say what the first episodes show: where success is read from, how long they are, and likely mistakes."""
    env, steps, logger = run.env, run.schedule.n_steps, run.logger
    if not env.reports_success:
        logger.info(SUCCESS_BY_REWARD)
    if steps and episodes.num_steps < env.spec.horizon * env.num_env:
        text = f"episodes end before {env.spec.horizon} steps, so there will be more of them, until {steps} were taken"
        logger.info(text)
    for line in checks.warnings(config, compute_reward, episodes):
        logger.warn(line)


def _announce(config: HERConfig, demonstrations: ReplayBuffer | None, offset: float, run: Run) -> None:
    """Say what a cycle is, and what a user may not expect."""
    info, env = run.logger.info, run.env
    if not run.schedule.n_epochs:
        return
    updates = f"{counted(config.n_batches, 'update')} of {config.batch_size} transitions per worker"
    info(f"a cycle: {counted(env.num_env, 'episode')} of at most {env.spec.horizon} steps and {updates}")
    if config.gamma == MOST_GAMMA < 1 - 1 / env.spec.horizon:
        long = f"a time limit of {env.spec.horizon} steps says little of how long episodes are"
        info(f"gamma is {MOST_GAMMA}, the largest default: {long}; --gamma chooses another")
    if run.comm.size == config.simulated_workers == 1 and config.target_interval == 0:
        info("hint: one process learns fastest with --preset=single (the papers' 19 workers: mpirun -np 19)")
    if demonstrations:
        count = demonstrations.num_episodes
        fewer = f" (the file has no more; num_demo is {config.num_demo})" if count < config.num_demo else ""
        rows = f"{config.demo_rows} of {config.batch_size} rows a batch"
        info(f"demonstrations: {counted(count, 'episode')}{fewer}, {rows}")
    if offset:
        info(f"the reward at the goal is {offset:g}; training uses reward - {offset:g}, so that returns are at most 0")
