"""Demonstrations: files of whole episodes, of our own format or of OpenAI Baselines', and what training uses of them.

Our format is an `.npz` of plain arrays, N episodes of at most T steps: `observation` [N, T + 1, o], `achieved_goal`
[N, T + 1, g], `desired_goal` [N, T, g], `action` [N, T, u] in the environment's own units, `reward` [N, T],
`is_success` [N], `length` [N], and perhaps `terminated` [N], the episodes that no time limit ended; and `header`, the
bytes of a JSON object: format, env_id, versions of libraries, generator, seed.
"""

import importlib.metadata
import json
import os
from collections.abc import Mapping

import numpy as np

from baselines.common.errors import UserError
from baselines.common.specs import EnvSpec, task_of
from baselines.her.demonstrations.minari import read_minari
from baselines.her.demonstrations.openai import is_openai, read_openai
from baselines.her.episodes import episode_shapes, field_type, select
from baselines.her.types import EpisodeBatch, GoalEnvSpec
from baselines.storage.files import replace_file
from baselines.storage.npz import plain_array, read_members

FORMAT = "baselines.her demonstrations 2"
FORMAT_1 = "baselines.her demonstrations 1"  # until version 0.3.0, with actions in [-1, 1]
MOST_BYTES = 1 << 30  # of a file when unpacked
_FIELDS = {"success": "is_success"}  # where a file's name differs from EpisodeBatch's
_LIBRARIES = ("numpy", "gymnasium", "gymnasium-robotics", "mujoco", "envpool")


def write_demonstrations(
    path: str, episodes: EpisodeBatch, env_id: str, generator: str = "", seed: int | None = None
) -> None:
    """Write episodes to `path`, whole or not at all; `generator` says who or what acted.

    Actions are in the environment's own units; `stack_episodes` makes `episodes`. Raises UserError where the file
    cannot be written.
    """
    header = {
        "format": FORMAT,
        "env_id": env_id,
        "generator": generator,
        "seed": seed,
        "versions": {name: _version(name) for name in _LIBRARIES if _version(name)},
    }
    arrays = {_FIELDS.get(name, name): array for name, array in episodes._asdict().items() if name != "info"}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    try:
        with replace_file(path) as file:
            np.savez_compressed(file, **arrays)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None


def read_demonstrations(path: str, spec: GoalEnvSpec | EnvSpec, most: int | None = None) -> EpisodeBatch:
    """The first `most` episodes of a file, or all that it has, with actions in [-1, 1] of the environment's own bounds.

    Executes nothing. Raises UserError, naming the episode and the field, for what does not fit `spec`.
    """
    if isinstance(spec, EnvSpec):
        spec = GoalEnvSpec.of(spec)
    if path.startswith("minari:"):
        episodes = read_minari(path.removeprefix("minari:"), spec)
    else:
        episodes = _read_file(path, spec, most)
    _check(path, episodes, spec)
    in_unit = episodes._replace(action=spec.actions.from_env(episodes.action))
    _check_bounds(path, in_unit, spec)
    return select(in_unit, slice(most))


def _read_file(path: str, spec: GoalEnvSpec, most: int | None) -> EpisodeBatch:
    if not os.path.isfile(path):
        why = "it is a folder; give the .npz file" if os.path.isdir(path) else "there is no such file"
        raise UserError(f"no demonstrations at {path}: {why}")
    try:
        members = read_members(path, MOST_BYTES)
        if "header" in members:
            return _from_ours(members, spec)
        if is_openai(members):
            return read_openai(members, spec, most)
        raise ValueError("it has neither the arrays of our format nor acs and obs, those of OpenAI Baselines")
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"cannot read demonstrations {path}: {error}") from None


def _from_ours(members: Mapping[str, bytes], spec: GoalEnvSpec) -> EpisodeBatch:
    header = json.loads(plain_array(members["header"]).tobytes())
    if not isinstance(header, dict) or header.get("format") not in (FORMAT, FORMAT_1):
        raise ValueError(f"its header is not of format '{FORMAT}'")
    if task_of(str(header.get("env_id"))) != task_of(spec.env_id):
        raise ValueError(f"it is of {header.get('env_id')}, not of {spec.env_id}")
    arrays = {}
    for name in EpisodeBatch._fields:
        stored = _FIELDS.get(name, name)
        if stored in members:
            arrays[name] = _as_field(name, plain_array(members[stored]))
        elif name not in ("terminated", "info"):
            raise ValueError(f"it has no array '{stored}'")
    count = len(np.atleast_1d(arrays["length"]))
    arrays = {"terminated": np.zeros(count, bool), "info": np.zeros((count, spec.horizon, 0)), **arrays}
    if header["format"] == FORMAT_1:
        arrays["action"] = spec.actions.to_env(arrays["action"])
    return EpisodeBatch(**arrays)


def _check(path: str, episodes: EpisodeBatch, spec: GoalEnvSpec) -> None:
    """Raise UserError for what would train on nonsense."""
    N, T = len(episodes.length), spec.horizon
    if N == 0:
        raise UserError(f"demonstrations {path}: there are no episodes")
    for name, shape in episode_shapes(spec, N).items():
        found = getattr(episodes, name).shape
        if found != shape:
            raise UserError(
                f"demonstrations {path}: {name} has the shape {list(found)}, but {spec.env_id} needs {list(shape)} "
                "(episodes, steps, size)"
            )
    for i, length in enumerate(episodes.length):
        if not 1 <= length <= T:
            raise UserError(f"demonstrations {path}: episode {i} has length {length}, expected 1 to {T}")
        for name in ("observation", "achieved_goal", "desired_goal", "action"):
            valid = getattr(episodes, name)[i, : length + 1]
            if not np.isfinite(valid).all():
                raise UserError(f"demonstrations {path}: episode {i} has NaN or infinity in {name}")


def _check_bounds(path: str, in_unit: EpisodeBatch, spec: GoalEnvSpec) -> None:
    for i, length in enumerate(in_unit.length):
        beyond = np.abs(in_unit.action[i, :length]).max(0) > 1 + 1e-4  # [u]
        if beyond.any():
            low, high = spec.actions.bounds(spec.action_size)
            odd = int(np.argmax(beyond))
            raise UserError(
                f"demonstrations {path}: episode {i} has actions outside [{low[odd]:g}, {high[odd]:g}], the bounds of "
                f"{spec.env_id} (coordinate {odd})"
            )


def _as_field(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "fiub":
        raise ValueError(f"array '{name}' holds {array.dtype} instead of numbers")
    return array.astype(field_type(name))


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None
