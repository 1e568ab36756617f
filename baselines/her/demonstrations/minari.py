"""Demonstrations from Minari's data sets, where `minari` is installed."""

from typing import Any

import numpy as np

from baselines.common.errors import UserError
from baselines.common.specs import task_of
from baselines.her.episodes import single_episode, stack_episodes
from baselines.her.types import EpisodeBatch, GoalEnvSpec


def read_minari(name: str, spec: GoalEnvSpec) -> EpisodeBatch:
    """All episodes of a data set on this machine. Raises UserError."""
    try:
        import minari
    except ImportError:
        raise UserError("--demo_file=minari:... needs Minari: pip install 'baselines-her[minari]'") from None
    try:
        dataset = minari.load_dataset(name)
        recorded_in = dataset.spec.env_spec
        if recorded_in is not None and task_of(recorded_in.id) != task_of(spec.env_id):
            raise ValueError(f"it is of {recorded_in.id}, not of {spec.env_id}")
        return stack_episodes([_episode(e) for e in dataset.iterate_episodes()], spec.horizon)
    except Exception as error:  # Minari and HDF5 each have their own kinds
        raise UserError(f"cannot read the Minari data set '{name}': {type(error).__name__}: {error}") from None


def _episode(episode: Any) -> EpisodeBatch:
    if not isinstance(episode.observations, dict):
        raise ValueError("its observations are not those of a goal environment")
    observations = {key: episode.observations[key] for key in ("observation", "achieved_goal", "desired_goal")}
    infos = episode.infos or {}
    flags = next((infos[key] for key in ("is_success", "success") if key in infos), [0])
    return single_episode(
        action=episode.actions, success=bool(np.asarray(flags)[-1]), reward=episode.rewards,
        terminated=bool(np.asarray(episode.terminations)[-1]), **observations,
    )  # fmt: skip
