"""Train an agent, with one seed or with several.

Examples:
  python -m baselines.run --alg=her --env=FetchReach-v1 --num_timesteps=5000
  python -m baselines.run --env=FetchPush-v1 --preset=single --num_timesteps=8e4 --save_path=push --log_path=runs/push
  python -m baselines.run --env=FetchPush-v1 --preset=single --num_timesteps=8e4 --seeds=0,1,2 --jobs=2
  python -m baselines.run --config=runs/push/config.json --seed=1
  python -m baselines.run --resume=runs/push --num_timesteps=1e5
"""

import functools
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from baselines.api import DEFAULTS
from baselines.common.cli import errors_end_the_process, help_text, parse, show
from baselines.common.errors import UserError
from baselines.common.mpi import Communicator, abort_all_on_error, check_same_on_all, make_communicator
from baselines.common.old_names import LOG_FOLDER_VARIABLE
from baselines.common.seeding import new_seed
from baselines.common.settings import Settings, describe, names_of, setting
from baselines.common.streams import wrapped
from baselines.play import RecordOptions, demonstrations_writer, play, record
from baselines.policies.policy import Agent
from baselines.runs.algorithms import Algorithm, find
from baselines.runs.launch import launch
from baselines.runs.logger import Logger
from baselines.runs.options import Options
from baselines.runs.record import new_run_folder, read_config
from baselines.runs.run import Run
from baselines.seeds import SeedsOptions, train_seeds
from baselines.storage import check_file_writable


@dataclass(frozen=True)
class AfterTraining(RecordOptions):
    """Options for playing the trained policy."""

    play: bool = setting(False, "after training, show the policy in a window or as a video", group="after training")
    play_episodes: int = setting(10, "episodes to play", 1, 10**9)

    def __post_init__(self) -> None:
        if self.record_demos and not self.play:
            raise UserError("--record_demos records what is played: add --play")
        super().__post_init__()


@dataclass(frozen=True)
class FileOptions(Settings):
    """A file that holds other flags."""

    config: str | None = setting(None, "YAML or JSON file of flags and settings, or a run's config.json", path=True)


@dataclass(frozen=True)
class LauncherOptions(AfterTraining, SeedsOptions, Options, FileOptions):
    """All flags of the launcher."""


def main(argv: list[str] | None = None) -> None:
    """Run the command; exit code 2 for bad input, 1 for a run that failed."""
    with errors_end_the_process():
        comm = make_communicator()
    with errors_end_the_process(comm):
        abort_all_on_error(comm)
        run(sys.argv[1:] if argv is None else argv, comm)


def run(argv: list[str], comm: Communicator) -> None:
    """Parse the command line, train, play."""
    given, settings, wants_help = parse(argv, LauncherOptions)
    if given.get("config"):
        given, settings = read_config(given.pop("config"), LauncherOptions, given, settings)
    check_same_on_all(comm, {**settings, **given, "--help": wants_help})
    algorithm = None if "resume" in given and not wants_help else find(given.get("alg", DEFAULTS["alg"]))
    if wants_help and algorithm:
        if comm.rank == 0:
            show(launcher_help(algorithm))
        return
    then = AfterTraining(**{name: given.pop(name) for name in names_of(AfterTraining) if name in given})
    if then.record_demos:
        check_file_writable(then.record_demos)
        if algorithm:  # before hours of training
            demonstrations_writer(algorithm)
    command = shlex.join(["python", "-m", "baselines.run", *argv])
    several = SeedsOptions(**{name: given.pop(name) for name in names_of(SeedsOptions) if name in given})
    if several.chosen:
        if then.play:
            raise UserError("--play shows one policy: leave it out, or train with one --seed")
        train_seeds(several, {**DEFAULTS, **given}, settings, comm, command)
        return
    notes = [f"command: {command}"]
    if "resume" not in given:
        given = {"seed": new_seed(comm), **DEFAULTS, **given}
        notes += _choose_log_path(given, comm)

    launch(given, settings, comm, notes=notes, after=functools.partial(_play, then=then))


def _choose_log_path(given: dict[str, Any], comm: Communicator) -> list[str]:
    """Set a missing log_path by OPENAI_LOGDIR or to a new folder; returns notes for the log. Raises UserError."""
    # All ranks take rank 0's: their clocks and variables may differ.
    new, folder = comm.all_gather(
        (new_run_folder(given["alg"], given["env"], given["seed"]), os.environ.get(LOG_FOLDER_VARIABLE))
    )[0]
    if "log_path" in given or not folder:
        given.setdefault("log_path", new)
        return []
    given["log_path"] = folder
    try:
        Logger(os.path.expanduser(folder), quiet=comm.rank > 0)
    except UserError as error:
        raise UserError(f"{LOG_FOLDER_VARIABLE} is set: {error}") from None
    return [f"{LOG_FOLDER_VARIABLE} is set: logs go there, as with --log_path={folder}"]


def launcher_help(algorithm: Algorithm) -> str:
    """Return all flags, and the settings and presets of the algorithm."""
    presets = []
    for name, preset in algorithm.PRESETS.items():
        rows: dict[str, Mapping[str, object]] = {f"  {name}": {**preset.settings, "num_env": preset.num_env}}
        rows |= {f"    {task}:": more for task, more in preset.tasks.items()}
        for start, more in rows.items():
            flags = " ".join(f"--{setting}={value}" for setting, value in more.items())
            presets.append(wrapped(f"{start:<25} {flags}", 26))
    sections = {f"settings of --alg={algorithm.name} (--setting=value)": describe(algorithm.Config)}
    if presets:
        sections[f"presets of --alg={algorithm.name}"] = presets
    return help_text("baselines.run", __doc__, LauncherOptions, defaults=DEFAULTS, sections=sections)


def _play(agent: Agent, run: Run, then: AfterTraining) -> None:
    if not then.play or run.comm.rank > 0:
        return
    options, info = run.options, run.logger.info
    played = play(agent.policy(), options.env, then.play_episodes, run.seed, info, run.logger.folder or ".",
                  render=not then.record_demos, arguments=options.env_arguments())  # fmt: skip
    if then.record_demos:
        record(then, played, run.env.spec, demonstrations_writer(find(options.alg)), run.seed, info)


if __name__ == "__main__":
    main()
