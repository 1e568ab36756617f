"""Layouts: how an environment shows what algorithms see as a vector, as JSON.

A layout is n for a vector of n numbers or bits, null for a single number, [n, first] for one of n whole numbers (which
is n numbers of the vector, one of them 1), [[n, first], ...] for several, and {name: layout, ...} for a dictionary.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np


def layout_size(layout: Any) -> int:
    """Return the size of the vector for a layout. Raises TypeError for what is none."""
    if isinstance(layout, dict):
        return sum(map(layout_size, layout.values()))
    if isinstance(layout, list) and layout and isinstance(layout[0], list):
        return sum(map(layout_size, layout))
    size, first = layout if isinstance(layout, list) else (1 if layout is None else layout, 0)
    if not (type(size) is type(first) is int and 0 < size < 10**6 and abs(first) < 1 << 53):
        raise TypeError(f"expected the layout of an observation, got {layout!r:.60}")
    return size


def as_vector(layout: Any, value: Any) -> np.ndarray:
    """Return the vectors [..., size] for what an environment shows, one or several at once; vectors stay.

    Raises ValueError for what does not fit the layout.
    """
    if isinstance(layout, dict) and isinstance(value, Mapping):
        if missing := layout.keys() - value.keys():
            raise ValueError(f"'{min(missing)}' is missing")
        return np.concatenate([as_vector(part, value[name]) for name, part in layout.items()], -1)
    array, size = np.asarray(value), layout_size(layout)
    if layout is None and array.shape[-1:] != (1,):
        return array[..., None]
    if isinstance(layout, list) and (array.dtype.kind in "iu" or array.ndim == 0):  # vectors of these are floats
        if not isinstance(layout[0], list):
            first = layout[1]
            places = array[..., None] == np.arange(first, first + size)
            if not places.any(-1).all():
                raise ValueError(f"expected whole numbers from {first} to {first + size - 1}")
            vector: np.ndarray = places.astype(np.float32)
            return vector
        if array.shape[-1:] == (len(layout),):
            return np.concatenate([as_vector(part, array[..., i]) for i, part in enumerate(layout)], -1)
    if array.shape[-1:] != (size,):
        raise ValueError(f"expected {size} numbers")
    return array
