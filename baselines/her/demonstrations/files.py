"""Files of demonstrations: our own format, OpenAI Baselines' files and Minari's data sets.

Our format is an `.npz` of plain arrays for N episodes, the longest of T steps: `observation` [N, T + 1, o],
`achieved_goal` [N, T + 1, g], `desired_goal` [N, T, g], `action` [N, T, u] in the environment's own units, `reward`
[N, T], `is_success` [N], `length` [N] and, if known, `terminated` [N] for episodes that no time limit ended. `header`
has the bytes of a JSON object: format, env_id, versions of libraries, generator, seed.
"""

import importlib.metadata
import json
import os
import tempfile
import zipfile
from collections.abc import Sequence
from typing import IO, Any

import numpy as np

from baselines.common.errors import UserError
from baselines.common.specs import GOAL_KEYS, EnvSpec, task_of
from baselines.envs.lockstep import Episode
from baselines.her.demonstrations.minari import read_minari
from baselines.her.demonstrations.openai import convert_in_child
from baselines.her.experiment.config import check_goal_env
from baselines.her.types import Episodes
from baselines.storage import replace_file

FORMAT = "baselines.her demonstrations 2"
MAX_BYTES = 1 << 30  # of all arrays of a file
_LIBRARIES = ("numpy", "gymnasium", "gymnasium-robotics", "mujoco", "envpool")


def write_demonstrations(
    path: str, episodes: Sequence[Episode], spec: EnvSpec, generator: str = "", seed: int | None = None
) -> None:
    """Write episodes, whose actions are in the environment's own units, to an `.npz` file.

    `generator` names the person, script or policy that acted. A failed write leaves no file, and an earlier file
    unchanged. Raises UserError if the episodes do not fit `spec` or the file cannot be written.
    """
    if not spec.has_goals:
        raise UserError(f"demonstrations need a goal environment; {spec.env_id} has no goals")
    versions = {x.name: x.version for x in importlib.metadata.distributions() if x.name in _LIBRARIES}
    header = {"format": FORMAT, "env_id": spec.env_id, "generator": generator, "seed": seed, "versions": versions}
    try:
        fields = Episodes.of([episode._replace(reward_info=None) for episode in episodes], spec)._asdict()
        arrays = {("is_success" if name == "success" else name): x for name, x in fields.items() if name != "info"}
        if arrays["length"].max(initial=0) > spec.horizon or sum(x.nbytes for x in arrays.values()) > MAX_BYTES:
            raise ValueError(f"it would have episodes above {spec.horizon} steps, or more than {MAX_BYTES >> 20} MiB, "
                             "and could not be read")  # fmt: skip
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
        with replace_file(path) as file:
            np.savez_compressed(file, **arrays)
    except ValueError as error:
        raise UserError(f"cannot write {path}: {error}") from None
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None


def read_demonstrations(path: str, spec: EnvSpec, max_episodes: int | None = None) -> Episodes:
    """Return the first `max_episodes` episodes of a file, or all, with actions scaled to [-1, 1].

    `path` is a file of our format or of OpenAI Baselines, or `minari:NAME`. Nothing in a file is executed. Raises
    UserError, naming the episode and the field, if the file does not fit `spec`.
    """
    check_goal_env(spec)
    try:
        if path.startswith("minari:"):
            episodes = read_minari(path.removeprefix("minari:"), spec)
        else:
            episodes = _read_file(path, spec, max_episodes)
        return _checked(episodes, spec).select(slice(max_episodes))
    except UserError:
        raise
    except Exception as error:  # damaged archives fail in many ways
        kind = "" if isinstance(error, (OSError, ValueError)) else f"{type(error).__name__}: "
        raise UserError(f"cannot read demonstrations {path}: {kind}{' '.join(str(error).split())}") from None


def _read_file(path: str, spec: EnvSpec, max_episodes: int | None) -> Episodes:
    if not os.path.isfile(path):
        raise ValueError("it is a folder; give the .npz file" if os.path.isdir(path) else "there is no such file")
    with open(path, "rb") as file, _open_archive(file) as archive:
        if not {"acs", "obs"} <= set(archive.files):
            _check_header(archive, spec)
            return _episodes(archive, spec)
        T, o, g = spec.horizon, spec.observation_size, spec.goal_size
        shapes = dict(
            observation=(T + 1, o), achieved_goal=(T + 1, g), desired_goal=(T, g), action=(T, spec.action_size)
        )
        with tempfile.TemporaryFile() as plain:
            convert_in_child(file, plain, shapes, max_episodes)
            return _episodes(_open_archive(plain), spec)


def _open_archive(file: IO[bytes]) -> Any:
    """Return NumPy's view of an archive whose contents may be read: a mapping from names to arrays."""
    if not zipfile.is_zipfile(file):
        raise ValueError("it is not an .npz file")
    file.seek(0)
    archive = np.load(file, allow_pickle=False)
    members = archive.zip.infolist()
    if {member.compress_type for member in members} - {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ValueError("it is compressed in a way that NumPy does not use")  # LZMA reserves as much as a file claims
    if sum(member.file_size for member in members) > MAX_BYTES:
        raise ValueError(f"its arrays have more than {MAX_BYTES >> 20} MiB")
    return archive


def _check_header(archive: Any, spec: EnvSpec) -> None:
    if "header" not in archive:
        raise ValueError("it has neither the arrays of our format nor acs and obs, those of OpenAI Baselines")
    header = json.loads(archive["header"].tobytes())
    file_format = header.get("format") if isinstance(header, dict) else None
    if file_format == "baselines.her demonstrations 1":
        raise ValueError("it was written by version 0.3.0: convert it with version 0.4.0, or record it again")
    if file_format != FORMAT:
        raise ValueError(f"its header does not have the format '{FORMAT}'")
    if task_of(str(header.get("env_id"))) != task_of(spec.env_id):
        raise ValueError(f"it was recorded in {header.get('env_id')}, not in {spec.env_id}")


def _episodes(archive: Any, spec: EnvSpec) -> Episodes:
    fields = Episodes.zeros(spec, 1, steps=0)._asdict()
    count = np.size(archive["length"]) if "length" in archive else 0
    for name, example in fields.items():
        stored = "is_success" if name == "success" else name
        if stored in archive:
            with np.errstate(all="ignore"):  # infinity is refused later
                fields[name] = np.asarray(archive[stored]).astype(example.dtype)
        elif name == "terminated":
            fields[name] = np.zeros(count, bool)
        elif name == "info":
            fields[name] = np.zeros((count, np.shape(fields["reward"])[-1], 0))
        else:
            raise ValueError(f"it has no array '{stored}'")
    return Episodes(**fields)


def _checked(episodes: Episodes, spec: EnvSpec) -> Episodes:
    """Return the episodes with actions in [-1, 1]. Raises ValueError for wrong shapes, lengths and numbers."""
    N, T = episodes.length.size, episodes.action.shape[1] if episodes.action.ndim == 3 else 0
    if N == 0:
        raise ValueError("it holds no episodes")
    for name, example in Episodes.zeros(spec, 1, steps=T)._asdict().items():
        actual, shape = getattr(episodes, name).shape, (N, *example.shape[1:])
        if actual != shape:
            raise ValueError(
                f"{name} has the shape {list(actual)}, but {spec.env_id} needs {list(shape)} (episodes, steps, size)"
            )
    low, high = spec.actions.bounds(spec.action_size)
    with np.errstate(over="ignore"):
        episodes = episodes._replace(action=spec.actions.from_env(episodes.action))
    for i, length in enumerate(episodes.length):
        if not 1 <= length <= min(T, spec.horizon):
            raise ValueError(f"episode {i} has length {length}, expected 1 to {min(T, spec.horizon)}")
        for name in (*GOAL_KEYS, "action"):
            if not np.isfinite(getattr(episodes, name)[i, : length + 1]).all():
                raise ValueError(f"episode {i} has NaN or infinity in {name}")
        largest = np.abs(episodes.action[i, :length]).max(0)  # [u]
        if largest.max() > 1 + 1e-4:
            j = np.argmax(largest)
            bounds = f"[{low[j]:g}, {high[j]:g}], the bounds of {spec.env_id} (coordinate {j})"
            raise ValueError(f"episode {i} has actions outside {bounds}")
    return episodes
