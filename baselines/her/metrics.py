"""The row that an epoch adds to the log; the README's glossary defines its keys."""

import numpy as np

from baselines.common.mpi import Communicator
from baselines.common.runs.clock import Clock
from baselines.her.ddpg import DDPG
from baselines.her.rollout import RolloutWorker


def epoch_metrics(
    epoch: int,
    agent: DDPG,
    rollout_worker: RolloutWorker,
    evaluator: RolloutWorker,
    losses: list[dict[str, float]],
    clock: Clock,
    comm: Communicator,
) -> dict[str, float]:
    """The keys that the README's glossary defines, in the order of the table: means or sums over all workers."""
    mean = _mean_over_workers(
        {
            "test/success_rate": evaluator.success_rate,
            "test/mean_Q": evaluator.mean_Q,
            "train/success_rate": rollout_worker.success_rate,
            "steps": rollout_worker.steps,
            "steps of epoch": rollout_worker.steps_of_epoch,
            **{key: float(np.mean([row[key] for row in losses])) for key in agent.metrics},
            **clock.finish_epoch(env_seconds(rollout_worker, evaluator)),
        },
        comm,
    )
    return {
        "epoch": epoch,
        "test/success_rate": mean["test/success_rate"],
        "test/mean_Q": mean["test/mean_Q"],
        "test/episode": evaluator.episodes * comm.size,
        "train/success_rate": mean["train/success_rate"],
        "train/episode": rollout_worker.episodes * comm.size,
        "stats_o/mean": float(agent.o_stats.mean.mean()),
        "stats_o/std": float(agent.o_stats.std.mean()),
        "stats_g/mean": float(agent.g_stats.mean.mean()),
        "stats_g/std": float(agent.g_stats.std.mean()),
        **{key: mean[key] for key in agent.metrics},
        "total/timesteps": round(mean["steps"] * comm.size),
        "total/updates": agent.updates * comm.size,
        "total/seconds": clock.seconds(),
        **{key: value for key, value in mean.items() if key.startswith("time/")},
        "fps": mean["steps of epoch"] * comm.size / mean["time/epoch"],
    }


def env_seconds(rollout_worker: RolloutWorker, evaluator: RolloutWorker) -> float:
    """Seconds spent in environments so far."""
    return sum(env.seconds for env in {rollout_worker.env, evaluator.env})  # which may be one and the same


def _mean_over_workers(values: dict[str, float], comm: Communicator) -> dict[str, float]:
    return dict(zip(values, comm.mean(np.array(list(values.values()), np.float64)).tolist()))
