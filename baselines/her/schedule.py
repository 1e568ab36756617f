"""How long to train, and telling so."""

import dataclasses
import numbers

from baselines.common.errors import UserError
from baselines.common.logger import Logger
from baselines.common.mpi import Communicator
from baselines.common.vec_env.base import GoalVecEnv
from baselines.her.experiment.config import HERConfig


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long to train."""

    n_epochs: int
    n_cycles: int  # per epoch
    steps_per_cycle: int  # of one worker


def plan(
    total_timesteps: float | None,
    n_epochs: int | None,
    config: HERConfig,
    env: GoalVecEnv,
    resumed: "Schedule | None" = None,
) -> Schedule:
    """Whole epochs; fewer steps than one epoch make one shortened epoch; 0 makes none. Raises UserError.

    A run that is `resumed` may get more epochs, of as many cycles as those that it had.
    """
    if resumed and total_timesteps is None and n_epochs is None:
        return resumed
    schedule = _plan(total_timesteps, n_epochs, config, env)
    if resumed and schedule.n_cycles != resumed.n_cycles:
        raise UserError(
            f"the run to resume has epochs of {resumed.n_cycles} cycles, these would have {schedule.n_cycles}: it was, "
            "or would become, one shortened epoch; leave --num_timesteps and --n_epochs out"
        )
    return schedule


def _plan(total_timesteps: float | None, n_epochs: int | None, config: HERConfig, env: GoalVecEnv) -> Schedule:
    if (total_timesteps is None) == (n_epochs is None):
        raise UserError("give either total_timesteps (--num_timesteps) or n_epochs")
    steps = env.spec.horizon * env.num_env
    if n_epochs is not None:
        if isinstance(n_epochs, bool) or not isinstance(n_epochs, numbers.Integral) or n_epochs < 0:
            raise UserError(f"n_epochs: expected a whole number of at least 0, got {n_epochs!r}")
        return Schedule(int(n_epochs), config.n_cycles, steps)
    if not isinstance(total_timesteps, numbers.Real) or not 0 <= total_timesteps < float("inf"):
        raise UserError(f"total_timesteps (--num_timesteps): expected a number of at least 0, got {total_timesteps!r}")
    epochs = int(total_timesteps // (config.n_cycles * steps))
    if epochs == 0 and total_timesteps > 0:
        return Schedule(1, max(1, int(total_timesteps // steps)), steps)
    return Schedule(epochs, config.n_cycles, steps)


def announce(
    schedule: Schedule, config: HERConfig, env: GoalVecEnv, comm: Communicator, logger: Logger, wanted: float | None
) -> None:
    """Tell epochs, cycles and steps; `wanted` is the total_timesteps that was asked for."""
    if schedule.n_epochs == 0:
        logger.info("training: none")
        return
    steps = schedule.n_epochs * schedule.n_cycles * schedule.steps_per_cycle
    if schedule.n_cycles < config.n_cycles:
        logger.info(
            f"{wanted:g} steps are less than one epoch of {config.n_cycles * schedule.steps_per_cycle}: "
            "training one shortened epoch"
        )
    logger.info(
        f"training: {schedule.n_epochs} epochs x {schedule.n_cycles} cycles x {env.num_env} episodes x "
        f"{env.spec.horizon} steps = {steps} steps per worker, {steps * comm.size} over {comm.size} worker(s); "
        f"{config.n_batches} updates of {config.batch_size} transitions per cycle and worker"
    )
    if comm.size == config.simulated_workers == 1 and config.target_interval == 0:
        logger.info("hint: one process learns fastest with --preset=single; the papers' 19 workers: mpirun -np 19 ...")
