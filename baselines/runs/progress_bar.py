"""The progress bar of an epoch: steps/s, and the remaining time of the epoch and of the run."""

import sys
from collections.abc import Callable, Iterator

from tqdm import tqdm

from baselines.runs.schedule import Schedule
from baselines.runs.state import Progress


def bar_over(schedule: Schedule, progress: Callable[[], Progress], wanted: bool) -> Iterator[int]:
    """Yield the remaining cycles of this epoch, with a bar if it is `wanted` and stderr is a terminal.

    `progress()` is the current position of the run.
    """
    visible, first = wanted and sys.stderr.isatty(), progress().cycle
    with tqdm(total=schedule.n_cycles, initial=first, desc=f"epoch {progress().epoch}", leave=False, unit=" steps",
              unit_scale=schedule.steps_per_cycle, disable=not visible, dynamic_ncols=True) as bar:  # fmt: skip
        for cycle in range(first, schedule.n_cycles):
            yield cycle
            if visible:
                bar.set_postfix_str(f"run {remaining(schedule, progress())} left", refresh=False)
            bar.update()


def remaining(schedule: Schedule, done: Progress) -> str:
    """Return the run's remaining time as 1:02:03 or 02:03, estimated from the time so far with evaluations."""
    share = (done.epoch + done.cycle / schedule.n_cycles) / schedule.n_epochs
    if not share:
        return "?"
    minutes, seconds = divmod(round(done.seconds * (1 - share) / share), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"
