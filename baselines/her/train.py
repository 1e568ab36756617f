"""HER: `learn` builds the parts and runs the algorithm (1707.01495, algorithm 1)."""

import functools

import numpy as np
from threadpoolctl import threadpool_limits

from baselines.common.errors import UserError, counted
from baselines.common.specs import GOAL_KEYS
from baselines.common.state import Stateful
from baselines.envs.base import SUCCESS_BY_REWARD, VecEnv
from baselines.envs.reward import RewardFunction
from baselines.her.checks import Checks, reward_offset, terminal_values
from baselines.her.ddpg import DDPG
from baselines.her.demonstrations import read_demonstrations
from baselines.her.experiment.config import MOST_GAMMA, HERConfig
from baselines.her.exploration import Exploration, GaussianNoise, HeldRandomActions, Part
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
    spec, compute_reward = env.spec, env.compute_reward
    assert compute_reward is not None  # `Config.for_env` refuses environments without it
    offset = reward_offset(config, compute_reward)
    reward = functools.partial(_reward_less, compute_reward, offset) if offset else compute_reward
    agent = DDPG(spec, config, run.rng("weights", shared=True), run.comm, terminal_values(config, offset, spec.horizon))
    run.plan(config.n_cycles, spec.horizon * env.num_env, losses=agent.metrics)
    if run.initial_policy:
        begin_from(agent, run.initial_policy)
    buffer = ReplayBuffer(spec, config, config.buffer_size, reward, run.rng("replay"), compute_reward.info_size)
    demonstrations = _demonstrations(agent, reward, compute_reward.info_size, run) if config.demo_file else None
    test_env = run.evaluation_env(env.num_env * config.n_test_rollouts)
    guide = make_guide(spec, config, env.num_env, run.rng, run.comm, run.logger.info)
    parts: dict[str, Part] = {
        "noise": GaussianNoise(config),
        "held": HeldRandomActions(config, env.num_env, spec.action_size),
    }
    if guide:
        parts["guide"] = guide
    exploration = Exploration(parts, run.rng("exploration"))
    worker = RolloutWorker(env, exploration, run.seeds_for("train", env.num_env))
    evaluator = RolloutWorker(test_env, None, run.seeds_for("test", test_env.num_env))
    parts_of_run: dict[str, Stateful] = {
        "rollout_worker": worker,
        "evaluator": evaluator,
        "exploration": exploration,
        "buffer": buffer,
    }
    if demonstrations:
        parts_of_run["demonstrations"] = demonstrations
    run.register(agent, **parts_of_run)
    # More BLAS threads than one would spin between the policy's small products and steal the environments' cores.
    with threadpool_limits(1, "blas"):
        run.begin()
        _announce(config, demonstrations, offset, run)
        train(agent, worker, evaluator, buffer, demonstrations, guide, run)
    return agent


def train(
    agent: DDPG,
    worker: RolloutWorker,
    evaluator: RolloutWorker,
    buffer: ReplayBuffer,
    demonstrations: ReplayBuffer | None,
    guide: Guide | None,
    run: Run,
) -> None:
    """Run epochs of cycles: one episode in each environment, `n_batches` updates, one step of the targets."""
    config, clock = agent.config, run.clock
    checks = Checks(config, worker.env.compute_reward)
    for epoch in run.epochs():
        worker.start_epoch(epoch)
        for _ in run.cycles():
            with clock.measure("rollout"):
                episodes = worker.generate(agent.policy("main"))
                run.progress.steps += episodes.num_steps
            with clock.measure("sample"):
                if not buffer.num_episodes and not worker.env.reports_success:
                    run.logger.info(SUCCESS_BY_REWARD)
                if not buffer.num_episodes:
                    _announce_length(episodes, run)
                for line in checks.warnings(episodes, first=not buffer.num_episodes):
                    run.logger.warn(line)
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
    workers = run.comm.size
    mean = run.mean(
        {
            "test/success_rate": evaluator.success_rate,
            "test/mean_Q": evaluator.mean_Q,
            "train/success_rate": worker.success_rate,
            "steps": worker.steps,
            **{key: float(np.mean([losses[key] for losses in run.progress.losses])) for key in agent.metrics},
        }
    )
    return {
        "test/success_rate": mean["test/success_rate"],
        "test/mean_Q": mean["test/mean_Q"],
        "test/episode": evaluator.episodes * workers,
        "train/success_rate": mean["train/success_rate"],
        "train/episode": worker.episodes * workers,
        "stats_o/mean": float(agent.o_stats.mean.mean()),
        "stats_o/std": float(agent.o_stats.std.mean()),
        "stats_g/mean": float(agent.g_stats.mean.mean()),
        "stats_g/std": float(agent.g_stats.std.mean()),
        **{key: mean[key] for key in agent.metrics},
        "total/timesteps": round(mean["steps"] * workers),
        "total/updates": agent.updates * workers,
    }


def _reward_less(
    compute_reward: RewardFunction, offset: float, achieved: np.ndarray, desired: np.ndarray, *info: np.ndarray
) -> np.ndarray:
    return compute_reward(achieved, desired, *info) - np.float32(offset)


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


def _announce_length(episodes: Episodes, run: Run) -> None:
    limit, steps = run.env.spec.horizon, run.schedule.n_steps
    if steps and episodes.num_steps < limit * run.env.num_env:
        run.logger.info(f"episodes end before {limit} steps, so there will be more of them, until {steps} were taken")


def _announce(config: HERConfig, demonstrations: ReplayBuffer | None, offset: float, run: Run) -> None:
    """Say what a cycle is, and what a user may not expect."""
    info, env = run.logger.info, run.env
    if not run.schedule.n_epochs:
        return
    info(
        f"a cycle: {counted(env.num_env, 'episode')} of at most {env.spec.horizon} steps and "
        f"{counted(config.n_batches, 'update')} of "
        f"{config.batch_size} transitions per worker"
    )
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
    if unseen := [entry for entry in env.spec.observation_sizes if entry not in GOAL_KEYS]:
        info(f"entries of the observation that the policy does not see: {', '.join(unseen)}")
