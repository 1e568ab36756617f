"""Search for good settings: `python -m baselines.tune --env=FetchReach-v1 --n_trials=30 --timesteps=5000`.

Each trial is a training run with other values of the algorithm's main settings, or of those that --tuned names. A trial
that does worse than half of those before it is ended early. Several processes, on several machines too, may share one
--storage. The same command continues a study that was stopped.
"""

import contextlib
import io
import json
import logging
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from baselines.api import DEFAULTS
from baselines.common.cli import command_line, errors_end_the_process, help_text, parse, show
from baselines.common.errors import Interrupted, TrainingError, UserError
from baselines.common.mpi import Communicator, make_communicator
from baselines.common.settings import describe, names_of, setting
from baselines.common.signals import stop_requests
from baselines.runs.algorithms import Algorithm, find
from baselines.runs.launch import launch
from baselines.runs.options import AlgorithmOptions, Options, VecEnvOptions
from baselines.storage import check_writable, write_file

_MOST = 1 << 62
_STORAGES = "sqlite:///FILE, postgresql://USER:PASSWORD@HOST/NAME, mysql+pymysql://... or journal:FILE"


@dataclass(frozen=True)
class TuneOptions(VecEnvOptions, AlgorithmOptions):
    """The flags of the command; those that `Options` has too belong to every trial's run."""

    n_trials: int = setting(30, "trials of the study in all, in whichever process they run", 1, _MOST, group="study")
    timesteps: int = setting(100_000, "environment steps of a trial: its --num_timesteps", 1, 1e18)
    tuned: str | None = setting(None, "settings to search: NAME,NAME", default_text="see below")
    storage: str | None = setting(None, _STORAGES, default_text="sqlite:///runs/tune/ALG-ENV.db")
    study: str | None = setting(None, "name of the study", default_text="ALG-ENV, or ALG-ENV-PRESET")
    metric: str | None = setting(None, "column of the log to maximize", default_text="success rate, else mean return")
    startup_trials: int = setting(5, "trials that must be complete before one is ended early", 0, _MOST)
    warmup_epochs: int = setting(2, "epochs of a trial before it may be ended early", 0, _MOST)
    seed: int = setting(0, "seed of the search, and of each trial's run", 0, _MOST)
    step_timeout: float = setting(0.0, "seconds that a step in another process may take; 0: no limit", 0, 1e6)
    load_path: str | None = setting(None, "policy to begin with", path=True)
    log_path: str | None = setting(None, "folder for the trials' logs", path=True, default_text="runs/tune/STUDY")


_OF_A_RUN = set(names_of(TuneOptions)) & set(names_of(Options)) - {"log_path"}
# These may change when a study continues; its trials have all else in common.
_FREE = {"n_trials", "storage", "study", "startup_trials", "warmup_epochs", "step_timeout", "extra_import", "log_path"}


def main(argv: list[str] | None = None) -> None:
    """Run the command with these words, or those of the command line."""
    with errors_end_the_process():
        given, settings, wants_help = parse(sys.argv[1:] if argv is None else argv, TuneOptions)
        algorithm = find(given.get("alg", DEFAULTS["alg"]))
        if wants_help:
            show(_help(algorithm))
            return
        if make_communicator().size > 1:
            raise UserError("a trial is one process: without mpirun, start this command several times")
        _tune(TuneOptions(**{**DEFAULTS, **given}), algorithm, settings)


def _tune(options: TuneOptions, algorithm: Algorithm, settings: Mapping[str, object]) -> None:
    """Check everything, then run trials and print the best."""
    try:
        from baselines.runs import tuning
    except ImportError as error:
        raise UserError(f"tuning needs Optuna ({error.name} is missing): pip install 'baselines-her[tune]'") from None

    task = _file_name(options.alg, options.env)
    name = options.study or _file_name(task, *([options.preset] if options.preset else []))
    storage = options.storage or f"sqlite:///runs/tune/{task}.db"
    shown = tuning.show_storage(storage)
    log_path = options.log_path or os.path.join("runs", "tune", _file_name(name))
    space = tuning.search_space(algorithm, options.tuned, settings)
    env = options.import_env()
    config = algorithm.config(str(env), settings, options.preset, flags=names_of(TuneOptions))
    fixed = {name: getattr(config, name) for name in settings}
    check_writable(log_path)
    run_options = {n: v for n, v in options.document().items() if n in _OF_A_RUN and v != getattr(Options(), n)}
    trial_options = {**run_options, "env": env, "num_timesteps": options.timesteps, "quiet": True}
    with contextlib.redirect_stdout(io.StringIO()):  # a run without training shows whatever is wrong with the flags
        launch({**trial_options, "num_timesteps": 0}, fixed, Communicator())

    document = {name: value for name, value in options.document().items() if name not in _FREE} | fixed
    document |= {"tuned": ",".join(sorted(space)), "ranges": "; ".join(f"{n} {space[n]}" for n in sorted(space))}
    with tuning.storage_errors(UserError, storage):
        study = tuning.open_study(storage, name, document, options.startup_trials, options.warmup_epochs)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of functions traced again: one agent a trial
    done = f"of {options.n_trials} trials done"

    def train(number: int, found: Mapping[str, object], callback: Callable[[dict[str, float]], None]) -> None:
        _train(trial_options, {**fixed, **found}, os.path.join(log_path, f"trial-{number}"), callback)

    with tuning.storage_errors(TrainingError, storage), stop_requests(at_once=True) as request:
        show(f"study {name} in {shown}: {tuning.count_trials(study)} {done}; logs in {log_path}")
        show(f"searching {', '.join(space)}")
        try:
            tuning.optimize(study, space, train, options.n_trials, options.seed, options.metric or "")
        except KeyboardInterrupt:
            stopped = f"stopped, {tuning.count_trials(study)} {done}; the same command goes on"
            raise Interrupted(stopped, request.signal or signal.SIGINT) from None
        line, found = tuning.best_trial(study)
    best = {**run_options, "num_timesteps": options.timesteps, "extra_import": options.extra_import}
    for_config = {**best, "config": {**fixed, **found}}
    try:
        write_file(os.path.join(log_path, "best.json"), json.dumps(for_config, indent=2).encode() + b"\n")
        show(f"{', '.join(['best.json (for --config)', *tuning.draw(study, log_path)])} in {log_path}")
    finally:  # on a full disk too
        show(f"best: {line}")
        show(shlex.join(command_line("baselines.run", best, {**fixed, **found})))


def _train(
    options: Mapping[str, Any], settings: Mapping[str, Any], folder: str, callback: Callable[[dict[str, float]], None]
) -> None:
    """Run one trial, whose output is in a folder of its own."""
    while os.path.exists(folder):  # an earlier study's
        folder += "-2"
    with (
        tqdm(total=options["num_timesteps"], desc=os.path.basename(folder), leave=False, unit=" steps", unit_scale=True,
             disable=not sys.stderr.isatty(), dynamic_ncols=True) as bar,
        contextlib.redirect_stdout(io.StringIO()),
    ):  # fmt: skip

        def after_epoch(row: dict[str, float]) -> None:
            bar.update(row["total/timesteps"] - bar.n)
            callback(row)

        options = {**options, "log_path": folder, "checkpoint_interval": 0}
        launch(options, settings, Communicator(), callback=after_epoch)


def _file_name(*parts: str) -> str:
    return re.sub(r"[^\w.-]+", "-", "-".join(parts)).lstrip(".") or "study"


def _help(algorithm: Algorithm) -> str:
    searched = [f"  {name:<23} {range_}" for name, range_ in algorithm.SEARCH.items()]
    sections = {
        f"settings that --alg={algorithm.name} searches, unless they are given": searched,
        f"settings of --alg={algorithm.name} (--setting=value holds for all trials)": describe(algorithm.Config),
    }
    return help_text("baselines.tune", __doc__, TuneOptions, defaults=DEFAULTS, sections=sections)


if __name__ == "__main__":
    main()
