"""The progress bar of an epoch: steps/s, the time left of the epoch and of the whole run."""

import sys
from collections.abc import Callable, Iterator

from tqdm import tqdm

from baselines.runs.progress import Progress
from baselines.runs.schedule import Schedule


def bar_over(schedule: Schedule, progress: Callable[[], Progress], wanted: bool) -> Iterator[int]:
    """The cycles that are left of this epoch, with a bar where someone watches a terminal.

    `progress()` is where the run stands, with the seconds that it took so far.
    """
    watched, first = wanted and sys.stderr.isatty(), progress().cycle
    with tqdm(total=schedule.n_cycles, initial=first, desc=f"epoch {progress().epoch}", leave=False, unit=" steps",
              unit_scale=schedule.steps_per_cycle, disable=not watched, dynamic_ncols=True) as bar:  # fmt: skip
        for cycle in range(first, schedule.n_cycles):
            yield cycle
            if watched:
                bar.set_postfix_str(f"run {left(schedule, progress())} left", refresh=False)
            bar.update()


def left(schedule: Schedule, done: Progress) -> str:
    """Of the run, as 1:02:03 or 02:03, by what it took so far, evaluations included."""
    share = (done.epoch + done.cycle / schedule.n_cycles) / schedule.n_epochs
    if not share:
        return "?"
    minutes, seconds = divmod(round(done.seconds * (1 - share) / share), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"
