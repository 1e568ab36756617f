"""What compute_reward reads of a step's `info`, as numbers that can be kept beside the step."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class NotedInfo(dict[str, Any]):
    """An info that notes whether it was looked at, and for which entries, also those that it has not."""

    def __init__(self, entries: Mapping[str, Any]):
        super().__init__(entries)
        self.used = False
        self.read: dict[str, None] = {}  # in order

    def _note(self, *keys: str) -> None:
        self.used = True
        self.read |= dict.fromkeys(keys)

    def __getitem__(self, key: str) -> Any:
        self._note(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._note(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self._note(str(key))
        return super().__contains__(key)

    def __len__(self) -> int:
        self._note()
        return super().__len__()

    def __iter__(self) -> Iterator[str]:
        self._note(*super().keys())
        return super().__iter__()

    def keys(self) -> Any:
        self._note(*super().keys())
        return super().keys()

    def values(self) -> Any:
        self._note(*super().keys())
        return super().values()

    def items(self) -> Any:
        self._note(*super().keys())
        return super().items()

    def copy(self) -> dict[str, Any]:
        return dict(self.items())

    __copy__ = copy

    def pop(self, key: str, *default: Any) -> Any:
        self._note(key)
        return super().pop(key, *default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        self._note(key)
        return super().setdefault(key, default)

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()

    def __eq__(self, other: object) -> bool:
        return self.copy() == other

    __hash__ = None


class InfoEntry(NamedTuple):
    """One of an info's entries."""

    name: str
    shape: tuple[int, ...]
    type: str  # bool, int64, float32, ...

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=int))


class InfoLayout(NamedTuple):
    """Which entries are kept, one after the other in a row of `size` numbers."""

    entries: tuple[InfoEntry, ...] = ()
    absent: tuple[str, ...] = ()  # asked for, but no step that was looked at had them

    @classmethod
    def of(cls, infos: Sequence[Mapping[str, Any]], names: Sequence[str]) -> "InfoLayout":
        """Of the entries `names` of real `infos`. Raises ValueError for one that is not numbers in all of them."""
        absent = tuple(name for name in names if not any(name in info for info in infos))
        return cls(tuple(_entry(name, infos) for name in names if name not in absent), absent)

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.entries) + bool(self.absent)  # which has a number of its own, 0

    def row(self, info: Mapping[str, Any]) -> np.ndarray:
        """Of one environment, [size] float64; NaN where an entry is missing or is not as it was."""
        parts = [_numbers(info.get(entry.name), entry) for entry in self.entries]
        if self.absent:
            parts.append(np.array([np.nan if any(name in info for name in self.absent) else 0.0]))
        return np.concatenate(parts) if parts else np.zeros(0)

    def rows(self, info: Mapping[str, Any], num_env: int) -> np.ndarray:
        """Of the info of a `gymnasium.vector` environment, [num_env, size] as `row`."""
        return np.stack([self.row(info_of(info, i)) for i in range(num_env)])

    def infos(self, rows: np.ndarray) -> list[dict[str, Any]]:
        """What `row` was of, for each of `rows` [N, size]."""
        columns, first = {}, 0
        for entry in self.entries:
            flat = rows[:, first : first + entry.size].astype(entry.type)
            columns[entry.name] = flat.reshape(len(rows), *entry.shape)
            first += entry.size
        return [{name: column[i] for name, column in columns.items()} for i in range(len(rows))]


def info_of(info: Mapping[str, Any], i: int) -> dict[str, Any]:
    """That of environment `i` in the info of a `gymnasium.vector` environment."""
    found = {}
    for name, values in info.items():
        there = info.get(f"_{name}")
        if not name.startswith("_") and isinstance(values, np.ndarray) and (there is None or there[i]):
            found[name] = values[i]
    return found


def _entry(name: str, infos: Sequence[Mapping[str, Any]]) -> InfoEntry:
    if not all(name in info for info in infos):
        raise ValueError(f"it reads info['{name}'], which not every step returns")
    arrays = [np.asarray(info[name]) for info in infos]
    if odd := [i for i, array in enumerate(arrays) if array.dtype.kind not in "biuf"]:
        kind = type(infos[odd[0]][name]).__name__
        raise ValueError(f"it reads info['{name}'], a {kind}: only numbers and arrays of them can be kept")
    if len({array.shape for array in arrays}) > 1:
        raise ValueError(f"it reads info['{name}'], whose shape differs between steps")
    common = np.result_type(*arrays)
    return InfoEntry(name, arrays[0].shape, "float64" if common.kind == "f" else str(common))


def _numbers(value: Any, entry: InfoEntry) -> np.ndarray:
    try:
        array = np.asarray(value, np.float64)
        with np.errstate(invalid="ignore"):
            as_it_was = array.shape == entry.shape and (array == array.astype(entry.type)).all()
    except (TypeError, ValueError):
        as_it_was = False
    return array.ravel() if as_it_was else np.full(entry.size, np.nan)
