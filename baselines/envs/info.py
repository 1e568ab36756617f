"""The entries of a step's info that compute_reward reads (--reward_info), as a row of numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.recfunctions import unstructured_to_structured

from baselines.common.errors import UserError

Info = Mapping[str, Any]
# Names, types and shapes of the entries: the type of a NumPy array with named fields.
InfoType = np.dtype[Any]
NO_INFO: InfoType = np.dtype([])


def info_type(names: Sequence[str], infos: Sequence[Info]) -> InfoType:
    """Return the type of the entries `names` that fits all of `infos`. Raises UserError."""
    values = {name: [_array(name, info) for info in infos] for name in names}
    return np.dtype([(name, np.result_type(*arrays), arrays[0].shape) for name, arrays in values.items()])


def read_info(entries: InfoType, info: Info) -> np.ndarray:
    """Return these entries of one step's info as a row, [i] float64. Raises UserError."""
    row = [np.zeros(0)]
    for name in entries.names or ():
        value, shape, kind = _array(name, info), entries[name].shape, entries[name].base
        if value.shape != shape or not np.can_cast(value.dtype, kind, "same_kind"):
            expected = f"{kind} of shape {shape} as in the first steps"
            raise UserError(f"info['{name}'] is {value.dtype} of shape {value.shape}, not {expected}")
        row.append(value.astype(np.float64).ravel())
    return np.concatenate(row)


def as_infos(entries: InfoType, rows: np.ndarray) -> list[dict[str, Any]]:
    """Return a dictionary for each of `rows` [N, i], with the shapes and types of the entries."""
    if not entries.names:
        return [{} for _ in rows]
    return [{name: step[name] for name in entries.names} for step in unstructured_to_structured(rows, entries)]


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
