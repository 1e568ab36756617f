"""Statistics of several runs of one setting: how soon they learn, whether they forget, and confidence intervals.

Scores (success rates, or returns) are arrays [evaluations] of one run, or [runs] and [runs, evaluations] of several.
"""

import importlib.util
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from baselines.common.errors import UserError

RESAMPLES = 2000
_ROUNDING = 1e-9  # progress.csv has ten digits


class Estimate(NamedTuple):
    """A number with its 95 percent interval; NaN: unknown."""

    value: float
    low: float = math.nan
    high: float = math.nan

    def text(self, form: str) -> str:
        """Return the number and its interval, if any, in this format; `never` for infinity and `-` for NaN."""
        if not math.isfinite(self.value):
            return "-" if math.isnan(self.value) else "never"
        return f"{self.value:{form}}" + ("" if math.isnan(self.low) else f" ({self.low:{form}} to {self.high:{form}})")


def check_installed() -> None:
    """Raise UserError where the library of the intervals is not installed."""
    if importlib.util.find_spec("scipy") is None:
        raise UserError("this command needs scipy: pip install 'baselines-her[plot]'")


def means_of_three(score: np.ndarray) -> np.ndarray:
    """Return the means of three evaluations in a row [evaluations - 2].

    One evaluation of 104 episodes is off by 0.03 (one standard deviation at a rate of 0.9); three by 0.02.
    """
    return np.convolve(score, np.full(3, 1 / 3), "valid") if len(score) >= 3 else np.zeros(0)


def steps_to(steps: np.ndarray, score: np.ndarray, level: float) -> float:
    """Return the steps at the first evaluation whose mean with the two before it is at least `level`, or inf."""
    reached = np.flatnonzero(means_of_three(score) >= level - _ROUNDING)
    return float(steps[2 + reached[0]]) if len(reached) else math.inf


def stability(score: np.ndarray, level: float) -> tuple[float, float]:
    """Return the share below `level`, and the lowest, of all evaluations after the first that reaches it; or NaN."""
    reached = np.flatnonzero(score >= level - _ROUNDING)
    later = score[reached[0] + 1 :] if len(reached) else score[:0]
    if not len(later):
        return math.nan, math.nan
    return float(np.mean(later < level - _ROUNDING)), float(later.min())


# Not `rliable`, by the authors of 2108.13264: it cannot be imported beside pandas 3, and takes 40 s for one band.


def interquartile_mean(runs: np.ndarray, axis: int = 0) -> Any:
    """Return the mean over runs (the first axis) without the lowest and highest quarter (2108.13264, section 4.3).

    Of n runs floor(n / 4) are left out at either end: none of three.
    """
    from scipy.stats import trim_mean

    return trim_mean(runs, 0.25, axis=axis)


def interval(statistic: Callable[..., Any], *groups: np.ndarray) -> tuple[Any, Any]:
    """Return the 95 percent interval of `statistic(*groups, axis)`: percentiles of bootstrap resamples of the runs.

    2108.13264, section 4.1, resamples the runs of each task apart from those of the others (stratified); here is one
    task. A group of one run says nothing about others, and one with an infinite number has no such interval: NaN.
    """
    if not all(len(runs) > 1 and np.isfinite(runs).all() for runs in groups):
        nothing = np.full(np.shape(groups[0])[1:], math.nan)
        return nothing, nothing
    from scipy.stats import bootstrap

    found = bootstrap(groups, statistic, n_resamples=RESAMPLES, axis=0, confidence_level=0.95, vectorized=True,
                      method="percentile", rng=np.random.default_rng(0))  # fmt: skip
    return found.confidence_interval.low, found.confidence_interval.high


def estimate(statistic: Callable[..., Any], *groups: Iterable[float]) -> Estimate:
    """Return `statistic(*groups, axis)` of the numbers that are known."""
    known = [np.array([value for value in runs if not math.isnan(value)]) for runs in groups]
    if not all(map(len, known)):
        return Estimate(math.nan)
    low, high = interval(statistic, *known)
    return Estimate(float(statistic(*known, axis=0)), float(low), float(high))


def difference_of(statistic: Callable[..., Any], ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """Return the difference of a statistic of two groups of runs; NaN where a run has an infinite number."""

    def difference(a: np.ndarray, b: np.ndarray, axis: int) -> Any:
        return statistic(a, axis=axis) - statistic(b, axis=axis)

    return Estimate(math.nan) if np.isinf([*ours, *theirs]).any() else estimate(difference, ours, theirs)
