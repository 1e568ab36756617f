"""HER: `learn` builds and wires, `train` is the algorithm (1707.01495, algorithm 1)."""

import contextlib
import dataclasses
import functools
import numbers
import os
from collections.abc import Callable, Iterator

import gymnasium
import numpy as np
import tensorflow as tf
from threadpoolctl import threadpool_limits
from tqdm import tqdm

import baselines
from baselines.common.clock import Clock
from baselines.common.errors import UserError
from baselines.common.files import check_writable
from baselines.common.mpi import Communicator, make_communicator
from baselines.common.seeding import env_seeds, make_rng, new_seed
from baselines.common.vec_env import gymnasium_env
from baselines.common.vec_env.base import GoalVecEnv
from baselines.her.ddpg import DDPG
from baselines.her.demonstrations import read_demonstrations
from baselines.her.experiment.config import HERConfig, make_config
from baselines.her.her_sampler import movement
from baselines.her.metrics import env_seconds, epoch_metrics
from baselines.her.policy import read_policy, save_policy
from baselines.her.replay_buffer import Demonstrations, NoDemonstrations, ReplayBuffer
from baselines.her.rollout import RolloutWorker
from baselines.her.schedule import Schedule, announce, plan
from baselines.her.types import EpisodeBatch, GoalEnvSpec
from baselines.logger import Logger, is_terminal


def learn(
    *,
    network: str = "mlp",
    env,
    total_timesteps: float | None = None,
    n_epochs: int | None = None,
    seed: int | None = None,
    eval_env=None,
    preset: str | None = None,
    demo_file: str | None = None,
    load_path: str | None = None,
    save_path: str | None = None,
    logger: Logger | None = None,
    comm: Communicator | None = None,
    **config,
) -> DDPG:
    """Train an agent and return it; `agent.policy().act(observation)` is what it learnt.

    `env` is a Gymnasium goal environment, a vector of them, or what `make_vec_env` made. Give `total_timesteps` (of
    one worker) or `n_epochs`; 0 trains nothing. `preset` names some of PRESETS' settings, `config` holds fields of
    HERConfig; a `demo_file` switches `bc_loss` on. Raises UserError.
    """
    comm = comm or make_communicator()
    share_threads(comm)
    logger = logger or Logger(quiet=comm.rank > 0)
    seed = new_seed(comm) if seed is None else seed
    if not isinstance(seed, numbers.Integral) or seed < 0:
        raise UserError(f"seed: expected a whole number of at least 0, got {seed!r}")
    if network != "mlp":
        raise UserError(f"--network={network}: HER has one network, 'mlp'; --layers and --hidden shape it")
    env = _as_vec_env(env, functools.partial(env_seeds, seed, comm.rank, "train"))
    if eval_env is not None:
        eval_env = _as_vec_env(eval_env, functools.partial(env_seeds, seed, comm.rank, "test"))
        _check_sizes("the policy", env.spec, eval_env.spec)
    loaded_config, loaded_arrays = _load(load_path, env.spec)
    if demo_file:
        config = {"bc_loss": True, **config}
    settings = make_config(env.spec.env_id, config, preset, loaded_config)
    demonstrated = _read_demonstrations(demo_file, settings, env.spec)
    schedule = plan(total_timesteps, n_epochs, settings, env)
    if save_path and comm.rank == 0:
        _check_save_path(save_path)
    buffer = _buffer(env, settings, make_rng(seed, comm.rank, "replay")) if schedule.n_epochs else None
    agent = DDPG(env.spec, settings, make_rng(seed, 0, "weights"), comm)
    if loaded_arrays:
        agent.load_state(loaded_arrays)
    logger.write_json("config.json", _document(env, settings, schedule, seed, comm))
    logger.info(f"environments: {env.description}; seed: {seed}; logs: {logger.folder or 'none'}")
    announce(schedule, settings, env, comm, logger, total_timesteps)
    save = _saver(agent, save_path, comm)
    if buffer:
        train_seeds, test_seeds = (functools.partial(env_seeds, seed, comm.rank, p) for p in ("train", "test"))
        exploration = make_rng(seed, comm.rank, "exploration")
        rollout_worker = RolloutWorker(env, exploration, functools.partial(train_seeds, env.num_env))
        # More BLAS threads than one would spin between the policy's small products and steal the environments' cores.
        with threadpool_limits(1, "blas"), _evaluation_env(env, eval_env, settings, seed, comm, logger) as test_env:
            demonstrations = _demonstrations(demonstrated, agent, env, comm, seed, logger)
            evaluator = RolloutWorker(test_env, seeds=functools.partial(test_seeds, test_env.num_env))
            train(agent, rollout_worker, evaluator, buffer, demonstrations, schedule, comm, logger, save)
    else:
        save("latest")  # as each epoch does
    return agent


def train(
    agent: DDPG,
    rollout_worker: RolloutWorker,
    evaluator: RolloutWorker,
    buffer: ReplayBuffer,
    demonstrations: Demonstrations | NoDemonstrations,
    schedule: Schedule,
    comm: Communicator,
    logger: Logger,
    save: Callable[[str], None],
) -> None:
    """Epochs of cycles of batches. `save(name)` keeps the policy as it is."""
    config, clock = agent.config, Clock(env_seconds(rollout_worker, evaluator))
    best = -1.0
    for epoch in range(schedule.n_epochs):
        clock.start_epoch()
        rollout_worker.start_epoch(epoch)
        losses = []
        for _ in _progress(schedule.n_cycles, epoch, comm):
            losses.append(train_cycle(agent, rollout_worker, buffer, demonstrations, clock))
        with clock.measure("evaluate"):
            evaluator.start_epoch(epoch)
            evaluate(agent, evaluator, rollout_worker.env.num_env * config.n_test_rollouts)

        metrics = epoch_metrics(epoch, agent, rollout_worker, evaluator, losses, clock, comm)
        logger.dump(metrics, step=metrics["total/timesteps"])
        save("latest")
        if metrics["test/success_rate"] >= best:
            best = metrics["test/success_rate"]
            save("best")
        if config.policy_save_interval and (epoch + 1) % config.policy_save_interval == 0:
            save(f"epoch_{epoch}")


def train_cycle(
    agent: DDPG,
    rollout_worker: RolloutWorker,
    buffer: ReplayBuffer,
    demonstrations: Demonstrations | NoDemonstrations,
    clock: Clock,
) -> dict[str, float]:
    """One episode in each environment, `n_batches` updates, one step of the targets. Returns the mean losses."""
    config = agent.config
    with clock.measure("rollout"):
        episodes = rollout_worker.generate(agent.policy())
    with clock.measure("sample"):
        buffer.store(episodes)
        agent.update_normalizers(buffer.sample_from(episodes))
        own = buffer.sample(config.n_batches, config.batch_size - demonstrations.rows)
        batches = demonstrations.fill(own)
    with clock.measure("train" if agent.compiled else "compile"):
        losses = agent.train(batches)
        agent.update_target_networks()
    return losses


def evaluate(agent: DDPG, evaluator: RolloutWorker, num_episodes: int) -> None:
    """Roll out `num_episodes` without noise, in as many rounds as the evaluator's environments need."""
    policy = agent.policy("target" if agent.config.test_with_polyak else "main")
    for _ in range(-(-num_episodes // evaluator.env.num_env)):
        evaluator.generate(policy)


def _progress(n_cycles: int, epoch: int, comm: Communicator):
    watched = comm.rank == 0 and is_terminal()
    return tqdm(range(n_cycles), f"epoch {epoch}", leave=False, unit="cycle", disable=not watched)


def share_threads(comm: Communicator) -> None:
    """Let TensorFlow use this worker's share of the cores; before anything is computed."""
    if comm.size > 1:
        with contextlib.suppress(RuntimeError):  # the caller has used TensorFlow already
            tf.config.threading.set_intra_op_parallelism_threads(comm.share_of_cores())
            tf.config.threading.set_inter_op_parallelism_threads(1)


def _as_vec_env(env, seeds_for) -> GoalVecEnv:
    if not isinstance(env, (GoalVecEnv, gymnasium.Env, gymnasium.vector.VectorEnv)):
        raise UserError(f"env: expected a Gymnasium environment or a vector of them, got {env!r}")
    return env if isinstance(env, GoalVecEnv) else gymnasium_env.wrap(env, seeds_for)


@contextlib.contextmanager
def _evaluation_env(
    env: GoalVecEnv, eval_env: GoalVecEnv | None, config: HERConfig, seed: int, comm: Communicator, logger: Logger
) -> Iterator[GoalVecEnv]:
    """The user's own, or environments of the same task, which are closed in the end."""
    if eval_env is not None:
        yield eval_env
        return
    seeds_for = functools.partial(env_seeds, seed, comm.rank, "test")
    num_env = evaluation_size(env.num_env * config.n_test_rollouts, max(env.num_env, 8 * comm.share_of_cores()))
    test_env = env.another(num_env, seeds_for(num_env))
    if test_env is env:
        logger.info("evaluation: in the training environments, as no others can be made; or pass eval_env")
    yield test_env
    if test_env is not env:
        test_env.close()


def evaluation_size(num_episodes: int, most: int) -> int:
    """The largest divisor of `num_episodes` up to `most`: every round is then a full one."""
    return max(n for n in range(1, min(num_episodes, most) + 1) if num_episodes % n == 0)


def _read_demonstrations(path: str | None, config: HERConfig, spec: GoalEnvSpec) -> EpisodeBatch | None:
    if config.bc_loss and not path:
        raise UserError("bc_loss needs demonstrations: give a --demo_file")
    if path and not config.bc_loss:
        raise UserError("--demo_file switches bc_loss on, which was switched off: give one or the other")
    return read_demonstrations(path, spec, config.num_demo) if path else None


def _buffer(env: GoalVecEnv, config: HERConfig, rng: np.random.Generator) -> ReplayBuffer:
    priority = None
    if config.replay_priority == "movement":
        priority = functools.partial(movement, floor=config.priority_floor, clip=config.priority_clip)
    return ReplayBuffer(env.spec, config.buffer_size, config.future_p, env.compute_reward, rng, priority)


def _demonstrations(
    episodes: EpisodeBatch | None, agent: DDPG, env: GoalVecEnv, comm: Communicator, seed: int, logger: Logger
) -> Demonstrations | NoDemonstrations:
    """The buffer that they fill exactly; the normalizers learn from them too."""
    if episodes is None:
        return NoDemonstrations()
    config, count = agent.config, len(episodes.length)
    exactly = dataclasses.replace(config, buffer_size=count * env.spec.horizon, replay_priority="none")
    buffer = _buffer(env, exactly, make_rng(seed, comm.rank, "demonstrations"))
    buffer.store(episodes)
    agent.update_normalizers(buffer.sample_from(episodes))
    fewer = f" (the file has no more; num_demo is {config.num_demo})" if count < config.num_demo else ""
    logger.info(f"demonstrations: {count} episodes{fewer}, {config.demo_rows} of {config.batch_size} rows a batch")
    return Demonstrations(buffer, config.demo_rows)


def _saver(agent: DDPG, save_path: str | None, comm: Communicator) -> Callable[[str], None]:
    def save(name: str) -> None:
        if save_path and comm.rank == 0:
            save_policy(os.path.join(save_path, name), agent.spec, agent.config, agent.state())

    return save


def _check_save_path(path: str) -> None:
    """Raise UserError where nothing can be saved, or where policies would be lost."""
    check_writable(path)
    for name in os.listdir(path) if os.path.isdir(path) else []:
        if name in ("latest", "best") or name.startswith("epoch_"):
            raise UserError(f"{path} holds policies of another run ({name}); choose another --save_path")


def _load(path: str | None, env: GoalEnvSpec) -> tuple[HERConfig | None, dict[str, np.ndarray] | None]:
    """Config and arrays of the policy in `path`, if any. Raises UserError where it does not fit the environment."""
    if path is None:
        return None, None
    policy, config, arrays = read_policy(path)
    _check_sizes(f"the policy in {path}", policy, env)
    return config, arrays


def _check_sizes(what: str, policy: GoalEnvSpec, env: GoalEnvSpec) -> None:
    different = [f"{k} {policy.sizes[k]} against {env.sizes[k]}" for k in env.sizes if policy.sizes[k] != env.sizes[k]]
    if different:
        trained_on = f"{what}, trained on {policy.env_id}, does not fit {env.env_id}"
        raise UserError(f"{trained_on}: {', '.join(different)}")


def _document(env: GoalVecEnv, config: HERConfig, schedule: Schedule, seed: int, comm: Communicator) -> dict:
    """What config.json tells: all that the agent really uses."""
    return {
        "alg": "her",
        "version": baselines.__version__,
        "env": env.spec.env_id,
        "num_env": env.num_env,
        "workers": comm.size,
        "seed": seed,
        "config": {**dataclasses.asdict(config), "gamma": config.discount(env.spec.horizon)},
        "schedule": dataclasses.asdict(schedule),
    }
