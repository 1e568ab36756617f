"""Where the seconds of an epoch go."""

import time


class Clock:
    """Seconds of each phase of an epoch."""

    def __init__(self, env_seconds: float = 0.0, seconds: float = 0.0):
        """`env_seconds` is the time that environments took before, `seconds` the whole time."""
        self._begin = time.perf_counter() - seconds
        self._env_seconds = env_seconds

    def start_epoch(self) -> None:
        self._epoch_begin = time.perf_counter()
        self._seconds = dict.fromkeys(("rollout", "sample", "compile", "train", "evaluate"), 0.0)

    def measure(self, phase: str) -> "_Span":
        return _Span(self._seconds, phase)

    def finish_epoch(self, env_seconds: float) -> dict[str, float]:
        """`time/...` of the epoch; `env_seconds` is the time that environments took so far, in all epochs."""
        whole = time.perf_counter() - self._epoch_begin
        in_env, self._env_seconds = env_seconds - self._env_seconds, env_seconds
        times = {f"time/{phase}": seconds for phase, seconds in self._seconds.items()}
        times["time/env"] = in_env
        times["time/epoch"] = whole
        computing = self._seconds["compile"] + self._seconds["train"]
        times["time/overhead"] = (whole - in_env - computing) / whole
        return times

    def seconds(self) -> float:
        return time.perf_counter() - self._begin


class _Span:
    def __init__(self, seconds: dict[str, float], phase: str):
        self._seconds, self._phase = seconds, phase

    def __enter__(self) -> None:
        self._begin = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._phase] += time.perf_counter() - self._begin
