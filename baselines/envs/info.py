"""The entries of a step's info that compute_reward reads (--reward_info), as a row of numbers."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from baselines.common.errors import UserError


class InfoEntry(NamedTuple):
    """Name, shape and type of one entry."""

    name: str
    shape: tuple[int, ...]
    type: str  # bool, int64, float64, ...

    @property
    def size(self) -> int:
        """Numbers that it takes in a row."""
        return int(np.prod(self.shape, dtype=int))

    def numbers(self, info: Mapping[str, Any]) -> np.ndarray:
        """Return its value in a step's info, [size] float64. Raises UserError."""
        value = _array(self.name, info)
        if value.shape != self.shape or not np.can_cast(value.dtype, self.type, "same_kind"):
            expected = f"{self.type} of shape {self.shape} as in the first steps"
            raise UserError(f"info['{self.name}'] is {value.dtype} of shape {value.shape}, not {expected}")
        return value.astype(np.float64).ravel()


def info_entries(names: Sequence[str], infos: Sequence[Mapping[str, Any]]) -> tuple[InfoEntry, ...]:
    """Return the entries `names` with a shape and type that fit all of `infos`. Raises UserError."""
    entries = []
    for name in names:
        values = [_array(name, info) for info in infos]
        kind = np.result_type(*values)
        entries.append(InfoEntry(name, values[0].shape, "float64" if kind.kind == "f" else str(kind)))
    return tuple(entries)


def read_info(entries: Sequence[InfoEntry], info: Mapping[str, Any]) -> np.ndarray:
    """Return these entries of one step's info as a row, [i] float64. Raises UserError."""
    return np.concatenate([entry.numbers(info) for entry in entries])


def as_infos(entries: Sequence[InfoEntry], rows: np.ndarray) -> list[dict[str, Any]]:
    """Return a dictionary for each of `rows` [N, i], with the shapes and types of the entries."""
    columns, start = {}, 0
    for entry in entries:
        column = rows[:, start : start + entry.size].astype(entry.type)
        columns[entry.name] = column.reshape(len(rows), *entry.shape)
        start += entry.size
    return [{name: column[i] for name, column in columns.items()} for i in range(len(rows))]


def _array(name: str, info: Mapping[str, Any]) -> np.ndarray:
    if name not in info:
        raise UserError(f"info['{name}'] is missing; there is {', '.join(map(str, info)) or 'nothing'} in info")
    try:
        value = np.asarray(info[name])
    except ValueError:  # lists of several lengths
        value = np.array(None)
    if value.dtype.kind not in "biuf":
        raise UserError(f"info['{name}'] is {info[name]!r:.60}, not a number or an array of numbers")
    return value
