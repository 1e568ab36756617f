"""The length of a run, in epochs of cycles."""

import datetime
import math
from dataclasses import dataclass

from baselines.common.errors import UserError
from baselines.common.settings import Settings, setting
from baselines.runs.options import Options
from baselines.runs.state import Progress

_DEFAULT_STEPS = 1e6


@dataclass(frozen=True)
class Schedule(Settings):
    """Epochs of cycles: an epoch ends with a row in the log, a cycle is what an algorithm repeats."""

    n_epochs: int = setting(0, "epochs; more where episodes end early and n_steps is given", 0)
    n_cycles: int = setting(1, "cycles per epoch", 1)
    steps_per_cycle: int = setting(1, "most environment steps of one worker in a cycle", 1)
    n_steps: int | None = setting(None, "environment steps of one worker after which the run ends", 0)

    def share(self, done: Progress, steps: float) -> float:
        """Return the share of the training that is done; `steps` is the mean of all workers."""
        if self.n_steps is None:
            return (done.epoch * self.n_cycles + done.cycle) / max(1, self.n_epochs * self.n_cycles)
        return steps / self.n_steps if self.n_steps else 1.0


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
    n_epochs, n_steps = options.n_epochs, None
    if n_epochs is None:
        steps = _DEFAULT_STEPS if options.num_timesteps is None else options.num_timesteps
        n_epochs = int(steps // (n_cycles * steps_per_cycle))
        n_steps = n_epochs * n_cycles * steps_per_cycle
        if n_epochs == 0 < steps < steps_per_cycle:  # episodes may end before their time limit
            n_epochs, n_steps = 1, math.ceil(steps)
        elif n_epochs == 0 < steps:
            n_epochs, n_cycles = 1, int(steps // steps_per_cycle)
            n_steps = n_cycles * steps_per_cycle
    if resumed and n_cycles != resumed.n_cycles:
        raise UserError(
            f"the resumed run has {resumed.n_cycles} cycles per epoch, not {n_cycles}: leave out --num_timesteps and "
            "--n_epochs"
        )
    return Schedule(n_epochs, n_cycles, steps_per_cycle, n_steps)


def describe(schedule: Schedule, n_cycles: int, options: Options, workers: int) -> list[str]:
    """Return lines for the log; `n_cycles` is the number of cycles of an epoch that is not shortened."""
    if schedule.n_epochs == 0:
        untrained = "warning: this policy was never trained; to begin with a trained one: --load_path=PATH"
        return ["training: none"] if options.load_path or options.resume else ["training: none", untrained]
    lines, whole = [], n_cycles * schedule.steps_per_cycle
    steps = schedule.n_epochs * schedule.n_cycles * schedule.steps_per_cycle
    training = f"{schedule.n_epochs} epochs x {schedule.n_cycles} cycles x {schedule.steps_per_cycle} steps ="
    if schedule.n_steps is not None and schedule.n_steps < schedule.steps_per_cycle:
        steps, training = schedule.n_steps, f"cycles of at most {schedule.steps_per_cycle} steps, until there are"
    elif schedule.n_cycles < n_cycles:
        asked = options.num_timesteps or steps
        lines = [f"{asked:g} steps are less than one epoch of {whole}: training one shortened epoch"]
    return [*lines, f"training: {training} {steps} steps per worker, {steps * workers} over {workers} worker(s)"]


def time_left(share: float, seconds: float) -> str:
    """Return the run's remaining time as 1:02:03; this share of it took these seconds, evaluations included."""
    return str(datetime.timedelta(seconds=round(min(seconds * max(0.0, 1 - share) / share, 1e12))))
