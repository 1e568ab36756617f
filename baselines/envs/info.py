"""The entries of a step's info that compute_reward reads (--reward_info), as a row of numbers."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from baselines.common.errors import UserError

Info = Mapping[str, Any]


class InfoEntry(NamedTuple):
    """Name, shape and type of one entry."""

    name: str
    shape: tuple[int, ...]
    type: str  # bool, int64, float32, ...


def info_entries(names: Sequence[str], infos: Sequence[Info]) -> tuple[InfoEntry, ...]:
    """Return the entries `names`, with types that fit all of `infos`. Raises UserError."""
    values = {name: [_array(name, info) for info in infos] for name in names}
    return tuple(InfoEntry(name, arrays[0].shape, str(np.result_type(*arrays))) for name, arrays in values.items())


def read_info(entries: Sequence[InfoEntry], info: Info) -> np.ndarray:
    """Return these entries of one step's info as a row, [i] float64. Raises UserError."""
    row = [np.zeros(0)]
    for name, shape, kind in entries:
        value = _array(name, info)
        if value.shape != shape or not np.can_cast(value.dtype, kind, "same_kind"):
            expected = f"{kind} of shape {shape} as in the first steps"
            raise UserError(f"info['{name}'] is {value.dtype} of shape {value.shape}, not {expected}")
        row.append(value.astype(np.float64).ravel())
    return np.concatenate(row)


def as_infos(entries: Sequence[InfoEntry], rows: np.ndarray) -> list[dict[str, Any]]:
    """Return a dictionary for each of `rows` [N, i], with the shapes and types of the entries."""
    columns, start = {}, 0
    for name, shape, kind in entries:
        end = start + int(np.prod(shape, dtype=int))
        columns[name], start = rows[:, start:end].astype(kind).reshape(len(rows), *shape), end
    return [{name: column[i] for name, column in columns.items()} for i in range(len(rows))]


def _array(name: str, info: Info) -> np.ndarray:
    if name not in info:
        raise UserError(f"info['{name}'] is missing; there is {', '.join(map(str, info)) or 'nothing'} in info")
    try:
        value = np.asarray(info[name])
    except ValueError:  # lists of several lengths
        value = np.array(None)
    if value.dtype.kind not in "biuf":
        raise UserError(f"info['{name}'] is {info[name]!r:.60}, not a number or an array of numbers")
    return value
