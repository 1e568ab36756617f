"""How long to train: epochs of cycles."""

from dataclasses import dataclass

from baselines.common.errors import UserError
from baselines.runs.options import Options

_DEFAULT_STEPS = 1e6


@dataclass(frozen=True)
class Schedule:
    """An epoch ends with a row in the log; a cycle is what an algorithm repeats within it."""

    n_epochs: int
    n_cycles: int  # per epoch
    steps_per_cycle: int  # of one worker


def plan(options: Options, n_cycles: int, steps_per_cycle: int, resumed: Schedule | None = None) -> Schedule:
    """Whole epochs; fewer steps than one epoch make one shortened epoch; 0 makes none. Raises UserError.

    A run that is `resumed` may get more epochs, of as many cycles as those that it had.
    """
    if steps_per_cycle < 1:
        raise UserError(
            "the environment has no time limit: wrap it in gymnasium.wrappers.TimeLimit, or register it with one"
        )
    if resumed and options.num_timesteps is None and options.n_epochs is None:
        return resumed
    schedule = _plan(options, n_cycles, steps_per_cycle)
    if resumed and schedule.n_cycles != resumed.n_cycles:
        raise UserError(
            f"the run to resume has epochs of {resumed.n_cycles} cycles, these would have {schedule.n_cycles}: it was, "
            "or would become, one shortened epoch; leave --num_timesteps and --n_epochs out"
        )
    return schedule


def _plan(options: Options, n_cycles: int, steps_per_cycle: int) -> Schedule:
    if options.n_epochs is not None:
        return Schedule(options.n_epochs, n_cycles, steps_per_cycle)
    steps = _DEFAULT_STEPS if options.num_timesteps is None else options.num_timesteps
    epochs = int(steps // (n_cycles * steps_per_cycle))
    if epochs == 0 and steps > 0:
        return Schedule(1, max(1, int(steps // steps_per_cycle)), steps_per_cycle)
    return Schedule(epochs, n_cycles, steps_per_cycle)


def describe(schedule: Schedule, n_cycles: int, options: Options, workers: int) -> list[str]:
    """Lines for the log: epochs, cycles and steps; `n_cycles` is what an epoch has unless it is shortened."""
    if schedule.n_epochs == 0:
        trained = options.load_path or options.resume
        untrained = "warning: this policy was never trained; to begin with one that was: --load_path=DIR"
        return ["training: none"] if trained else ["training: none", untrained]
    lines = []
    if schedule.n_cycles < n_cycles:
        whole = n_cycles * schedule.steps_per_cycle
        lines = [f"{options.num_timesteps:g} steps are less than one epoch of {whole}: training one shortened epoch"]
    steps = schedule.n_epochs * schedule.n_cycles * schedule.steps_per_cycle
    training = (
        f"training: {schedule.n_epochs} epochs x {schedule.n_cycles} cycles x {schedule.steps_per_cycle} steps = "
        f"{steps} steps per worker, {steps * workers} over {workers} worker(s)"
    )
    return [*lines, training]
