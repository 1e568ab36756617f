"""HER itself: epochs of cycles of batches (1707.01495, algorithm 1)."""

from baselines.her.ddpg import DDPG
from baselines.her.exploration import NoGuide
from baselines.her.metrics import epoch_metrics
from baselines.her.replay_buffer import Demonstrations, NoDemonstrations, ReplayBuffer
from baselines.her.rollout import RolloutWorker
from baselines.runs.clock import Clock
from baselines.runs.run import Run


def train(
    agent: DDPG,
    rollout_worker: RolloutWorker,
    evaluator: RolloutWorker,
    buffer: ReplayBuffer,
    demonstrations: Demonstrations | NoDemonstrations,
    guide: NoGuide,
    run: Run,
) -> None:
    """Epochs of cycles of batches, from where the run stands."""
    for epoch in run.epochs():
        rollout_worker.start_epoch(epoch)
        for _ in run.cycles():
            run.progress.losses.append(train_cycle(agent, rollout_worker, buffer, demonstrations, guide, run.clock))
        with run.clock.measure("evaluate"):
            evaluator.start_epoch(epoch)
            evaluate(agent, evaluator, rollout_worker.env.num_env * agent.config.n_test_rollouts)
        metrics = epoch_metrics(agent, rollout_worker, evaluator, run)
        rollout_worker.end_epoch()
        run.end_epoch(metrics, score=metrics["test/success_rate"])


def train_cycle(
    agent: DDPG,
    rollout_worker: RolloutWorker,
    buffer: ReplayBuffer,
    demonstrations: Demonstrations | NoDemonstrations,
    guide: NoGuide,
    clock: Clock,
) -> dict[str, float]:
    """One episode in each environment, `n_batches` updates, one step of the targets. Returns the mean losses."""
    config = agent.config
    with clock.measure("rollout"):
        episodes = rollout_worker.generate(agent.policy("main"))
    with clock.measure("sample"):
        buffer.store(episodes)
        agent.update_normalizers(buffer.sample_from(episodes))
        own = buffer.sample(config.n_batches, config.batch_size - demonstrations.rows)
        batches = demonstrations.fill(own)
    with clock.measure("train" if agent.compiled else "compile"):
        losses = agent.train(batches)
        agent.end_cycle()
        guide.train(buffer, episodes)
    return losses


def evaluate(agent: DDPG, evaluator: RolloutWorker, num_episodes: int) -> None:
    """Roll out `num_episodes` without noise, in as many rounds as the evaluator's environments need."""
    policy = agent.policy()
    for _ in range(-(-num_episodes // evaluator.env.num_env)):
        evaluator.generate(policy)
