"""The row that an epoch adds to the log; docs/ppo2.md defines its keys."""

import numpy as np

from baselines.ppo2.ppo import PPO
from baselines.ppo2.rollout import RolloutWorker
from baselines.runs.evaluation import Evaluation
from baselines.runs.run import Run


def epoch_metrics(agent: PPO, worker: RolloutWorker, tested: Evaluation, run: Run) -> dict[str, float]:
    """Means over the workers' evaluations, and over all episodes that ended in training in this epoch (nan: none)."""
    finished, losses = worker.finished, run.progress.losses
    if worker.says_success is None:
        worker.says_success = tested.success_rate is not None
    mean = run.mean(
        {
            "test/mean_return": tested.mean_return,
            "test/mean_length": tested.mean_length,
            "test/success_rate": np.nan if tested.success_rate is None else tested.success_rate,
            "finished": len(finished),
            "train/mean_return": sum(f.total for f in finished),
            "train/mean_length": sum(f.length for f in finished),
            "train/success_rate": sum(f.success or 0.0 for f in finished),
            "episodes": worker.episodes,
            "steps": worker.steps,
            **{key: float(np.mean([row[key] for row in losses])) for key in agent.metrics},
        }
    )
    train = {key: mean[key] / mean["finished"] if mean["finished"] else np.nan for key in mean if key[:6] == "train/"}
    shown = {**{key: value for key, value in mean.items() if key.startswith("test/")}, **train}
    return {
        **{key: value for key, value in shown.items() if worker.says_success or not key.endswith("success_rate")},
        "train/episode": round(mean["episodes"] * run.comm.size),
        **{key: mean[key] for key in agent.metrics},
        "total/timesteps": round(mean["steps"] * run.comm.size),
        "total/updates": agent.updates * run.comm.size,
    }
