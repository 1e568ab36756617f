"""Demonstrations: files of whole episodes, of our own format or of OpenAI Baselines', and what training uses of them.

Our format is an `.npz` of plain arrays, N episodes of at most T steps: `observation` [N, T + 1, o], `achieved_goal`
[N, T + 1, g], `desired_goal` [N, T, g], `action` [N, T, u], `reward` [N, T], `is_success` [N], `length` [N]; and
`header`, the bytes of a JSON object: format, env_id, versions of libraries, generator, seed.
"""

import importlib.metadata
import json
import os
import re
from collections.abc import Mapping

import numpy as np

from baselines.common.errors import UserError
from baselines.common.files import replace_file
from baselines.common.npz import header_of, plain_array, read_members
from baselines.common.safe_unpickle import unpickle
from baselines.her.episodes import single_episode, stack_episodes
from baselines.her.minari_demonstrations import read_minari
from baselines.her.types import EpisodeBatch, GoalEnvSpec

FORMAT = "baselines.her demonstrations 1"
MOST_BYTES = 1 << 30  # of a file when unpacked
MOST_PICKLE_BYTES = 1 << 28  # of each of its pickles, whose objects take several times as much
_FIELDS = {"success": "is_success"}  # where a file's name differs from EpisodeBatch's
_SHOWN = ("observation", "achieved_goal", "desired_goal")
_LIBRARIES = ("numpy", "gymnasium", "gymnasium-robotics", "mujoco", "envpool")


def write_demonstrations(
    path: str, episodes: EpisodeBatch, env_id: str, generator: str = "", seed: int | None = None
) -> None:
    """Write episodes to `path`, whole or not at all; `generator` says who or what acted. Raises UserError."""
    header = {
        "format": FORMAT,
        "env_id": env_id,
        "generator": generator,
        "seed": seed,
        "versions": {name: _version(name) for name in _LIBRARIES if _version(name)},
    }
    arrays = {_FIELDS.get(name, name): array for name, array in episodes._asdict().items()}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    try:
        with replace_file(path) as file:
            np.savez_compressed(file, **arrays)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None


def read_demonstrations(path: str, spec: GoalEnvSpec, most: int | None = None) -> EpisodeBatch:
    """The first `most` episodes of a file, or all that it has.

    Executes nothing. Raises UserError, naming the episode and the field, for what does not fit `spec`.
    """
    if path.startswith("minari:"):
        episodes = read_minari(path.removeprefix("minari:"), spec.horizon)
    else:
        episodes = _read_file(path, spec)
    _check(path, episodes, spec)
    return EpisodeBatch(*(x[:most] for x in episodes))


def _read_file(path: str, spec: GoalEnvSpec) -> EpisodeBatch:
    if not os.path.isfile(path):
        raise UserError(f"no demonstrations at {path}: there is no such file")
    try:
        members = read_members(path, MOST_BYTES)
        if "header" in members:
            return _from_ours(members, spec)
        if {"acs", "obs"} <= members.keys():
            return _from_openai(members, spec.horizon)
        raise ValueError("it has neither the arrays of our format nor acs and obs, those of OpenAI Baselines")
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read demonstrations {path}: {error}") from None


def _from_ours(members: Mapping[str, bytes], spec: GoalEnvSpec) -> EpisodeBatch:
    header = json.loads(plain_array(members["header"]).tobytes())
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError(f"its header is not of format '{FORMAT}'")
    if _task(str(header.get("env_id"))) != _task(spec.env_id):
        raise ValueError(f"it is of {header.get('env_id')}, not of {spec.env_id}")
    arrays = {}
    for name in EpisodeBatch._fields:
        stored = _FIELDS.get(name, name)
        if stored not in members:
            raise ValueError(f"it has no array '{stored}'")
        arrays[name] = _as_field(name, plain_array(members[stored]))
    return EpisodeBatch(**arrays)


def _from_openai(members: Mapping[str, bytes], horizon: int) -> EpisodeBatch:
    """`acs`, `obs` and perhaps `info`: arrays [N][T] of actions, [N][T + 1] of dicts, [N][T] of dicts."""
    actions, observations = _nested(members["acs"]), _nested(members["obs"])
    infos = _nested(members["info"]) if "info" in members else [[]] * len(actions)
    episodes = []
    for i, (action, observed, info) in enumerate(zip(actions, observations, infos)):
        try:
            with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinity, which is refused
                shown = {key: np.stack([np.asarray(o[key], np.float32) for o in observed]) for key in _SHOWN}
                acted = np.stack([np.asarray(a, np.float32) for a in action])
            last = info[len(acted) - 1].get("is_success", 0) if len(info) >= len(acted) else 0
            success = bool(np.all(np.asarray(last, np.float32) > 0))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise ValueError(f"episode {i} is damaged ({type(error).__name__}: {error})") from None
        if len(shown["observation"]) != len(acted) + 1:
            raise ValueError(
                f"episode {i} has {len(shown['observation'])} observations for {len(acted)} actions; expected one more"
            )
        episodes.append(single_episode(action=acted, success=success, **shown))
    return stack_episodes(episodes, horizon)


def _check(path: str, episodes: EpisodeBatch, spec: GoalEnvSpec) -> None:
    """Raise UserError for what would train on nonsense."""
    N, T = len(episodes.length), spec.horizon
    if N == 0:
        raise UserError(f"demonstrations {path}: there are no episodes")
    expected = {
        "observation": (N, T + 1, spec.observation_size),
        "achieved_goal": (N, T + 1, spec.goal_size),
        "desired_goal": (N, T, spec.goal_size),
        "action": (N, T, spec.action_size),
        "reward": (N, T),
        "length": (N,),
        "success": (N,),
    }
    for name, shape in expected.items():
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
        if np.abs(episodes.action[i]).max() > 1 + 1e-4:
            raise UserError(f"demonstrations {path}: episode {i} has actions outside [-1, 1]")


def _nested(content: bytes):
    shape, dtype, data = header_of(content)
    if not dtype.hasobject:
        return plain_array(content)
    if len(data) > MOST_PICKLE_BYTES:
        raise ValueError(f"it holds a pickle of more than {MOST_PICKLE_BYTES} bytes")
    return unpickle(data).value


def _as_field(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "fiub":
        raise ValueError(f"array '{name}' holds {array.dtype} instead of numbers")
    kind = {"length": np.int32, "success": bool}.get(name, np.float32)
    return array.astype(kind)


def _task(env_id: str) -> str:
    """The name without module, version and Dense: such tasks share their demonstrations."""
    return re.sub(r"(Dense)?-v\d+$", "", env_id.rpartition(":")[2])


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None
