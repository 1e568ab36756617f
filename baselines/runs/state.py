"""All that changes while a run trains, in one place, so that it can be written and put back."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from baselines.common.errors import UserError
from baselines.common.seeding import Streams
from baselines.runs.progress import Progress


class Stateful(Protocol):
    """A part of a run that changes while it trains."""

    def state(self) -> dict[str, np.ndarray]:
        """All that `load_state` needs, as arrays of numbers."""

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` of the same part gave. Raises KeyError or ValueError."""


def states_of(parts: Mapping[str, Stateful]) -> dict[str, np.ndarray]:
    """The states of all parts in one, named `part/array`."""
    return {f"{part}/{name}": x for part, it in parts.items() for name, x in it.state().items()}


def load_states(parts: Mapping[str, Stateful], arrays: Mapping[str, np.ndarray]) -> None:
    """Give each part what `states_of` took of it. Raises KeyError or ValueError."""
    for part, it in parts.items():
        prefix = f"{part}/"
        it.load_state({k.removeprefix(prefix): x for k, x in arrays.items() if k.startswith(prefix)})


class Saved(NamedTuple):
    """One worker's state as it is kept: a JSON document, and arrays named `part/array`."""

    document: dict[str, Any]
    arrays: dict[str, np.ndarray]


class RunState:
    """The parts of one worker, its streams of random numbers, and its progress."""

    def __init__(self, streams: Streams) -> None:
        self.progress, self.streams = Progress(), streams
        self.parts: dict[str, Stateful] = {}
        self.losses: tuple[str, ...] = ()  # what each cycle adds to progress.losses

    def capture(self) -> Saved:
        streams = {purpose: rng.bit_generator.state for purpose, rng in self.streams.generators.items()}
        return Saved({"progress": self.progress.document(), "streams": streams}, states_of(self.parts))

    def restore(self, saved: Saved) -> None:
        """Put everything back. Raises UserError where it does not fit."""
        progress = Progress.of(saved.document)
        try:
            if any(set(row) != set(self.losses) for row in progress.losses):
                raise ValueError("its losses are those of another agent")
            if not isinstance(saved.document["positions"], dict):
                raise ValueError("it does not say where the logs ended")
            load_states(self.parts, saved.arrays)
            for purpose, rng in self.streams.generators.items():
                rng.bit_generator.state = saved.document["streams"][purpose]
            self.progress = progress
        except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
            raise UserError(f"the checkpoint does not fit this run: {type(error).__name__}: {error}") from None
