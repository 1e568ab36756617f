"""Demonstrations from Minari's data sets, where `minari` is installed.

A data set is read in a child process with limits, which runs this file: a file of HDF5 may be packed as an archive is.
"""

import importlib.util
import json
import os
import sys
from typing import IO, Any

import numpy as np

from baselines.common.errors import UserError
from baselines.common.specs import GOAL_KEYS, EnvSpec, task_of
from baselines.envs.lockstep import Episode
from baselines.her.demonstrations.openai import answer, run_child
from baselines.her.types import Episodes
from baselines.storage import check_own_files

_OPEN_FILES = 256  # at once


def convert_minari(name: str, output: IO[bytes], spec: EnvSpec, max_episodes: int | None) -> None:
    """Write the episodes of a data set on this machine to `output`, as an .npz file. Raises ValueError, UserError."""
    if importlib.util.find_spec("minari") is None:
        raise UserError("--demo_file=minari:... needs Minari: pip install 'baselines-her[minari]'")
    arguments = [name, json.dumps(spec.document()), json.dumps(max_episodes)]
    run_child(__file__, arguments, None, output, path=sys.path)


# ---- in the child process ----


def convert(name: str, spec: EnvSpec, max_episodes: int | None) -> dict[str, np.ndarray]:
    """Return the first episodes as arrays of our own format. Raises ValueError."""
    import minari
    from minari.dataset.minari_storage import MinariStorage

    root = os.environ.get("MINARI_DATASETS_PATH") or os.path.expanduser(os.path.join("~", ".minari", "datasets"))
    folder = os.path.join(root, name, "data")
    try:
        check_own_files(folder)
        metadata = MinariStorage.read_raw_metadata(folder)
        # Without them Minari would make the environment that the metadata name, which may be any function.
        if not all(isinstance(metadata.get(key), str) for key in ("observation_space", "action_space")):
            raise ValueError("its metadata have no spaces")
        dataset = minari.MinariDataset(folder)
        env = dataset.spec.env_spec
        if env is not None and task_of(env.id) != task_of(spec.env_id):
            raise ValueError(f"it was recorded in {env.id}, not in {spec.env_id}")
        count = range(dataset.total_episodes)[:max_episodes]
        episodes = Episodes.of([_episode(episode) for episode in dataset.iterate_episodes(count)], spec)
    except Exception as error:  # Minari and HDF5 each have their own kinds
        raise ValueError(f"{type(error).__name__}: {error}") from None
    return {("is_success" if k == "success" else k): x for k, x in episodes._asdict().items() if k != "info"}


def _episode(episode: Any) -> Episode:
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


if __name__ == "__main__":
    name, document, most = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
    answer(lambda: convert(name, EnvSpec.from_document(document), most), _OPEN_FILES)
