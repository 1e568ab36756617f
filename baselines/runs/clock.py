"""A clock for the phases of an epoch."""

import contextlib
import time
from collections.abc import Iterator

_PHASES = ("rollout", "sample", "compile", "train", "evaluate")


class Clock:
    """Seconds of each phase of an epoch."""

    def __init__(self, env_seconds: float = 0.0, seconds: float = 0.0):
        """Start with the seconds that environments (`env_seconds`) and the run (`seconds`) have taken so far."""
        self._begin = time.perf_counter() - seconds
        self._env_seconds = env_seconds

    def start_epoch(self) -> None:
        """Set the phases to 0."""
        self._epoch_begin = time.perf_counter()
        self._phases = dict.fromkeys(_PHASES, 0.0)

    @contextlib.contextmanager
    def measure(self, phase: str) -> Iterator[None]:
        """Add the time of a block to one of the phases: rollout, sample, compile, train, evaluate."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self._phases[phase] += time.perf_counter() - begin

    def finish_epoch(self, env_seconds: float) -> dict[str, float]:
        """Return `time/...` of the epoch; `env_seconds` is the time of environments since the start of the run."""
        epoch = time.perf_counter() - self._epoch_begin
        in_env, self._env_seconds = env_seconds - self._env_seconds, env_seconds
        times = {f"time/{phase}": seconds for phase, seconds in self._phases.items()}
        computing = self._phases["compile"] + self._phases["train"]
        return {**times, "time/env": in_env, "time/epoch": epoch, "time/overhead": (epoch - in_env - computing) / epoch}

    def seconds(self) -> float:
        """Return the seconds of the run so far."""
        return time.perf_counter() - self._begin
