"""HER itself: epochs of cycles of batches (1707.01495, algorithm 1)."""

from collections.abc import Callable

from tqdm import tqdm

from baselines.common.logger import Logger, is_terminal
from baselines.common.mpi import Communicator
from baselines.common.runs.clock import Clock
from baselines.her.checkpoints import Checkpoints, NoCheckpoints, Progress
from baselines.her.ddpg import DDPG
from baselines.her.metrics import env_seconds, epoch_metrics
from baselines.her.replay_buffer import Demonstrations, NoDemonstrations, ReplayBuffer
from baselines.her.rollout import RolloutWorker
from baselines.her.schedule import Schedule


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
    checkpoints: Checkpoints | NoCheckpoints,
    progress: Progress,
) -> None:
    """Epochs of cycles of batches, from where `progress` stands. `save(name)` keeps the policy as it is."""
    config, clock = agent.config, Clock(env_seconds(rollout_worker, evaluator), progress.seconds)
    for epoch in range(progress.epoch, schedule.n_epochs):
        clock.start_epoch()
        if progress.cycle == 0:
            rollout_worker.start_epoch(epoch)
        for cycle in _bar(progress.cycle, schedule.n_cycles, epoch, comm):
            progress.losses.append(train_cycle(agent, rollout_worker, buffer, demonstrations, clock))
            progress.cycle, progress.seconds = cycle + 1, clock.seconds()
            checkpoints.after_cycle(progress)
        with clock.measure("evaluate"):
            evaluator.start_epoch(epoch)
            evaluate(agent, evaluator, rollout_worker.env.num_env * config.n_test_rollouts)

        metrics = epoch_metrics(epoch, agent, rollout_worker, evaluator, progress.losses, clock, comm)
        logger.dump(metrics, step=metrics["total/timesteps"])
        save("latest")
        if metrics["test/success_rate"] >= progress.best:
            save("best")
        if config.policy_save_interval and (epoch + 1) % config.policy_save_interval == 0:
            save(f"epoch_{epoch}")
        best = max(progress.best, metrics["test/success_rate"])
        progress = Progress(epoch + 1, best=best, seconds=clock.seconds())
        checkpoints.after_epoch(progress)


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


def _bar(first: int, n_cycles: int, epoch: int, comm: Communicator):
    watched = comm.rank == 0 and is_terminal()
    rest = range(first, n_cycles)
    return tqdm(rest, f"epoch {epoch}", leave=False, unit="cycle", disable=not watched, initial=first, total=n_cycles)
