"""Where a run stands."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from baselines.common.errors import UserError


@dataclasses.dataclass
class Progress:
    """Between two cycles."""

    epoch: int = 0
    cycle: int = 0  # of this epoch
    best: float | None = None  # score of an epoch so far
    timesteps: int = 0  # of all workers, at the end of the last epoch
    losses: list[dict[str, float]] = dataclasses.field(default_factory=list)  # of this epoch's cycles
    seconds: float = 0.0  # of training so far

    def document(self) -> dict[str, Any]:
        """As JSON; `of` reads it."""
        return dataclasses.asdict(self)

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Progress":
        """The progress in a state's document. Raises UserError."""
        try:
            found = cls(**state["progress"])
            counted = all(type(x) is int and 0 <= x < 1 << 62 for x in (found.epoch, found.cycle, found.timesteps))
            numbers = [found.seconds, *(x for row in found.losses for x in row.values())]
            numbers += [] if found.best is None else [found.best]
            sound = all(type(x) is float or (type(x) is int and abs(x) < 1 << 62) for x in numbers)
            if not counted or not sound or type(found.losses) is not list:
                raise ValueError("its progress is not in numbers")
            return found
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise UserError(f"the checkpoint does not fit this run: {type(error).__name__}: {error}") from None
