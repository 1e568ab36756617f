"""Studies with Optuna: trials in a storage, which several processes may share.

Optuna executes nothing that it reads here: databases and journal files hold numbers, text and JSON. It unpickles only
what its CMA-ES sampler and journals in Redis store, and a study uses neither.
"""

import contextlib
import dataclasses
import io
import math
import os
import re
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import optuna
import optuna.visualization.matplotlib as visualization
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from baselines.common.cli import show
from baselines.common.errors import Interrupted, TrainingError, UserError, counted, one_line
from baselines.common.settings import check_known, kinds_of, names_of
from baselines.runs.algorithms import Algorithm, Range
from baselines.storage import write_file

_METRICS = ("test/success_rate", "test/mean_return")  # the first that an epoch's row has is the score
_SCORED_EPOCHS = 3  # a trial's value is the mean over its last epochs: one evaluation is partly luck
_WIDEST = 1e6  # a wider range tells which values are possible, not which are sensible
_JOURNAL = "journal:"
_HEARTBEAT, _GRACE = 60, 300  # seconds between two heartbeats of a trial; seconds without one until it has failed
_LOCK_TIMEOUT = 60  # seconds to wait for another process that writes to the same SQLite file
_DOCUMENT, _METRIC, _ERROR = "baselines tune 1", "metric", "error"  # attributes of a study, and of its trials


class _UnknownMetric(UserError):
    """An epoch without the metric: it ends the study, as every other trial would have the same fault."""


class _StorageFailed(Exception):
    """An error of the storage, with its cause, during a trial: it is not the trial's."""


def search_space(algorithm: Algorithm, tuned: str | None, fixed: Iterable[str]) -> dict[str, Range]:
    """Return the ranges of the settings that `--tuned=NAME,NAME` names, or else of the algorithm's SEARCH.

    The ends of a whole number's range are of type int. Raises UserError for a setting that has no range, or is fixed.
    """
    names = [word.strip() for word in tuned.split(",")] if tuned else [n for n in algorithm.SEARCH if n not in fixed]
    check_known(names, names_of(algorithm.Config))
    if both := set(fixed).intersection(names):
        raise UserError(f"--{min(both)} is fixed and also named by --tuned: leave one of them out")
    if not names:
        raise UserError(f"nothing to search: name settings of --alg={algorithm.name} with --tuned=NAME,NAME")
    return {name: _range_of(algorithm, name) for name in names}


def settings_of(trial: optuna.Trial | FrozenTrial) -> dict[str, Any]:
    """Return the settings that the trial tries, with few digits so that its command line is short."""
    return {n: float(f"{value:.4g}") if isinstance(value, float) else value for n, value in trial.params.items()}


@contextlib.contextmanager
def storage_errors(kind: type[Exception], storage: str) -> Iterator[None]:
    """Raise `kind` in place of whatever Optuna or a database raises inside this block."""
    try:
        yield
    except (UserError, TrainingError, Interrupted):
        raise
    except Exception as error:
        cause = error.__cause__ or error
        reason = (str(cause).splitlines() or [""])[0]
        raise kind(f"cannot use --storage={show_storage(storage)}: {type(cause).__name__}: {reason}") from None


def show_storage(storage: str) -> str:
    """Return the storage's address without its password. Raises UserError for anything else than an address."""
    if storage.startswith(_JOURNAL) and "://" not in storage:
        return storage
    return _url(storage).set(query={}).render_as_string()


def open_study(
    storage: str, name: str, document: Mapping[str, Any], startup_trials: int, warmup_epochs: int
) -> optuna.Study:
    """Open the study, or create it. Raises UserError where it has trials with another `document` of settings."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        storage=_open_storage(storage), study_name=name, direction="maximize", load_if_exists=True
    )
    study.pruner = optuna.pruners.MedianPruner(startup_trials, warmup_epochs)
    if not count_trials(study, TrialState.RUNNING):
        study.set_user_attr(_DOCUMENT, dict(document))
    before = study.user_attrs.get(_DOCUMENT, {})
    for key in {**before, **document}:
        if before.get(key) != document.get(key):
            old, new = (f"no --{key}" if d.get(key) is None else f"--{key}={d[key]}" for d in (before, document))
            raise UserError(f"study {name} has {old}, not {new}: use the same, or choose another --study=NAME")
    return study


def optimize(
    study: optuna.Study, space: Mapping[str, Range], train: Callable[..., object], n_trials: int, seed: int, metric: str
) -> None:
    """Run trials until the study has `n_trials`, and print a line about each. Raises UserError for a wrong metric.

    `train(number, settings, callback)` runs a trial, and calls back with every epoch's row of the log.
    """

    def objective(trial: optuna.Trial) -> float:
        scores: list[float] = []

        def after_epoch(row: dict[str, float]) -> None:
            name, score = _score(row, metric)
            try:
                if not scores:
                    trial.set_user_attr(_METRIC, name)
                trial.report(score, step=len(scores))
                scores.append(score)
                is_hopeless = trial.should_prune()
            except Exception as error:
                raise _StorageFailed from error.__cause__ or error
            if is_hopeless:
                raise optuna.TrialPruned

        # The trial's number seeds the sampler: processes that share the study propose different settings, and a study
        # that was stopped proposes the same as one that was not.
        seeds = np.random.SeedSequence([seed, trial.number])
        study.sampler = optuna.samplers.TPESampler(seed=int(seeds.generate_state(1)[0]))
        for name, range_ in space.items():
            _suggest(trial, name, range_)
        try:
            train(trial.number, settings_of(trial), after_epoch)
            value = float(np.mean(scores[-_SCORED_EPOCHS:] or math.nan))
            if not math.isfinite(value):
                raise TrainingError(f"its score is {value}")
            return value
        except (optuna.TrialPruned, _UnknownMetric, _StorageFailed):
            raise
        except (Exception, SystemExit) as error:
            kind = "" if isinstance(error, UserError | TrainingError) else f"{type(error).__name__}: "
            trial.set_user_attr(_ERROR, kind + one_line(error))
            return math.nan  # which Optuna records as a trial that failed

    def after_trial(study: optuna.Study, trial: FrozenTrial) -> None:
        outcome = f"failed: {trial.user_attrs[_ERROR]}" if trial.value is None else f"{trial.value:.4g}"
        if trial.state == TrialState.PRUNED:
            outcome += f", pruned after {counted(len(trial.intermediate_values), 'epoch')}"
        show("  ".join([f"trial {trial.number}", outcome, *(f"{n}={v}" for n, v in settings_of(trial).items())]))
        if count_trials(study) >= n_trials:
            study.stop()

    if count_trials(study) < n_trials:
        study.optimize(objective, callbacks=[after_trial], gc_after_trial=True)


def count_trials(study: optuna.Study, *others: TrialState) -> int:
    """Return the number of trials that were completed, were pruned, or failed by an error; and of these other states.

    A trial that was interrupted has failed without an error, and another one takes its place.
    """
    states = (TrialState.COMPLETE, TrialState.PRUNED, *others)
    return sum(trial.state in states or _ERROR in trial.user_attrs for trial in study.get_trials(deepcopy=False))


def best_trial(study: optuna.Study) -> tuple[str, dict[str, Any]]:
    """Return a line about the completed trial with the highest value, and its settings. Raises TrainingError."""
    if not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        raise TrainingError(f"no trial of {count_trials(study)} was completed")
    best = study.best_trial
    epochs = counted(min(_SCORED_EPOCHS, len(best.intermediate_values)), "epoch")
    line = f"trial {best.number}, {best.user_attrs[_METRIC]} {best.value:.4g} (mean of its last {epochs})"
    return line, settings_of(best)


def draw(study: optuna.Study, folder: str) -> list[str]:
    """Draw the trials' history, the settings' importances and slices of both; return the names of the pictures.

    There are none without matplotlib, and none that need more trials than there are. Raises TrainingError.
    """
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        return []
    pictures: dict[str, Callable[[optuna.Study], Any]] = {
        "history.png": visualization.plot_optimization_history,
        "importances.png": visualization.plot_param_importances,
        "slices.png": visualization.plot_slice,
    }
    drawn = []
    for name, plot in pictures.items():
        with contextlib.suppress(ValueError, RuntimeError), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of few trials, and that the pictures are experimental
            figure, picture = np.ravel(plot(study))[0].figure, io.BytesIO()
            figure.savefig(picture, format="png", dpi=120, bbox_inches="tight")
            write_file(os.path.join(folder, name), picture.getvalue())
            drawn.append(name)
    pyplot.close("all")
    return drawn


def _range_of(algorithm: Algorithm, name: str) -> Range:
    """Return the range in SEARCH, or that of the setting itself. Raises UserError where that is too wide."""
    metadata = next(f.metadata for f in dataclasses.fields(algorithm.Config) if f.name == name)
    kind = kinds_of(algorithm.Config)[name][0]  # int, of `int | None`
    low, high, choices = (metadata.get(key) for key in ("low", "high", "choices"))
    if name in algorithm.SEARCH:
        low, high, log, choices = dataclasses.astuple(algorithm.SEARCH[name])
    elif choices or kind is bool:
        choices = choices or (False, True)
    elif low is None or high is None or high - low > _WIDEST:
        raise UserError(f"--tuned={name}: its range is too wide to search; others: {', '.join(algorithm.SEARCH)}")
    else:
        log = low > 0 and high / low >= 100
    return Range(choices=choices) if choices else Range(kind(low), kind(high), log)


def _suggest(trial: optuna.Trial, name: str, range_: Range) -> None:
    """Let the sampler choose; Optuna stores the value in `trial.params`."""
    if range_.choices:
        trial.suggest_categorical(name, range_.choices)
    elif isinstance(range_.low, int):
        trial.suggest_int(name, range_.low, int(range_.high), log=range_.log)
    else:
        trial.suggest_float(name, range_.low, range_.high, log=range_.log)


def _open_storage(storage: str) -> optuna.storages.BaseStorage:
    """Open the storage; create its file, and the file's folder, where they are missing. Raises UserError."""
    if storage.startswith(_JOURNAL):
        path = _with_folder(storage.removeprefix(_JOURNAL))
        with open(path, "a+b") as file:
            file.seek(0)
            # Optuna takes a last line that is not JSON for one that is being written, and would append to any file.
            if file.read(11) not in (b"", b'{"op_code":'):
                raise UserError(f"{path} is not a journal of Optuna: choose another --storage")
        return optuna.storages.JournalStorage(JournalFileBackend(path))
    url, arguments = _url(storage), {}
    if url.get_backend_name() == "sqlite":
        path = _with_folder(str(url.database))
        _check_database(path)
        open(path, "ab").close()  # SQLite's own files do not have the permissions that the umask leaves
        url, arguments = url.set(database=path), {"connect_args": {"timeout": _LOCK_TIMEOUT}}
    address = url.render_as_string(hide_password=False)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)  # of heartbeats
    tries = 0
    while True:
        tries += 1
        try:
            return optuna.storages.RDBStorage(address, arguments, heartbeat_interval=_HEARTBEAT, grace_period=_GRACE)
        except SQLAlchemyError as error:
            # Two processes that create the same tables at once: the second one finds them a moment later.
            if tries == 25 or not re.search("exist|unique|duplicate", str(error), re.IGNORECASE):
                raise
            time.sleep(0.2)


def _check_database(path: str) -> None:
    """Raise UserError for the SQLite file of another program, to which Optuna would add its tables."""
    if os.path.exists(path):
        with contextlib.closing(sqlite3.connect(path, timeout=_LOCK_TIMEOUT)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and "studies" not in tables:  # the first that Optuna creates
            raise UserError(f"{path} is not a database of Optuna: choose another --storage")


def _url(storage: str) -> URL:
    with contextlib.suppress(ArgumentError, ValueError):  # whose messages may show parts of a password
        url = make_url(storage)
        if url.get_backend_name() != "sqlite" or url.database not in (None, "", ":memory:"):
            return url
    raise UserError("--storage: expected sqlite:///FILE, postgresql://..., mysql+pymysql://... or journal:FILE")


def _with_folder(path: str) -> str:
    path = os.path.expanduser(path)
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    return path


def _score(row: Mapping[str, float], metric: str) -> tuple[str, float]:
    """Return the metric's name and its value in this row."""
    names = [metric] if metric else _METRICS
    known = [name for name in names if name in row]
    if not known:
        raise _UnknownMetric(f"--metric: an epoch has no {' or '.join(names)}; it has {', '.join(row)}")
    # The success rate is nan where the environment knows no success.
    name = next((name for name in known if not math.isnan(row[name])), known[-1])
    return name, row[name]
