"""The length of a run, in epochs of cycles."""

import datetime
from dataclasses import dataclass

from baselines.common.errors import UserError
from baselines.common.settings import Settings, setting
from baselines.runs.options import Options
from baselines.runs.state import Progress

_DEFAULT_STEPS = 1e6


@dataclass(frozen=True)
class Schedule(Settings):
    """Epochs of cycles: an epoch ends with a row in the log, a cycle is what an algorithm repeats."""

    n_epochs: int = setting(0, "epochs", 0)
    n_cycles: int = setting(1, "cycles per epoch", 1)
    steps_per_cycle: int = setting(1, "environment steps of one worker in a cycle", 1)


def progress_remaining(schedule: Schedule, epoch: int, cycle: int) -> float:
    """Return the share of the training that is still to come, 1 for the first cycle."""
    return 1 - (epoch * schedule.n_cycles + cycle) / (schedule.n_epochs * schedule.n_cycles)


def plan(options: Options, n_cycles: int, steps_per_cycle: int, resumed: Schedule | None = None) -> Schedule:
    """Return a schedule of whole epochs, or of one shortened epoch for fewer steps than that. Raises UserError.

    A `resumed` run keeps its schedule, or gets another number of epochs with as many cycles as before.
    """
    if steps_per_cycle < 1:
        raise UserError(
            "the environment has no time limit: wrap it in gymnasium.wrappers.TimeLimit, or register it with one"
        )
    if resumed and options.num_timesteps is None and options.n_epochs is None:
        return resumed
    n_epochs = options.n_epochs
    if n_epochs is None:
        steps = _DEFAULT_STEPS if options.num_timesteps is None else options.num_timesteps
        n_epochs = int(steps // (n_cycles * steps_per_cycle))
        if n_epochs == 0 < steps:
            n_epochs, n_cycles = 1, max(1, int(steps // steps_per_cycle))
    if resumed and n_cycles != resumed.n_cycles:
        raise UserError(
            f"the resumed run has {resumed.n_cycles} cycles per epoch, not {n_cycles}: leave out --num_timesteps and "
            "--n_epochs"
        )
    return Schedule(n_epochs, n_cycles, steps_per_cycle)


def describe(schedule: Schedule, n_cycles: int, options: Options, workers: int) -> list[str]:
    """Return lines for the log; `n_cycles` is the number of cycles of an epoch that is not shortened."""
    if schedule.n_epochs == 0:
        untrained = "warning: this policy was never trained; to begin with a trained one: --load_path=PATH"
        return ["training: none"] if options.load_path or options.resume else ["training: none", untrained]
    lines = []
    if schedule.n_cycles < n_cycles:
        whole = n_cycles * schedule.steps_per_cycle
        lines = [f"{options.num_timesteps:g} steps are less than one epoch of {whole}: training one shortened epoch"]
    steps = schedule.n_epochs * schedule.n_cycles * schedule.steps_per_cycle
    training = f"{schedule.n_epochs} epochs x {schedule.n_cycles} cycles x {schedule.steps_per_cycle} steps"
    total = f"{steps} steps per worker, {steps * workers} over {workers} worker(s)"
    return [*lines, f"training: {training} = {total}"]


def remaining(schedule: Schedule, done: Progress) -> str:
    """Return the run's remaining time as 1:02:03, estimated from the time so far, evaluations included."""
    share = (done.epoch + done.cycle / schedule.n_cycles) / schedule.n_epochs
    left = min(1e12, done.seconds * (1 - share) / max(share, 1e-300))  # a timedelta has no more days than that
    return str(datetime.timedelta(seconds=round(left)))
