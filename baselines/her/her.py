"""HER: `learn` builds and wires, `train` is the algorithm (1707.01495, algorithm 1)."""

import contextlib
import dataclasses
import functools
import os
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from baselines.common.errors import UserError
from baselines.common.files import make_writable
from baselines.common.mpi import Communicator, make_communicator
from baselines.common.seeding import env_seeds, make_rng, new_seed
from baselines.common.vec_env import gymnasium_env
from baselines.common.vec_env.base import GoalVecEnv
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig, make_config
from baselines.her.policy import read_policy, save_policy
from baselines.her.replay_buffer import ReplayBuffer
from baselines.her.rollout import RolloutWorker
from baselines.her.types import GoalEnvSpec
from baselines.logger import Logger, is_terminal


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long to train."""

    n_epochs: int
    n_cycles: int  # per epoch
    steps_per_cycle: int  # of one worker


def learn(
    *,
    network: str = "mlp",
    env,
    total_timesteps: float | None = None,
    n_epochs: int | None = None,
    seed: int | None = None,
    eval_env=None,
    load_path: str | None = None,
    save_path: str | None = None,
    logger: Logger | None = None,
    comm: Communicator | None = None,
    **config,
) -> DDPG:
    """Train an agent and return it; `agent.policy().act(observation)` is what it learnt.

    `env` is a Gymnasium goal environment, a vector of them, or what `make_vec_env` made. Give `total_timesteps` (of
    one worker) or `n_epochs`; 0 trains nothing. `config` holds fields of HERConfig. Raises UserError.
    """
    comm = comm or make_communicator()
    _share_threads(comm)
    logger = logger or Logger(quiet=comm.rank > 0)
    seed = new_seed(comm) if seed is None else seed
    if network != "mlp":
        raise UserError(f"--network={network}: HER has one network, 'mlp'; --layers and --hidden shape it")
    env = _as_vec_env(env, functools.partial(env_seeds, seed, comm.rank, "train"))
    loaded = read_policy(load_path) if load_path else None
    if loaded:
        _check_sizes(load_path, loaded[0], env.spec)
    settings = make_config(env.spec.env_id, config, loaded[1] if loaded else None)
    if save_path and comm.rank == 0:
        make_writable(save_path)
    agent = DDPG(env.spec, settings, make_rng(seed, 0, "weights"), comm)
    if loaded:
        agent.load_state(loaded[2])
    schedule = plan(total_timesteps, n_epochs, settings, env)
    logger.write_json(
        "config.json",
        {
            "alg": "her",
            "env": env.spec.env_id,
            "num_env": env.num_env,
            "workers": comm.size,
            "seed": seed,
            "total_timesteps": total_timesteps,
            "config": {**dataclasses.asdict(settings), "gamma": settings.discount(env.spec.horizon)},
            "schedule": dataclasses.asdict(schedule),
        },
    )
    logger.info(f"environments: {env.description}; seed: {seed}; logs: {logger.folder or 'none'}")
    _announce(schedule, settings, env, comm, logger, total_timesteps)
    save = _saver(agent, save_path, comm)
    if schedule.n_epochs > 0:
        test_env = _evaluation_env(env, eval_env, settings, seed, comm)
        if test_env is env:
            logger.info("evaluation: in the training environments, as no others can be made; or pass eval_env")
        evaluator = RolloutWorker(test_env)
        rollout_worker = RolloutWorker(env, make_rng(seed, comm.rank, "exploration"))
        buffer = ReplayBuffer(
            env.spec, settings.buffer_size, settings.future_p, env.compute_reward, make_rng(seed, comm.rank, "replay")
        )
        # More BLAS threads than one would spin between the policy's small products and steal the environments' cores.
        with threadpool_limits(1, "blas"):
            train(agent, rollout_worker, evaluator, buffer, schedule, comm, logger, save)
        if test_env is not env:
            test_env.close()
    save("latest")
    return agent


def train(
    agent: DDPG,
    rollout_worker: RolloutWorker,
    evaluator: RolloutWorker,
    buffer: ReplayBuffer,
    schedule: Schedule,
    comm: Communicator,
    logger: Logger,
    save: Callable[[str], None],
) -> None:
    """Epochs of cycles of batches. `save(name)` keeps the policy as it is."""
    config, clock = agent.config, Clock()
    timesteps, best = 0, -1.0
    for epoch in range(schedule.n_epochs):
        clock.start_epoch()
        rollout_worker.clear_history()
        steps_before, losses = timesteps, []
        for _ in _progress(schedule.n_cycles, epoch, comm):
            with clock.measure("rollout"):
                episodes = rollout_worker.generate(agent.policy())
                timesteps += episodes.num_steps
            with clock.measure("sample"):
                buffer.store(episodes)
                agent.update_normalizers(buffer.sample_from(episodes))
                batches = buffer.sample(config.n_batches, config.batch_size)
            with clock.measure("train"):
                losses.append(agent.train(batches))
                agent.update_target_networks()
        with clock.measure("evaluate"):
            evaluate(agent, evaluator, rollout_worker.env.num_env * config.n_test_rollouts)

        env_seconds = rollout_worker.env_seconds + evaluator.env_seconds
        local = {
            "test/success_rate": evaluator.success_rate,
            "test/mean_Q": evaluator.mean_Q,
            "train/success_rate": rollout_worker.success_rate,
            **{key: float(np.mean([row[key] for row in losses])) for key in losses[0]},
            "steps": timesteps - steps_before,
            **clock.finish_epoch(env_seconds),
        }
        mean = dict(zip(local, comm.mean(np.array(list(local.values()), np.float64)).tolist()))
        total = int(comm.mean(np.array(float(timesteps))) * comm.size)
        logger.dump(_row(epoch, mean, agent, evaluator, rollout_worker, comm, total, clock), step=total)

        save("latest")
        if mean["test/success_rate"] >= best:
            best = mean["test/success_rate"]
            save("best")
        if config.policy_save_interval and (epoch + 1) % config.policy_save_interval == 0:
            save(f"epoch_{epoch}")


def evaluate(agent: DDPG, evaluator: RolloutWorker, num_episodes: int) -> None:
    """Roll out `num_episodes` without noise, in as many rounds as the evaluator's environments need."""
    evaluator.clear_history()
    policy = agent.policy("target" if agent.config.test_with_polyak else "main")
    for _ in range(-(-num_episodes // evaluator.env.num_env)):
        evaluator.generate(policy)


def plan(total_timesteps: float | None, n_epochs: int | None, config: HERConfig, env: GoalVecEnv) -> Schedule:
    """Whole epochs; fewer steps than one epoch make one shortened epoch; 0 makes none. Raises UserError."""
    if (total_timesteps is None) == (n_epochs is None):
        raise UserError("give either total_timesteps (--num_timesteps) or n_epochs")
    steps = env.spec.horizon * env.num_env
    if n_epochs is not None:
        _check_count("n_epochs", n_epochs)
        return Schedule(int(n_epochs), config.n_cycles, steps)
    _check_count("num_timesteps", total_timesteps)
    epochs = int(total_timesteps // (config.n_cycles * steps))
    if epochs == 0 and total_timesteps > 0:
        return Schedule(1, max(1, int(total_timesteps // steps)), steps)
    return Schedule(epochs, config.n_cycles, steps)


class Clock:
    """Seconds of each phase of an epoch."""

    def __init__(self):
        self._begin = time.perf_counter()
        self._env_seconds = 0.0

    def start_epoch(self) -> None:
        self._epoch_begin = time.perf_counter()
        self._seconds = dict.fromkeys(("rollout", "sample", "train", "evaluate"), 0.0)

    def measure(self, phase: str) -> "_Span":
        return _Span(self._seconds, phase)

    def finish_epoch(self, env_seconds: float) -> dict[str, float]:
        """`time/...` of the epoch; `env_seconds` is the time that environments took so far, in all epochs."""
        whole = time.perf_counter() - self._epoch_begin
        in_env, self._env_seconds = env_seconds - self._env_seconds, env_seconds
        times = {f"time/{phase}": seconds for phase, seconds in self._seconds.items()}
        times["time/env"] = in_env
        times["time/epoch"] = whole
        times["time/overhead"] = (whole - in_env - self._seconds["train"]) / whole
        return times

    def seconds(self) -> float:
        return time.perf_counter() - self._begin


class _Span:
    def __init__(self, seconds: dict[str, float], phase: str):
        self._seconds, self._phase = seconds, phase

    def __enter__(self):
        self._begin = time.perf_counter()

    def __exit__(self, *_):
        self._seconds[self._phase] += time.perf_counter() - self._begin


def _row(epoch, mean, agent, evaluator, rollout_worker, comm, total, clock) -> dict[str, float]:
    """The keys that the README's glossary defines, in the order of the table."""
    stats = {
        f"stats_{name}/{what}": float(getattr(normalizer, what).mean())
        for name, normalizer in (("o", agent.o_stats), ("g", agent.g_stats))
        for what in ("mean", "std")
    }
    return {
        "epoch": epoch,
        "test/success_rate": mean["test/success_rate"],
        "test/mean_Q": mean["test/mean_Q"],
        "test/episode": evaluator.episodes * comm.size,
        "train/success_rate": mean["train/success_rate"],
        "train/episode": rollout_worker.episodes * comm.size,
        **stats,
        **{key: value for key, value in mean.items() if key.startswith("loss/")},
        "total/timesteps": total,
        "total/updates": agent.updates * comm.size,
        "total/seconds": clock.seconds(),
        **{key: value for key, value in mean.items() if key.startswith("time/")},
        "fps": mean["steps"] * comm.size / mean["time/epoch"],
    }


def _progress(n_cycles: int, epoch: int, comm: Communicator):
    watched = comm.rank == 0 and is_terminal()
    return tqdm(range(n_cycles), f"epoch {epoch}", leave=False, unit="cycle", disable=not watched)


def _announce(schedule, config, env, comm, logger, total_timesteps) -> None:
    if schedule.n_epochs == 0:
        logger.info("training: none")
        return
    steps = schedule.n_epochs * schedule.n_cycles * schedule.steps_per_cycle
    if schedule.n_cycles < config.n_cycles:
        logger.info(
            f"{total_timesteps:g} steps are less than one epoch of {config.n_cycles * schedule.steps_per_cycle}: "
            "training one shortened epoch"
        )
    logger.info(
        f"training: {schedule.n_epochs} epochs x {schedule.n_cycles} cycles x {env.num_env} episodes x "
        f"{env.spec.horizon} steps = {steps} steps per worker, {steps * comm.size} over {comm.size} worker(s); "
        f"{config.n_batches} updates of {config.batch_size} transitions per cycle and worker"
    )
    if comm.size == 1:
        logger.info("hint: the papers train with 19 workers: mpirun -np 19 python -m baselines.run ...")


def _share_threads(comm: Communicator) -> None:
    if comm.size > 1:
        with contextlib.suppress(RuntimeError):  # the caller has used TensorFlow already
            tf.config.threading.set_intra_op_parallelism_threads(comm.share_of_cores())
            tf.config.threading.set_inter_op_parallelism_threads(1)


def _as_vec_env(env, seeds_for) -> GoalVecEnv:
    return env if isinstance(env, GoalVecEnv) else gymnasium_env.wrap(env, seeds_for)


def _evaluation_env(env: GoalVecEnv, eval_env, config: HERConfig, seed: int, comm: Communicator) -> GoalVecEnv:
    seeds_for = functools.partial(env_seeds, seed, comm.rank, "test")
    if eval_env is not None:
        return _as_vec_env(eval_env, seeds_for)
    num_env = evaluation_size(env.num_env * config.n_test_rollouts, max(env.num_env, 8 * comm.share_of_cores()))
    return env.another(num_env, seeds_for(num_env))


def evaluation_size(num_episodes: int, most: int) -> int:
    """The largest divisor of `num_episodes` up to `most`: every round is then a full one."""
    return max(n for n in range(1, min(num_episodes, most) + 1) if num_episodes % n == 0)


def _saver(agent: DDPG, save_path: str | None, comm: Communicator) -> Callable[[str], None]:
    def save(name: str) -> None:
        if save_path and comm.rank == 0:
            save_policy(os.path.join(save_path, name), agent.spec, agent.config, agent.state())

    return save


def _check_sizes(path: str, policy: GoalEnvSpec, env: GoalEnvSpec) -> None:
    different = [f"{k} {policy.sizes[k]} against {env.sizes[k]}" for k in env.sizes if policy.sizes[k] != env.sizes[k]]
    if different:
        raise UserError(
            f"the policy in {path} was trained on {policy.env_id} and does not fit {env.env_id}: {', '.join(different)}"
        )


def _check_count(name: str, value) -> None:
    if not 0 <= value < float("inf"):
        raise UserError(f"--{name}: expected a number of at least 0, got {value}")
