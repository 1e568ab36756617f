"""Parts whose state can be saved and restored, alone or together under names."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np


class Stateful(Protocol):
    """A part of a run that changes while it trains."""

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that `load_state` needs, as arrays of numbers."""

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore what `state` of the same part returned. Raises KeyError or ValueError."""


def states_of(parts: Mapping[str, Stateful]) -> dict[str, np.ndarray]:
    """Return the states of all parts, with arrays named `part/array`."""
    return {f"{part}/{name}": x for part, it in parts.items() for name, x in it.state().items()}


def load_states(parts: Mapping[str, Stateful], arrays: Mapping[str, np.ndarray]) -> None:
    """Restore each part from what `states_of` returned. Raises KeyError or ValueError."""
    for part, it in parts.items():
        prefix = f"{part}/"
        it.load_state({k.removeprefix(prefix): x for k, x in arrays.items() if k.startswith(prefix)})
