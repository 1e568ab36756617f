"""HER: `learn` builds and wires; the algorithm itself is in train.py."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from baselines.common.errors import UserError
from baselines.common.mpi import Communicator
from baselines.envs.base import SUCCESS_BY_REWARD, VecEnv
from baselines.envs.reward import RewardFunction
from baselines.her.checks import end_value, reward_shift, warnings_of
from baselines.her.ddpg import DDPG
from baselines.her.demonstrations import read_demonstrations
from baselines.her.experiment.config import HERConfig
from baselines.her.exploration import Exploration, NoGuide, Script
from baselines.her.her_sampler import energy, movement
from baselines.her.relay import Relay
from baselines.her.replay_buffer import Demonstrations, NoDemonstrations, ReplayBuffer
from baselines.her.rollout import RolloutWorker
from baselines.her.train import train
from baselines.her.types import EpisodeBatch, GoalEnvSpec
from baselines.learning.networks import share_threads
from baselines.policies.policy import check_complete
from baselines.runs.run import Run


def learn(env: VecEnv, config: HERConfig, run: Run) -> DDPG:
    """Train an agent and return it; `agent.policy().act(observation)` is what it learnt. Raises UserError."""
    share_threads(run.comm)
    spec = GoalEnvSpec.of(env.spec)
    assert env.compute_reward is not None
    _ = env.compute_reward.goal_reward  # which raises where it cannot be called
    after_end = end_value(config, env.compute_reward, spec.horizon)
    agent = DDPG(spec, config, run.rng("weights", shared=True), run.comm, after_end)
    schedule = run.plan(config.n_cycles, spec.horizon * env.num_env, losses=agent.metrics)
    if run.initial_policy:
        if schedule.n_epochs:
            check_complete(run.initial_policy)
        agent.begin_from(run.initial_policy)
    buffer = make_buffer(env, config, config.buffer_size, run.rng("replay"))
    demonstrations = _demonstrations(agent, env, run)
    test_env = run.evaluation_env(env.num_env * config.n_test_rollouts)
    guide = make_guide(spec, config, run.rng, run.comm)
    exploration = Exploration(config, env.num_env, spec.action_size, run.rng("exploration"), guide)
    look = functools.partial(_look_at, config=config, env=env, run=run)
    rollout_worker = RolloutWorker(env, exploration, run.seeds_for("train", env.num_env), look)
    evaluator = RolloutWorker(test_env, seeds=run.seeds_for("test", test_env.num_env))
    run.register(
        agent, rollout_worker=rollout_worker, evaluator=evaluator, exploration=exploration, buffer=buffer,
        demonstrations=demonstrations,
    )  # fmt: skip
    # More BLAS threads than one would spin between the policy's small products and steal the environments' cores.
    with threadpool_limits(1, "blas"):
        run.begin()
        _announce(config, demonstrations, test_env, run)
        train(agent, rollout_worker, evaluator, buffer, demonstrations, guide, run)
    return agent


def _look_at(episodes: EpisodeBatch, config: HERConfig, env: VecEnv, run: Run) -> None:
    """Warn of what would not learn; the first episodes show it."""
    assert env.compute_reward is not None
    if not env.reports_success:
        run.logger.info(SUCCESS_BY_REWARD)
    for line in warnings_of(episodes, config, env.compute_reward):
        run.logger.warn(line)


def make_guide(
    spec: GoalEnvSpec, config: HERConfig, rng: Callable[..., np.random.Generator], comm: Communicator
) -> NoGuide:
    """What `config.guide` names; `rng(purpose)` makes its generators."""
    if config.guide == "script":
        return Script(config)
    if config.guide == "relay":
        return Relay(spec, config, rng("relay weights", shared=True), rng("relay"), comm)
    return NoGuide()


def make_buffer(env: VecEnv, config: HERConfig, capacity: int, rng: np.random.Generator) -> ReplayBuffer:
    """A replay buffer of `capacity` transitions, which draws episodes as `config` says."""
    priority = None
    if config.replay_priority != "none":
        kind = {"movement": movement, "energy": energy}[config.replay_priority]
        priority = functools.partial(kind, floor=config.priority_floor, clip=config.priority_clip)
    assert env.compute_reward is not None
    reward: RewardFunction = env.compute_reward
    if shift := reward_shift(config, env.compute_reward):
        reward = functools.partial(_shifted, env.compute_reward, shift)
    size = env.compute_reward.info_size
    return ReplayBuffer(GoalEnvSpec.of(env.spec), capacity, config.relabelled_p, reward, rng, priority, size)


def _shifted(compute: RewardFunction, shift: float, *goals_and_info: np.ndarray) -> np.ndarray:
    return compute(*goals_and_info) - np.float32(shift)


def _demonstrations(agent: DDPG, env: VecEnv, run: Run) -> Demonstrations | NoDemonstrations:
    """The normalizers learn from them too. The state of a resumed run brings its own."""
    config, rng = agent.config, run.rng("demonstrations")
    if not config.demo_file:
        return NoDemonstrations()
    alike = dataclasses.replace(config, replay_priority="none")
    horizon = agent.spec.horizon
    assert env.compute_reward is not None
    if names := ", ".join(env.compute_reward.reward_info):
        raise UserError(f"demo_file: demonstrations hold no info, of which compute_reward reads {names}")
    demonstrations = Demonstrations(lambda n: make_buffer(env, alike, n * horizon, rng), config.demo_rows)
    if not run.saved:
        episodes = read_demonstrations(config.demo_file, agent.spec, config.num_demo)
        demonstrations.store(episodes)
        agent.update_normalizers(demonstrations.buffer.sample_from(episodes))
    return demonstrations


def _announce(config: HERConfig, demonstrations: Demonstrations | NoDemonstrations, test_env: VecEnv, run: Run) -> None:
    """Say what a cycle is, and what a user may not expect."""
    info, env = run.logger.info, run.env
    if not run.schedule.n_epochs:
        return
    info(
        f"a cycle: {env.num_env} episodes of {env.spec.horizon} steps and {config.n_batches} updates of "
        f"{config.batch_size} transitions per worker"
    )
    if run.comm.size == config.simulated_workers == 1 and config.target_interval == 0:
        info("hint: one process learns fastest with --preset=single; the papers' 19 workers: mpirun -np 19 ...")
    if isinstance(demonstrations, Demonstrations):
        count = demonstrations.buffer.num_episodes
        fewer = f" (the file has no more; num_demo is {config.num_demo})" if count < config.num_demo else ""
        info(f"demonstrations: {count} episodes{fewer}, {config.demo_rows} of {config.batch_size} rows a batch")
    assert env.compute_reward is not None
    if shift := reward_shift(config, env.compute_reward):
        info(f"the goal pays {shift:g}: rewards are learnt less {shift:g}, so that clip_return bounds returns by 0")
    if test_env is env:
        info("evaluation: in the training environments, as no others can be made; or pass eval_env")
