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

    @classmethod
    def of(cls, info: Mapping[str, Any], names: Sequence[str]) -> "InfoLayout":
        """Of the entries `names` that a real `info` has. Raises ValueError for one that is no array of numbers."""
        entries = []
        for name in names:
            if name in info:
                array = np.asarray(info[name])
                if array.dtype.kind not in "biuf":
                    kind = type(info[name]).__name__
                    raise ValueError(f"it reads info['{name}'], a {kind}: only numbers and arrays of them can be kept")
                entries.append(InfoEntry(name, array.shape, str(array.dtype)))
        return cls(tuple(entries))

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.entries)

    def row(self, info: Mapping[str, Any]) -> np.ndarray:
        """Of one environment, [size] float64; NaN where an entry is missing or of another size."""
        parts = [_numbers(info.get(entry.name), entry.size) for entry in self.entries]
        return np.concatenate(parts) if parts else np.zeros(0)

    def rows(self, info: Mapping[str, Any], num_env: int) -> np.ndarray:
        """Of the info of a `gymnasium.vector` environment, [num_env, size] as `row`."""
        found: list[dict[str, Any]] = [{} for _ in range(num_env)]
        for name in (entry.name for entry in self.entries if entry.name in info):
            there = info.get(f"_{name}", np.ones(num_env, bool))
            for i in np.flatnonzero(there):
                found[i][name] = info[name][i]
        return np.stack([self.row(each) for each in found])

    def infos(self, rows: np.ndarray) -> list[dict[str, Any]]:
        """What `row` was of, for each of `rows` [N, size]."""
        columns, first = {}, 0
        for entry in self.entries:
            flat = rows[:, first : first + entry.size].astype(entry.type)
            columns[entry.name] = flat.reshape(len(rows), *entry.shape)
            first += entry.size
        return [{name: column[i] for name, column in columns.items()} for i in range(len(rows))]


def _numbers(value: Any, size: int) -> np.ndarray:
    try:
        array = np.asarray(value, np.float64).ravel()
    except (TypeError, ValueError):
        return np.full(size, np.nan)
    return array if array.size == size else np.full(size, np.nan)
