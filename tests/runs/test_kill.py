"""Runs that are killed (SIGKILL: nothing can be done about it) end with the numbers of a run that never was."""

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.helpers import timeless
from tests.runs.helpers import LONGER, Launched


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_run_killed_20_times_at_random_moments_ends_with_the_numbers_of_one_never_killed(ranks, forks, longer):
    """Every second time while it starts, reads its state or compiles, else after an epoch, which a fast and a slow
    machine reach at different times. Of two ranks, one is killed; the job must end within 60 s of it."""
    whole, to_start, to_train = longer(ranks)
    rng, kills, resumed, log = random.Random(0), 0, 0, Path("chain")
    while kills < 20:
        at_start = kills % 2 == 1
        begun = (log / "config.json").exists()
        if not begun and log.exists():  # killed before anything was there to resume
            log.rename(f"stillborn{kills}")
        launched = Launched(forks, ranks, [f"--resume={log}"] if begun else [*LONGER, f"--log_path={log}"])
        assert at_start or launched.trains() or launched.process.wait() == 0, launched.output()
        time.sleep(rng.uniform(0, to_start if at_start else to_train / 4))
        if alive := forks.runs():
            with contextlib.suppress(ProcessLookupError):  # it ended between being seen and being killed
                os.kill(rng.choice(alive), signal.SIGKILL)
                kills, resumed = kills + 1, resumed + begun
        if launched.process.wait(60) == 0:  # the other rank does not hang; or it was through before
            assert timeless(log) == timeless(whole)
            log = Path(f"{log}+")
        _wait_for_all(forks)
    assert resumed >= 10, "most kills hit a run that had been resumed"
    if log.exists():
        last = Launched(forks, ranks, [f"--resume={log}"])
        assert last.process.wait(300) == 0, last.output()
        assert timeless(log) == timeless(whole)


def _wait_for_all(forks):
    """The rank that was not killed itself may end a moment after mpirun."""
    end = time.monotonic() + 10
    while forks.runs():
        assert time.monotonic() < end
        time.sleep(0.01)
