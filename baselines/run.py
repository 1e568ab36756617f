"""The launcher: `python -m baselines.run --alg=her --env=FetchReach-v1 --num_timesteps=5000`."""

import contextlib
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from baselines.api import DEFAULTS
from baselines.common.cli import help_text, one_line, parse, show
from baselines.common.errors import Interrupted, TrainingError, UserError
from baselines.common.mpi import Communicator, abort_all_on_error, check_same_on_all, make_communicator
from baselines.common.old_names import LOG_FOLDER, VARIABLES, log_notes
from baselines.common.settings import Settings, describe, names_of, setting
from baselines.envs import parse_arguments
from baselines.envs.names import import_extra
from baselines.play import play, record, writer_of
from baselines.policies.policy import Agent
from baselines.runs.algorithms import Algorithm, find
from baselines.runs.launch import launch
from baselines.runs.logger import Logger
from baselines.runs.options import Options
from baselines.runs.run import Run
from baselines.storage.files import check_file_writable


@dataclass(frozen=True)
class Afterwards(Settings):
    """What is done after training."""

    play: bool = setting(False, "after training, show the policy: in a window or as a video", default_text="")
    play_episodes: int = setting(10, "episodes to play", 1, 10**9)
    record_demos: str | None = setting(
        None, "with --play: write the episodes to this file, as demonstrations", path=True, default_text=""
    )
    keep_failures: bool = setting(False, "with --record_demos: write failed episodes too", default_text="")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.record_demos and not self.play:
            raise UserError("--record_demos records what is played: add --play")
        if self.keep_failures and not self.record_demos:
            raise UserError("--keep_failures keeps failed episodes of --record_demos=FILE: give both")


@dataclass(frozen=True)
class Words(Afterwards, Options):
    """Every flag of the launcher."""

    extra_import: str | None = setting(
        None, "module to import first, e.g. one that registers the environment", default_text=""
    )


def main(argv: list[str] | None = None) -> None:
    """Run what the command line says; exit code 2 for bad input, 1 for a run that failed."""
    comm = Communicator()
    try:
        comm = make_communicator()
        abort_all_on_error(comm)
        run(sys.argv[1:] if argv is None else argv, comm)
    except (UserError, TrainingError) as error:
        if comm.rank > 0:
            time.sleep(2)  # all workers got the same bad input: let rank 0 alone say so
        where = f" (rank {comm.rank} of {comm.size})" if comm.size > 1 else ""
        print(f"error{where}: {one_line(error)}", file=sys.stderr)
        comm.abort(2 if isinstance(error, UserError) else 1)
    except Interrupted as stopped:
        if comm.rank == 0:
            with contextlib.suppress(OSError):  # what reads it may have ended at the same Ctrl-C
                print(stopped, file=sys.stderr, flush=True)
        comm.all_gather(0)  # none may end the others before they are through
        sys.exit(stopped.exit_code)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        comm.abort(130)


def run(argv: list[str], comm: Communicator) -> None:
    """Parse, train, play."""
    given, settings, wants_help = parse(argv, Words)
    check_same_on_all(comm, {**settings, **given, "--help": wants_help})
    if wants_help:
        if comm.rank == 0:
            show(launcher_help(find(given.get("alg", DEFAULTS["alg"]))))
        return
    afterwards = Afterwards(**{name: given.pop(name) for name in names_of(Afterwards) if name in given})
    if afterwards.record_demos:
        check_file_writable(afterwards.record_demos)
        if "resume" not in given:  # before hours of training
            writer_of(find(given.get("alg", DEFAULTS["alg"])))

    if env_id := import_extra(given.pop("extra_import", None), given.get("env")):
        given["env"] = env_id
    notes = _of_the_shell(given, comm)

    def after(agent: Agent, run: Run) -> None:
        if afterwards.play and comm.rank == 0:
            _play(agent, run, afterwards)

    launch(given, settings, comm, new_folder=True, defaults=DEFAULTS, notes=notes, after=after)


def _of_the_shell(given: dict[str, Any], comm: Communicator) -> list[str]:
    """Obey the variables of OpenAI Baselines, as rank 0 has them; returns what the log is to say. Raises UserError."""
    variables = comm.all_gather({name: os.environ.get(name) for name in VARIABLES})[0]
    notes, folder = log_notes(variables), variables[LOG_FOLDER]
    if folder and not given.keys() & {"log_path", "resume"}:
        given["log_path"] = folder
        try:
            Logger(os.path.expanduser(folder), quiet=comm.rank > 0)
        except UserError as error:
            raise UserError(f"{LOG_FOLDER} is set: {error}") from None
        notes.append(f"{LOG_FOLDER} is set: it says where the logs go, as --log_path={folder} would")
    return notes


def launcher_help(algorithm: Algorithm) -> str:
    """All flags, and the settings and presets of the algorithm."""
    presets = []
    for name, preset in algorithm.PRESETS.items():
        presets.append(f"  {name:<23} {_words({**preset.settings, 'num_env': preset.num_env})}")
        presets += [f"    {task + ':':<21} {_words(own)}" for task, own in preset.tasks.items()]
    sections: dict[str, list[str]] = {
        f"settings of --alg={algorithm.name} (--setting=value)": describe(algorithm.Config)
    }
    if presets:
        sections[f"presets of --alg={algorithm.name}"] = presets
    return help_text("baselines.run", __doc__, Words, defaults=DEFAULTS, sections=sections)


def _words(settings: Mapping[str, Any]) -> str:
    return " ".join(f"--{name}={value}" for name, value in settings.items())


def _play(agent: Agent, run: Run, afterwards: Afterwards) -> None:
    options, info = run.options, run.logger.info
    arguments = parse_arguments(options.env_kwargs, options.max_episode_steps, options.reward_info)
    played = play(agent.policy(), options.env, afterwards.play_episodes, run.seed, info, run.logger.folder or ".",
                  render=not afterwards.record_demos,
                  arguments=arguments)  # fmt: skip
    if afterwards.record_demos:
        write = writer_of(find(options.alg))
        record(afterwards.record_demos, played, run.env.spec, afterwards.keep_failures, write, run.seed, info)


if __name__ == "__main__":
    main()
