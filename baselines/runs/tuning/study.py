"""A study on Optuna: trials that several processes share, pruning, going on where it was stopped."""

import contextlib
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from baselines.common.errors import TrainingError, UserError, one_line
from baselines.runs.tuning.alive import is_lost, note, noting
from baselines.runs.tuning.space import Dimension, rounded
from baselines.runs.tuning.storages import shown, storage_errors

METRICS = ("test/success_rate", "test/mean_return")  # of an epoch's row; the first that is there is the score
LAST = 3  # scores, the last ones of a trial, whose mean is its value: one evaluation alone is luck to a good part
_DOCUMENT = "baselines tune 1"
_ERROR, _SETTINGS, _METRIC = "error", "settings", "metric"  # what a trial keeps beside Optuna's own


class Trains(Protocol):
    """Trains with these settings, and calls back with each epoch's row of the log.

    Returns whether it came to its end: a callback that returns False ends it early. Raises UserError, TrainingError.
    """

    def __call__(
        self, number: int, settings: Mapping[str, object], callback: Callable[[dict[str, float]], bool]
    ) -> bool: ...


class Plan(NamedTuple):
    """What a study is."""

    name: str
    storage: str
    document: Mapping[str, Any]  # all that its trials have in common, as JSON
    space: Mapping[str, Dimension]
    seed: int
    n_trials: int  # in all, of all processes
    startup_trials: int  # completed ones, before any is pruned
    warmup_epochs: int  # of a trial, before it may be pruned
    metric: str | None  # the score, instead of METRICS


class Best(NamedTuple):
    """The trial with the highest value."""

    number: int
    value: float
    metric: str
    epochs: int  # of whose scores the value is the mean
    settings: Mapping[str, object]


class _NoMetric(Exception):
    """The row has no such metric: no trial's fault."""


class Study:
    """One process's side of it; its errors are UserError before the first trial, TrainingError later."""

    def __init__(self, plan: Plan, storage: optuna.storages.BaseStorage):
        """Find the study in the storage, or begin it there. Raises UserError where it is another one."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._plan = plan
        pruner = optuna.pruners.MedianPruner(plan.startup_trials, plan.warmup_epochs)
        with storage_errors(plan.name, UserError):
            try:  # a journal would note an attempt to make one that is there
                self._study = optuna.load_study(storage=storage, study_name=plan.name, pruner=pruner)
            except KeyError:
                self._study = optuna.create_study(
                    storage=storage, study_name=plan.name, direction="maximize", pruner=pruner, load_if_exists=True
                )
            self._check_same()
            if self._study.user_attrs.get(_DOCUMENT) != plan.document:
                self._study.set_user_attr(_DOCUMENT, dict(plan.document))

    def work(self, train: Trains, say: Callable[[str], None]) -> None:
        """Trials, until there are as many as planned; a line for each. Raises UserError for an unknown metric."""
        with storage_errors(self._plan.name):
            try:
                while (trial := self._next()) is not None:
                    try:
                        with noting(trial):
                            say(self._run(trial, train))
                    except optuna.exceptions.UpdateFinishedTrialError:
                        say(f"trial {trial.number}  given up by another process, which had not heard of it for long")
            except _NoMetric as error:
                raise UserError(str(error)) from None

    def done(self) -> int:
        """How many trials count: completed, pruned, and those that failed by their settings."""
        return sum(map(_counts, self._trials()))

    def running(self) -> int:
        """How many trials run, in all processes."""
        return sum(trial.state == TrialState.RUNNING for trial in self._trials())

    def best(self) -> Best | None:
        """None where no trial was completed."""
        ours = [t for t in self._trials() if _METRIC in t.user_attrs and isinstance(t.user_attrs.get(_SETTINGS), dict)]
        completed = [t for t in ours if t.state == TrialState.COMPLETE and t.value is not None]
        if not completed:
            return None
        found = max(completed, key=lambda t: (t.value, -t.number))
        assert found.value is not None
        epochs, kept = min(LAST, len(found.intermediate_values)), found.user_attrs
        return Best(found.number, found.value, kept[_METRIC], epochs, kept[_SETTINGS])

    def _trials(self) -> list[FrozenTrial]:
        with storage_errors(self._plan.name):
            return self._study.get_trials(deepcopy=False)

    def _check_same(self) -> None:
        """Raise UserError where the study that is there has other settings than this command."""
        taken = [t for t in self._study.get_trials(deepcopy=False) if _counts(t) or _runs(t)]
        other = "choose another --study=NAME"
        where = f"study {self._plan.name} in {shown(self._plan.storage)}"
        if self._study.directions != [optuna.study.StudyDirection.MAXIMIZE]:
            raise UserError(f"{where} is not of python -m baselines.tune: {other}")
        if not taken:  # nothing is lost
            return
        there, now = self._study.user_attrs.get(_DOCUMENT), self._plan.document
        if not isinstance(there, dict):
            raise UserError(f"{where} is not of python -m baselines.tune: {other}")
        for name in {**there, **now}:
            if there.get(name) != now.get(name):
                then, given = (_words(name, document.get(name)) for document in (there, now))
                raise UserError(f"{where} has {then}, this command {given}: give the same, or {other}")

    def _next(self) -> optuna.Trial | None:
        """A trial of this process's own; None where there are enough."""
        self._give_up_lost()
        if self.done() + self.running() >= self._plan.n_trials:
            return None
        trial = self._study.ask()
        try:
            note(trial)
            # Of processes that ask at the same time, those with the lowest numbers go on.
            before = sum(t.number < trial.number and (_counts(t) or _runs(t)) for t in self._trials())
            if before < self._plan.n_trials:
                return trial
        except BaseException:
            self._fail(trial)
            raise
        self._study.tell(trial, state=TrialState.FAIL)
        return None

    def _run(self, trial: optuna.Trial, train: Trains) -> str:
        """Returns the line that says how it ended."""
        scores: list[float] = []
        found: dict[str, object] = {}

        def after_epoch(row: dict[str, float]) -> bool:
            metric, score = _score(row, self._plan.metric)
            if not scores:
                trial.set_user_attr(_METRIC, metric)
            scores.append(score)
            trial.report(score, step=len(scores) - 1)
            return not trial.should_prune()

        try:
            found = self._propose(trial)
            completed = train(trial.number, found, after_epoch)
            value = float(np.mean(scores[-LAST:])) if scores else math.nan
            if completed and not math.isfinite(value):
                raise TrainingError(f"its score is {value}" if scores else "it had no epoch")
        except (UserError, TrainingError) as error:
            trial.set_user_attr(_ERROR, one_line(error))
            self._study.tell(trial, state=TrialState.FAIL)
            return _line(trial.number, f"failed: {one_line(error)}", found)
        except BaseException:
            self._fail(trial)
            raise
        if completed:
            self._study.tell(trial, value)
            return _line(trial.number, f"{value:.4g}", found)
        self._study.tell(trial, state=TrialState.PRUNED)
        return _line(trial.number, f"{scores[-1]:.4g}, pruned after {len(scores)} epochs", found)

    def _propose(self, trial: optuna.Trial) -> dict[str, object]:
        """Settings to try, which are kept with the trial.

        The sampler is seeded by the trial's number, so that processes that share the storage propose different ones,
        and a study that is stopped and goes on the same as one that is not.
        """
        seed = int(np.random.SeedSequence([self._plan.seed, trial.number]).generate_state(1)[0])
        self._study.sampler = optuna.samplers.TPESampler(seed=seed)
        found: dict[str, object] = {
            name: _suggest(trial, name, dimension) for name, dimension in self._plan.space.items()
        }
        trial.set_user_attr(_SETTINGS, found)
        return found

    def _give_up_lost(self) -> None:
        """Fail what processes that died left: it does not count, and another trial takes its place."""
        for trial in self._trials():
            if _runs(trial) and is_lost(trial):
                with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError, ValueError):
                    self._study.tell(trial.number, state=TrialState.FAIL)

    def _fail(self, trial: optuna.Trial) -> None:
        """Without an error of its own: it does not count. The storage may be what failed."""
        with contextlib.suppress(Exception):
            self._study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)


def _suggest(trial: optuna.Trial, name: str, dimension: Dimension) -> bool | int | float | str:
    where = dimension.range
    if where.choices:
        choice = trial.suggest_categorical(name, where.choices)
        assert choice is not None
        return choice
    if dimension.whole:
        return trial.suggest_int(name, int(where.low), int(where.high), log=where.log)
    return rounded(trial.suggest_float(name, where.low, where.high, log=where.log), where)


def _score(row: Mapping[str, float], metric: str | None) -> tuple[str, float]:
    """The metric, and its value in this row. Raises _NoMetric."""
    for name in METRICS if metric is None else (metric,):
        if name in row and (metric is not None or not math.isnan(row[name])):
            return name, float(row[name])
    wanted = " or ".join(METRICS) if metric is None else metric or "''"
    raise _NoMetric(f"--metric: an epoch has no {wanted}; it has {', '.join(row)}")


def _counts(trial: FrozenTrial) -> bool:
    return trial.state in (TrialState.COMPLETE, TrialState.PRUNED) or _ERROR in trial.user_attrs


def _runs(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.RUNNING


def _words(name: str, value: object) -> str:
    return f"no --{name}" if value is None else f"--{name}={value}"


def _line(number: int, how: str, settings: Mapping[str, object]) -> str:
    return "  ".join([f"trial {number}", how, " ".join(f"{name}={value}" for name, value in settings.items())])
