"""The state of a run: everything that changes while it trains, so that it can be saved and restored."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from baselines.common.errors import UserError
from baselines.common.seeding import RngStreams
from baselines.common.state import Stateful, load_states, states_of


@dataclasses.dataclass
class Progress:
    """The position of a run, between two cycles."""

    epoch: int = 0  # epochs completed
    cycle: int = 0  # cycles completed in this epoch
    best: float | None = None  # highest score of an epoch
    timesteps: int = 0  # of all workers, at the end of the last epoch
    steps: int = 0  # environment steps of this worker
    losses: list[dict[str, float]] = dataclasses.field(default_factory=list)  # of this epoch's cycles
    seconds: float = 0.0  # of training

    @classmethod
    def from_document(cls, document: Any) -> "Progress":
        """Read the fields as JSON. Raises ValueError or TypeError."""
        progress = cls(**document)
        counts = [progress.epoch, progress.cycle, progress.timesteps, progress.steps]
        best = [] if progress.best is None else [progress.best]
        numbers = [progress.seconds, *best, *(x for row in progress.losses for x in row.values())]
        numbers = [x for x in numbers if type(x) is not float]  # 0 may be written as a whole number
        if not all(type(n) is int and 0 <= n < 1 << 62 for n in counts + numbers) or not 0 <= progress.seconds < 1e12:
            raise ValueError("its progress is not in numbers")
        return progress


class Saved(NamedTuple):
    """One worker's state as it is saved: a JSON document, and arrays named `part/array`."""

    document: dict[str, Any]
    arrays: dict[str, np.ndarray]


class RunState:
    """The parts of one worker, its random generators, and its progress."""

    def __init__(self, streams: RngStreams) -> None:
        self.progress, self.streams = Progress(), streams
        self.parts: dict[str, Stateful] = {}
        self.losses: tuple[str, ...] = ()  # names of the losses that each cycle appends to progress.losses

    def capture(self) -> Saved:
        """Return the state as it is now."""
        streams = {purpose: rng.bit_generator.state for purpose, rng in self.streams.generators.items()}
        document = {"progress": dataclasses.asdict(self.progress), "streams": streams}
        return Saved(document, states_of(self.parts))

    def restore(self, saved: Saved) -> None:
        """Restore what `capture` returned. Raises UserError where it does not fit."""
        try:
            progress = Progress.from_document(saved.document["progress"])
            if any(set(row) != set(self.losses) for row in progress.losses):
                raise ValueError("its losses are those of another agent")
            if not isinstance(saved.document["positions"], dict):
                raise ValueError("the sizes of the log files are missing")
            load_states(self.parts, saved.arrays)
            for purpose, rng in self.streams.generators.items():
                rng.bit_generator.state = saved.document["streams"][purpose]
            self.progress = progress
        except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
            raise UserError(f"the checkpoint does not fit this run: {type(error).__name__}: {error}") from None
