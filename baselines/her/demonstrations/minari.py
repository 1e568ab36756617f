"""Demonstrations from Minari's data sets, where `minari` is installed."""

from typing import Any

import numpy as np

from baselines.common.errors import UserError
from baselines.common.specs import GOAL_KEYS, EnvSpec, task_of
from baselines.envs.lockstep import Episode
from baselines.her.types import Episodes


def read_minari(name: str, spec: EnvSpec) -> Episodes:
    """Return all episodes of a data set on this machine. Raises UserError."""
    try:
        import minari
    except ImportError:
        raise UserError("--demo_file=minari:... needs Minari: pip install 'baselines-her[minari]'") from None
    try:
        dataset = minari.load_dataset(name)
        env = dataset.spec.env_spec
        if env is not None and task_of(env.id) != task_of(spec.env_id):
            raise ValueError(f"it was recorded in {env.id}, not in {spec.env_id}")
        return Episodes.of([_convert(episode) for episode in dataset.iterate_episodes()], spec)
    except Exception as error:  # Minari and HDF5 each have their own kinds
        raise UserError(f"cannot read the Minari data set '{name}': {type(error).__name__}: {error}") from None


def _convert(episode: Any) -> Episode:
    if not isinstance(episode.observations, dict):
        raise ValueError("its observations are not those of a goal environment")
    infos = episode.infos or {}
    successes = next((infos[key] for key in ("is_success", "success") if key in infos), [0])
    return Episode(
        observation={key: episode.observations[key] for key in GOAL_KEYS},
        action=episode.actions,
        reward=episode.rewards,
        success=bool(np.asarray(successes)[-1]),
        terminated=bool(np.asarray(episode.terminations)[-1]),
    )
