"""HER: `learn` builds and wires; the algorithm itself is in train.py."""

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

import baselines
from baselines.common.errors import UserError
from baselines.common.logger import Logger
from baselines.common.mpi import Communicator, make_communicator
from baselines.common.runs.signals import stop_requests
from baselines.common.seeding import env_seeds, make_rng, new_seed
from baselines.common.vec_env import gymnasium_env
from baselines.common.vec_env.base import GoalVecEnv
from baselines.her.checkpoints import Checkpoints, NoCheckpoints, Parts, Progress, read_run, restore
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.her_sampler import energy, movement
from baselines.her.policy import save_policy
from baselines.her.replay_buffer import Demonstrations, NoDemonstrations, ReplayBuffer
from baselines.her.rollout import RolloutWorker
from baselines.her.schedule import Schedule, announce
from baselines.her.start import Start, Wanted, check_sizes, find_start
from baselines.her.train import train

# Not by the number of cores: a run evaluates alike wherever it is resumed.
_EVALUATION_ENVS = 16


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
    checkpoint_interval: int = 1,
    resume: str | None = None,
    logger: Logger | None = None,
    comm: Communicator | None = None,
    **config,
) -> DDPG:
    """Train an agent and return it; `agent.policy().act(observation)` is what it learnt.

    `env` is a Gymnasium goal environment, a vector of them, or what `make_vec_env` made. Give `total_timesteps` (of
    one worker) or `n_epochs`; 0 trains nothing. `preset` names some of PRESETS' settings, `config` holds fields of
    HERConfig; a `demo_file` switches `bc_loss` on. With a logger that has a folder, the whole state is kept there every
    `checkpoint_interval` epochs (0: never), and `resume`, such a folder, goes on from it. Raises UserError, and
    Interrupted where Ctrl-C or SIGTERM stopped it in order.
    """
    if isinstance(checkpoint_interval, bool) or not isinstance(checkpoint_interval, int) or checkpoint_interval < 0:
        raise UserError(f"checkpoint_interval: expected a whole number of at least 0, got {checkpoint_interval!r}")
    comm = comm or make_communicator()
    share_threads(comm)
    logger = logger or Logger(quiet=comm.rank > 0)
    if network != "mlp":
        raise UserError(f"--network={network}: HER has one network, 'mlp'; --layers and --hidden shape it")
    run = read_run(resume) if resume else None
    seed = run.seed if run and seed is None else _seed(seed, comm)
    env = _as_vec_env(env, functools.partial(env_seeds, seed, comm.rank, "train"))
    if eval_env is not None:
        eval_env = _as_vec_env(eval_env, functools.partial(env_seeds, seed, comm.rank, "test"))
        check_sizes("the policy", env.spec, eval_env.spec)
    wanted = Wanted(
        preset, config, total_timesteps, n_epochs, demo_file, load_path, save_path, resume, checkpoint_interval
    )
    start = find_start(wanted, run, env, seed, comm, logger)
    agent = DDPG(env.spec, start.config, make_rng(seed, 0, "weights"), comm)
    if start.arrays:
        agent.load_state(start.arrays)
    save = _saver(agent, save_path, comm, logger)

    def tell() -> None:
        if resume:
            logger.go_on_from(start.snapshot[0]["positions"] if start.snapshot else {})
        logger.write_json("config.json", _document(env, start.config, start.schedule, seed, comm))
        logger.info(f"environments: {env.description}; seed: {seed}; logs: {logger.folder or 'none'}")
        announce(start.schedule, start.config, env, comm, logger, total_timesteps)

    if start.schedule.n_epochs == 0:
        tell()
        save("latest")  # as each epoch does
        return agent
    buffer = _buffer(env, start.config, make_rng(seed, comm.rank, "replay"))
    train_seeds, test_seeds = (functools.partial(env_seeds, seed, comm.rank, p) for p in ("train", "test"))
    exploration = make_rng(seed, comm.rank, "exploration")
    rollout_worker = RolloutWorker(env, exploration, functools.partial(train_seeds, env.num_env))
    # More BLAS threads than one would spin between the policy's small products and steal the environments' cores.
    with threadpool_limits(1, "blas"), _evaluation_env(env, eval_env, start.config, seed, comm) as test_env:
        evaluator = RolloutWorker(test_env, seeds=functools.partial(test_seeds, test_env.num_env))
        demonstrations = _demonstrations(start, agent, env, comm, seed)
        parts = Parts(agent, rollout_worker, evaluator, buffer, demonstrations)
        progress = restore(parts, *start.snapshot) if start.snapshot else Progress()
        tell()  # not before all that is given is known to be sound
        start = start._replace(snapshot=None, arrays=None, demonstrated=None)  # as large as the replay buffer
        if demonstrations.rows:
            _tell_of(demonstrations, start.config, logger)
        if test_env is env:
            logger.info("evaluation: in the training environments, as no others can be made; or pass eval_env")
        with _checkpoints(checkpoint_interval, start.schedule, parts, comm, logger) as checkpoints:
            train(*parts, start.schedule, comm, logger, save, checkpoints, progress)
    return agent


def _seed(seed: int | None, comm: Communicator) -> int:
    seed = new_seed(comm) if seed is None else seed
    if not isinstance(seed, numbers.Integral) or seed < 0:
        raise UserError(f"seed: expected a whole number of at least 0, got {seed!r}")
    return int(seed)


@contextlib.contextmanager
def _checkpoints(
    interval: int, schedule: Schedule, parts: Parts, comm: Communicator, logger: Logger
) -> Iterator[Checkpoints | NoCheckpoints]:
    if not interval or logger.shared_folder is None:
        yield NoCheckpoints()
        return
    with stop_requests(quiet=comm.rank > 0) as request:
        yield Checkpoints(interval, schedule.n_cycles, parts, request, comm, logger)


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
    env: GoalVecEnv, eval_env: GoalVecEnv | None, config: HERConfig, seed: int, comm: Communicator
) -> Iterator[GoalVecEnv]:
    """The user's own, or environments of the same task, which are closed in the end."""
    if eval_env is not None:
        yield eval_env
        return
    seeds_for = functools.partial(env_seeds, seed, comm.rank, "test")
    num_env = evaluation_size(env.num_env * config.n_test_rollouts, max(env.num_env, _EVALUATION_ENVS))
    test_env = env.another(num_env, seeds_for(num_env))
    yield test_env
    if test_env is not env:
        test_env.close()


def evaluation_size(num_episodes: int, most: int) -> int:
    """The largest divisor of `num_episodes` up to `most`: every round is then a full one."""
    return max(n for n in range(1, min(num_episodes, most) + 1) if num_episodes % n == 0)


def _buffer(env: GoalVecEnv, config: HERConfig, rng: np.random.Generator) -> ReplayBuffer:
    priority = None
    if config.replay_priority != "none":
        if config.replay_priority == "energy" and env.spec.goal_size != 3:
            raise UserError(
                f"replay_priority=energy needs goals that are places (x, y, z); those of {env.spec.env_id} have "
                f"{env.spec.goal_size} numbers: use --replay_priority=movement and a --priority_clip that suits them"
            )
        kind = {"movement": movement, "energy": energy}[config.replay_priority]
        priority = functools.partial(kind, floor=config.priority_floor, clip=config.priority_clip)
    return ReplayBuffer(env.spec, config.buffer_size, config.future_p, env.compute_reward, rng, priority)


def _demonstrations(
    start: Start, agent: DDPG, env: GoalVecEnv, comm: Communicator, seed: int
) -> Demonstrations | NoDemonstrations:
    """The buffer that they fill exactly; the normalizers learn from them too. A snapshot brings its own."""
    config = agent.config
    if not config.bc_loss:
        return NoDemonstrations()
    count = (
        len(start.snapshot[1].get("demonstrations/length", ())) if start.snapshot else len(start.demonstrated.length)
    )
    exactly = dataclasses.replace(config, buffer_size=max(1, count) * env.spec.horizon, replay_priority="none")
    buffer = _buffer(env, exactly, make_rng(seed, comm.rank, "demonstrations"))
    if not start.snapshot:
        buffer.store(start.demonstrated)
        agent.update_normalizers(buffer.sample_from(start.demonstrated))
    return Demonstrations(buffer, config.demo_rows)


def _tell_of(demonstrations: Demonstrations, config: HERConfig, logger: Logger) -> None:
    count = demonstrations.buffer.num_episodes
    fewer = f" (the file has no more; num_demo is {config.num_demo})" if count < config.num_demo else ""
    logger.info(f"demonstrations: {count} episodes{fewer}, {config.demo_rows} of {config.batch_size} rows a batch")


def _saver(agent: DDPG, save_path: str | None, comm: Communicator, logger: Logger) -> Callable[[str], None]:
    def save(name: str) -> None:
        if save_path and comm.rank == 0:
            path = os.path.join(save_path, name)
            try:
                save_policy(path, agent.spec, agent.config, agent.state())
            except OSError as error:
                logger.warn(f"cannot save the policy to {path}: {error.strerror or error}; training goes on")

    return save


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
