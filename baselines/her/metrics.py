"""The row that an epoch adds to the log; docs/logs.md defines its keys."""

import numpy as np

from baselines.her.ddpg import DDPG
from baselines.her.rollout import RolloutWorker
from baselines.runs.run import Run


def epoch_metrics(agent: DDPG, rollout_worker: RolloutWorker, evaluator: RolloutWorker, run: Run) -> dict[str, float]:
    """The keys of the glossary, in the order of the table: means or sums over all workers."""
    workers = run.comm.size
    mean = run.mean(
        {
            "test/success_rate": evaluator.success_rate,
            "test/mean_Q": evaluator.mean_Q,
            "train/success_rate": rollout_worker.success_rate,
            "steps": rollout_worker.steps,
            **{key: float(np.mean([row[key] for row in run.progress.losses])) for key in agent.metrics},
        }
    )
    return {
        "test/success_rate": mean["test/success_rate"],
        "test/mean_Q": mean["test/mean_Q"],
        "test/episode": evaluator.episodes * workers,
        "train/success_rate": mean["train/success_rate"],
        "train/episode": rollout_worker.episodes * workers,
        "stats_o/mean": float(agent.o_stats.mean.mean()),
        "stats_o/std": float(agent.o_stats.std.mean()),
        "stats_g/mean": float(agent.g_stats.mean.mean()),
        "stats_g/std": float(agent.g_stats.std.mean()),
        **{key: mean[key] for key in agent.metrics},
        "total/timesteps": round(mean["steps"] * workers),
        "total/updates": agent.updates * workers,
    }
