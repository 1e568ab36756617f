"""Search good settings: `python -m baselines.tune --env=FetchReach-v1 --n_trials=30 --timesteps=5000`.

Each trial is a training run with other values of the algorithm's main settings, or of those that --tuned names. One
that does worse than half of those before is ended early. Several processes, on several machines too, may work on one
--storage. What was stopped goes on with the same command.
"""

import contextlib
import functools
import gc
import io
import logging
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from baselines.api import DEFAULTS
from baselines.common.cli import errors_end_the_process, help_text, literal, parse, show
from baselines.common.errors import Interrupted, TrainingError, UserError
from baselines.common.mpi import Communicator, make_communicator
from baselines.common.settings import Settings, describe, names_of, setting
from baselines.envs import BACK_ENDS
from baselines.envs.names import import_extra
from baselines.policies.policy import Agent, check_complete
from baselines.runs.algorithms import Algorithm, find, read_policy
from baselines.runs.launch import launch
from baselines.runs.options import Options
from baselines.runs.run import Run
from baselines.runs.signals import interrupts
from baselines.runs.tuning.space import lines_of, space_of
from baselines.storage.files import check_writable

if TYPE_CHECKING:
    from baselines.runs.tuning.study import Study  # which needs Optuna

_MOST = 1 << 62
_FOLDER = os.path.join("runs", "tune")


@dataclass(frozen=True)
class TuneOptions(Settings):
    """The command line. What `Options` has too is passed on to each trial's run."""

    alg: str = setting("", "algorithm; your own: package.module with a function learn")
    env: str = setting("", "environment; your own: module:Id-v0")
    preset: str | None = setting(None, "settings by name, as of baselines.run", default_text="")
    n_trials: int = setting(30, "trials of the study in all, whichever process runs them", 1, _MOST)
    timesteps: float = setting(1e5, "environment steps of a trial: its --num_timesteps", 1, 1e18)
    tuned: str | None = setting(None, "settings to search: NAME,NAME", default_text="see below")
    storage: str | None = setting(
        None, "where the study is kept: sqlite:///FILE, postgresql://USER:PASSWORD@HOST/NAME, mysql://... or "
        "journal:FILE", default_text="sqlite:///runs/tune/ALG-ENV.db"
    )  # fmt: skip
    study: str | None = setting(None, "its name there", default_text="ALG-ENV, or ALG-ENV-PRESET")
    metric: str | None = setting(
        None, "column of the log that is to be high", default_text="test/success_rate, else test/mean_return"
    )
    startup_trials: int = setting(5, "trials that are completed before any is ended early", 0, _MOST)
    warmup_epochs: int = setting(2, "epochs of a trial before it may be ended early", 0, _MOST)
    seed: int = setting(0, "seed of the search, and of each trial's run", 0, _MOST)
    num_env: int | None = setting(
        None, "environments, stepped together", 1, 100_000, default_text="the preset's, else 1"
    )
    vec_env: str = setting("auto", "what steps them", choices=BACK_ENDS)
    step_timeout: float = setting(0.0, "seconds that an environment in a process may take for a step; 0: any", 0, 1e6)
    env_kwargs: str | None = setting(None, "arguments for making the environment: NAME=VALUE", default_text="")
    reward_info: str | None = setting(
        None, "entries of a step's info that compute_reward reads: KEY,KEY", default_text=""
    )
    max_episode_steps: int | None = setting(
        None, "time limit of episodes, in steps", 1, _MOST, default_text="the environment's own"
    )
    load_path: str | None = setting(None, "folder of a policy to begin with", path=True, default_text="")
    extra_import: str | None = setting(
        None, "module to import first, e.g. one that registers the environment", default_text=""
    )
    log_path: str | None = setting(
        None, "folder for the trials' logs", path=True, default_text="runs/tune/STUDY"
    )  # fmt: skip


_OF_A_RUN = set(names_of(TuneOptions)) & set(names_of(Options)) - {"log_path"}
# Beside these, what every trial of a study must have in common.
_FREE = {"n_trials", "storage", "study", "startup_trials", "warmup_epochs", "step_timeout", "extra_import", "log_path"}


def main(argv: list[str] | None = None) -> None:
    """Search what the command line says."""
    with errors_end_the_process():
        given, settings, wants_help = parse(sys.argv[1:] if argv is None else argv, TuneOptions)
        algorithm = find(given.get("alg", DEFAULTS["alg"]))
        if wants_help:
            show(_help(algorithm))
            return
        if make_communicator().size > 1:
            raise UserError("a trial is one process: start several of these commands on one --storage, without mpirun")
        _tune(_completed(TuneOptions(**{**DEFAULTS, **given})), algorithm, settings)


def _tune(options: TuneOptions, algorithm: Algorithm, settings: Mapping[str, object]) -> None:
    """All is looked at before anything is made."""
    try:
        from baselines.runs.tuning.storages import check_storage, open_storage, shown
        from baselines.runs.tuning.study import Plan, Study
    except ImportError as error:
        raise UserError(f"tuning needs Optuna ({error.name} is missing): pip install 'baselines-her[tune]'") from None

    assert options.storage and options.study and options.log_path
    space = space_of(algorithm, options.tuned, settings)
    env = import_extra(options.extra_import, options.env)
    config = algorithm.config(str(env), settings, options.preset, flags=tuple(names_of(TuneOptions)))
    fixed = {name: getattr(config, name) for name in settings}
    check_storage(options.storage)
    check_writable(options.log_path)
    given = {**_given(options), "env": env}
    _rehearse({**given, "num_timesteps": 0}, fixed)
    if options.load_path:
        check_complete(read_policy(options.load_path, algorithm))

    document = {name: value for name, value in options.document().items() if name not in _FREE}
    ranges = "; ".join(f"{name} {space[name].range}" for name in sorted(space))
    document |= {**fixed, "tuned": ",".join(sorted(space)), "ranges": ranges}
    plan = Plan(options.study, options.storage, document, space, options.seed, options.n_trials,
                options.startup_trials, options.warmup_epochs, options.metric)  # fmt: skip
    study = Study(plan, open_storage(options.storage))
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of functions traced again: one agent a trial
    show(f"study {options.study} in {shown(options.storage)}: {study.done()} of {options.n_trials} trials done; "
         f"searching {', '.join(space)}; logs in {options.log_path}")  # fmt: skip
    with interrupts() as came:
        try:
            study.work(functools.partial(_train, given, fixed, options.log_path), show)
        except KeyboardInterrupt:
            how = f"{study.done()} of {options.n_trials} trials done; the same command goes on"
            raise Interrupted(f"stopped, {how}", came[0] if came else signal.SIGINT) from None
    _show_best(study, options, fixed)


def _show_best(study: "Study", options: TuneOptions, fixed: Mapping[str, object]) -> None:
    """Raises TrainingError where there is none, and none is to come."""
    if running := study.running():
        show(f"trials that still run in other processes: {running}; the same command, later, has the best of all")
    if best := study.best():
        show(f"best: trial {best.number}, {best.metric} {best.value:.4g} (mean of its last {best.epochs} epochs)")
        show(command_line(options, {**fixed, **best.settings}))
    elif not running:
        raise TrainingError(f"no trial of {study.done()} was completed; their logs are in {options.log_path}")


def command_line(options: TuneOptions, settings: Mapping[str, object]) -> str:
    """What trains as a trial did, with `settings` of the algorithm, for a shell."""
    words = {"alg": options.alg, **_given(options), "extra_import": options.extra_import}
    flags = [f"--{name}={value}" for name, value in words.items() if value is not None]
    for name, value in settings.items():
        # A word that reads like a number needs quotes to stay one.
        flags.append(f"--{name}={value if literal(str(value)) == value else repr(value)}")
    return f"python -m baselines.run {shlex.join(flags)}"


def _completed(options: TuneOptions) -> TuneOptions:
    """With what nobody said: the study's name, its storage, and the folder for logs."""
    parts = [part for part in (options.alg, options.env, options.preset) if part]
    name = options.study if options.study is not None else _file_name("-".join(parts))
    if not 0 < len(name) <= 200 or not name.isprintable():
        raise UserError(f"--study: expected a name of up to 200 letters, got {name[:60]!r}")
    storage = options.storage or f"sqlite:///{_FOLDER}/{_file_name('-'.join(parts[:2]))}.db"
    log_path = options.log_path or os.path.join(_FOLDER, _file_name(name))
    return TuneOptions(**{**options.document(), "study": name, "storage": storage, "log_path": log_path})


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text).lstrip(".") or "study"


def _given(options: TuneOptions) -> dict[str, Any]:
    """What the launcher gets of it: what is not the default there."""
    steps = options.timesteps
    defaults = {name: getattr(Options(), name) for name in _OF_A_RUN}
    given = {n: getattr(options, n) for n in names_of(Options) if n in _OF_A_RUN and getattr(options, n) != defaults[n]}
    return {**given, "num_timesteps": int(steps) if steps == int(steps) else steps}


def _rehearse(given: Mapping[str, Any], fixed: Mapping[str, object]) -> None:
    """A run without training and files: whatever is wrong with the user's own flags shows here. Raises UserError."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            launch({**given, "quiet": True}, fixed, Communicator())
    except TrainingError as error:  # of the environment
        raise UserError(str(error)) from None


def _train(
    given: Mapping[str, Any],
    fixed: Mapping[str, object],
    log_path: str,
    number: int,
    settings: Mapping[str, object],
    callback: Callable[[dict[str, float]], bool],
) -> bool:
    """One trial; all that a run says is in its folder. Returns whether it came to its end."""
    ended: list[bool] = []
    options = {**given, "log_path": _new_folder(log_path, number), "checkpoint_interval": 0, "quiet": True}

    def after(agent: Agent, run: Run) -> None:
        ended.append(run.progress.epoch == run.schedule.n_epochs)

    with tqdm(total=given["num_timesteps"], desc=f"trial {number}", leave=False, unit=" steps", unit_scale=True,
              disable=not sys.stderr.isatty(), dynamic_ncols=True) as bar:  # fmt: skip

        def after_epoch(row: dict[str, float]) -> bool:
            bar.update(row["total/timesteps"] - bar.n)
            return callback(row)

        with contextlib.redirect_stdout(io.StringIO()):
            launch(options, {**fixed, **settings}, Communicator(), callback=after_epoch, after=after)
    gc.collect()  # agents are in circles, with their replay buffers; the next trial needs the room
    return ended[0]


def _new_folder(log_path: str, number: int) -> str:
    """The first of trial-0, trial-0-2, ... that is not there: a study may begin again where another one was."""
    path, count = os.path.join(log_path, f"trial-{number}"), 1
    while os.path.exists(path):
        count += 1
        path = os.path.join(log_path, f"trial-{number}-{count}")
    return path


def _help(algorithm: Algorithm) -> str:
    sections = {
        f"settings that --alg={algorithm.name} searches, if they are not given": lines_of(algorithm.SEARCH),
        f"settings of --alg={algorithm.name} (--setting=value holds for all trials)": describe(algorithm.Config),
    }
    return help_text("baselines.tune", __doc__, TuneOptions, defaults=DEFAULTS, sections=sections)


if __name__ == "__main__":
    main()
