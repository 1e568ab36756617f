"""Where training begins: all that settings and files say, looked at before anything is made or written."""

import dataclasses
import os
from typing import NamedTuple

import numpy as np

from baselines.common.errors import UserError
from baselines.common.logger import Logger
from baselines.common.mpi import Communicator
from baselines.common.storage.files import check_writable
from baselines.common.vec_env.base import GoalVecEnv
from baselines.her.checkpoints import Run, check_same, epochs_done, read_newest
from baselines.her.demonstrations import read_demonstrations
from baselines.her.experiment.config import PRESETS, HERConfig, make_config
from baselines.her.policy import read_policy
from baselines.her.schedule import Schedule, plan
from baselines.her.types import EpisodeBatch, GoalEnvSpec


class Wanted(NamedTuple):
    """Arguments of `learn`, which tells what they mean."""

    preset: str | None
    config: dict[str, object]
    total_timesteps: float | None
    n_epochs: int | None
    demo_file: str | None
    load_path: str | None
    save_path: str | None
    resume: str | None
    checkpoint_interval: int


class Start(NamedTuple):
    """Where training begins."""

    config: HERConfig
    schedule: Schedule
    snapshot: tuple[dict, dict[str, np.ndarray]] | None  # the state to resume
    arrays: dict[str, np.ndarray] | None  # of a loaded policy
    demonstrated: EpisodeBatch | None


def find_start(
    wanted: Wanted, run: Run | None, env: GoalVecEnv, seed: int, comm: Communicator, logger: Logger
) -> Start:
    """`run` is the one to resume. Raises UserError."""
    snapshot = None
    if run:
        same = {"env": env.spec.env_id, "num_env": env.num_env, "workers": comm.size, "seed": seed}
        check_same(run, wanted.resume, {**same, **PRESETS.get(wanted.preset, {}), **wanted.config})
        snapshot = read_newest(wanted.resume, wanted.checkpoint_interval, comm, logger)
    elif wanted.save_path and comm.rank == 0:
        _check_save_path(wanted.save_path)
    # A snapshot holds what the policy and the demonstrations gave.
    loaded_config, arrays = _load(None if snapshot else wanted.load_path, env.spec)
    if run:
        config = dataclasses.replace(run.config, **wanted.config)  # the same, as it was written then
    else:
        given = {"bc_loss": True, **wanted.config} if wanted.demo_file else wanted.config
        config = make_config(env.spec.env_id, given, wanted.preset, loaded_config)
    demonstrated = None if snapshot else _read_demonstrations(wanted.demo_file, config, env.spec)
    schedule = plan(wanted.total_timesteps, wanted.n_epochs, config, env, run.schedule if run else None)
    if snapshot and epochs_done(snapshot[0]) > schedule.n_epochs:
        behind = epochs_done(snapshot[0])
        raise UserError(f"{wanted.resume} has {behind} epochs behind it, more than {schedule.n_epochs}")
    return Start(config, schedule, snapshot, arrays, demonstrated)


def _read_demonstrations(path: str | None, config: HERConfig, spec: GoalEnvSpec) -> EpisodeBatch | None:
    if config.bc_loss and not path:
        raise UserError("bc_loss needs demonstrations: give a --demo_file")
    if path and not config.bc_loss:
        raise UserError("--demo_file switches bc_loss on, which was switched off: give one or the other")
    return read_demonstrations(path, spec, config.num_demo) if path else None


def _check_save_path(path: str) -> None:
    """Raise UserError where nothing can be saved, or where policies would be lost."""
    check_writable(path)
    for name in os.listdir(path) if os.path.isdir(path) else []:
        if name in ("latest", "best") or name.startswith("epoch_"):
            raise UserError(f"{path} holds policies of another run ({name}); choose another --save_path")


def _load(path: str | None, env: GoalEnvSpec) -> tuple[HERConfig | None, dict[str, np.ndarray] | None]:
    """Config and arrays of the policy in `path`, if any. Raises UserError where it does not fit the environment."""
    if path is None:
        return None, None
    policy, config, arrays = read_policy(path)
    check_sizes(f"the policy in {path}", policy, env)
    return config, arrays


def check_sizes(what: str, policy: GoalEnvSpec, env: GoalEnvSpec) -> None:
    """Raise UserError, with the sizes that differ, where a policy for `policy` cannot act in `env`."""
    different = [f"{k} {policy.sizes[k]} against {env.sizes[k]}" for k in env.sizes if policy.sizes[k] != env.sizes[k]]
    if different:
        trained_on = f"{what}, trained on {policy.env_id}, does not fit {env.env_id}"
        raise UserError(f"{trained_on}: {', '.join(different)}")
