"""Files of demonstrations: our own format, OpenAI Baselines' files and Minari's data sets.

Our format is an `.npz` of plain arrays for N episodes, the longest of T steps: `observation` [N, T + 1, o],
`achieved_goal` [N, T + 1, g], `desired_goal` [N, T, g], `action` [N, T, u] in the environment's own units, `reward`
[N, T], `is_success` [N], `length` [N] and, if known, `terminated` [N] for episodes that no time limit ended. `header`
has the bytes of a JSON object: format, env_id, versions of libraries, generator, seed.
"""

import importlib.metadata
import io
import json
import math
import tempfile
import zipfile
from collections.abc import Sequence
from typing import IO, Any

import numpy as np

from baselines.common.errors import Path, UserError, as_path
from baselines.common.specs import GOAL_KEYS, EnvSpec, task_of
from baselines.envs.lockstep import Episode
from baselines.her.demonstrations.minari import convert_minari
from baselines.her.demonstrations.openai import convert_in_child
from baselines.her.experiment.config import check_goal_env
from baselines.her.types import Episodes
from baselines.storage import open_regular, replace_file

FORMAT = "baselines.her demonstrations 2"
MAX_BYTES = 1 << 28  # of all numbers of a file, 8 bytes each
_LARGEST_PIECE = 1 << 20  # bytes that are read at once
_LIBRARIES = ("numpy", "gymnasium", "gymnasium-robotics", "mujoco", "envpool")


def write_demonstrations(
    path: Path, episodes: Sequence[Episode], spec: EnvSpec, generator: str = "", seed: int | None = None
) -> None:
    """Write episodes to an `.npz` file. A failed write leaves no file, and an earlier file unchanged.

    Args:
        path: the file, which is replaced.
        episodes: whole episodes, with actions in the environment's own units.
        spec: the environment; `baselines.load_policy(...).spec` has one, and so has an agent's policy.
        generator: the person, script or policy that acted, for the file's header.
        seed: the seed of the episodes, for the header too.

    Raises:
        UserError: if the episodes do not fit `spec` or the file cannot be written.
    """
    path = as_path("path", path)
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


def read_demonstrations(path: Path, spec: EnvSpec, max_episodes: int | None = None) -> Episodes:
    """Return the episodes of a file, with actions scaled to [-1, 1]. Nothing in the file is executed.

    Args:
        path: a file of our format or of OpenAI Baselines, or `minari:NAME`.
        spec: the environment that the episodes must fit.
        max_episodes: the number of episodes to read, from the first on; by default all.

    Raises:
        UserError: if the file does not fit `spec`; it names the episode and the field.
    """
    check_goal_env(spec)
    path = as_path("path", path)
    try:
        return Episodes(*(column[:max_episodes] for column in _checked(_read(path, spec, max_episodes), spec)))
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"cannot read demonstrations {path}: {error.strerror or error}") from None
    except Exception as error:  # damaged archives fail in many ways
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise UserError(f"cannot read demonstrations {path}: {kind}{error}") from None


def _read(path: str, spec: EnvSpec, max_episodes: int | None) -> Episodes:
    with tempfile.TemporaryFile() as plain:
        if path.startswith("minari:"):
            convert_minari(path.removeprefix("minari:"), plain, spec, max_episodes)
            return _episodes(_open_archive(plain), spec)
        with open_regular(path, 1 << 62) as file:
            archive = _open_archive(file)
            if not {"acs.npy", "obs.npy"} <= set(archive.namelist()):
                _check_header(archive, spec)
                return _episodes(archive, spec)
            T, o, g = spec.horizon, spec.observation_size, spec.goal_size
            shapes = dict(
                observation=(T + 1, o), achieved_goal=(T + 1, g), desired_goal=(T, g), action=(T, spec.action_size)
            )
            convert_in_child(file, plain, shapes, max_episodes)
            return _episodes(_open_archive(plain), spec)


class _Pieces(io.BufferedReader):
    """A file that is read in pieces: a table of contents that claims to be large takes no memory."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > _LARGEST_PIECE:
            raise ValueError(f"it claims to have a piece of {size >> 20} MiB")
        return super().read(size)


def _open_archive(file: IO[bytes]) -> zipfile.ZipFile:
    """Return an archive whose contents may be read."""
    file = _Pieces(io.FileIO(file.fileno(), closefd=False))
    if not zipfile.is_zipfile(file):
        raise ValueError("it is not an .npz file")
    archive = zipfile.ZipFile(file)
    if {member.compress_type for member in archive.infolist()} - {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ValueError("it is compressed in a way that NumPy does not use")  # LZMA reserves as much as a file claims
    return archive


def _header_of(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of an array of numbers, which is not read."""
    if f"{name}.npy" not in archive.namelist():
        raise ValueError(f"it has no array '{name}'")
    with archive.open(f"{name}.npy") as member:
        if np.lib.format.read_magic(member) != (1, 0):  # the header of any other may have gigabytes
            raise ValueError(f"{name} has a long header")
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
    if dtype.kind not in "fiub" or dtype.itemsize > 8 or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"{name} is not an array of numbers (allow_pickle=False)")
    return shape, dtype


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(f"{name}.npy") as member:
        array: np.ndarray = np.lib.format.read_array(member, allow_pickle=False)
        return array


def _check_header(archive: zipfile.ZipFile, spec: EnvSpec) -> None:
    if "header.npy" not in archive.namelist():
        raise ValueError("it has neither the arrays of our format nor acs and obs, those of OpenAI Baselines")
    if math.prod(_header_of(archive, "header")[0]) > _LARGEST_PIECE:
        raise ValueError("its header is too long")
    header = json.loads(_array(archive, "header").tobytes())
    file_format = header.get("format") if isinstance(header, dict) else None
    if file_format != FORMAT:
        raise ValueError(f"its header does not have the format '{FORMAT}'")
    if task_of(str(header.get("env_id"))) != task_of(spec.env_id):
        raise ValueError(f"it was recorded in {header.get('env_id')}, not in {spec.env_id}")


def _episodes(archive: zipfile.ZipFile, spec: EnvSpec) -> Episodes:
    """Return all episodes; an array is read only if it has the shape that `spec` and the actions ask for."""
    N, T = math.prod(_header_of(archive, "length")[0]), [*_header_of(archive, "action")[0], 0, 0][1]
    if N * max(1, T) * sum(example.size for example in Episodes.zeros(spec, 1, steps=1)) > MAX_BYTES // 8:
        raise ValueError(f"its arrays have more than {MAX_BYTES >> 20} MiB")
    fields = Episodes.zeros(spec, 1, steps=T)._asdict()
    for name, example in fields.items():
        stored, shape = "is_success" if name == "success" else name, (N, *example.shape[1:])
        if name == "info" or (name == "terminated" and "terminated.npy" not in archive.namelist()):
            fields[name] = np.zeros(shape, example.dtype)
            continue
        actual = _header_of(archive, stored)[0]
        if actual != shape:
            needs = f"{spec.env_id} needs {list(shape)} (episodes, steps, size)"
            remedy = ": append the observation after the last action" if actual == (N, T, *shape[2:]) else ""
            raise ValueError(f"{name} has the shape {list(actual)}, but {needs}{remedy}")
        with np.errstate(all="ignore"):  # infinity is refused later
            fields[name] = _array(archive, stored).astype(example.dtype, copy=False)
    return Episodes(**fields)


def _checked(episodes: Episodes, spec: EnvSpec) -> Episodes:
    """Return the episodes with actions in [-1, 1]. Raises ValueError for wrong lengths and numbers."""
    N, T = episodes.length.size, min(episodes.action.shape[1], spec.horizon)
    if N == 0:
        raise ValueError("it holds no episodes")
    low, high = spec.actions.bounds(spec.action_size)
    with np.errstate(over="ignore"):
        episodes = episodes._replace(action=spec.actions.from_env(episodes.action))
    for i, length in enumerate(episodes.length):
        if not 1 <= length <= T:
            raise ValueError(f"episode {i} has length {length}, expected 1 to {T}")
        last = np.concatenate([episodes.observation[i, length], episodes.achieved_goal[i, length]])
        if not last.any() and episodes.observation[i].any() and episodes.desired_goal[i, length - 1].any():
            raise ValueError(f"episode {i} ends in an observation of zeros: append the one after its last action")
        for name in (*GOAL_KEYS, "action"):
            if not np.isfinite(getattr(episodes, name)[i, : length + 1]).all():
                raise ValueError(f"episode {i} has NaN or infinity in {name}")
        largest = np.abs(episodes.action[i, :length]).max(0)  # [u]
        if largest.max() > 1 + 1e-4:
            j = np.argmax(largest)
            bounds = f"[{low[j]:g}, {high[j]:g}], the bounds of {spec.env_id} (coordinate {j})"
            raise ValueError(f"episode {i} has actions outside {bounds}")
    return episodes
