"""Statistics of several runs of one setting: how soon they learn, whether they forget, and confidence intervals.

Scores (success rates, or returns) are arrays [evaluations] of one run, or [runs] and [runs, evaluations] of several.
"""

import math

import numpy as np

RESAMPLES = 2000
_ROUNDING = 1e-9  # progress.csv has ten digits


def steps_to(steps: np.ndarray, score: np.ndarray, level: float) -> float:
    """Return the steps at the first evaluation whose mean with the two before it is at least `level`, or inf.

    One evaluation of 104 episodes is off by 0.03 (one standard deviation at a rate of 0.9); three by 0.02.
    """
    if len(score) < 3:
        return math.inf
    means = np.convolve(score, np.full(3, 1 / 3), "valid")  # of evaluations 2, 3, ...
    reached = np.flatnonzero(means >= level - _ROUNDING)
    return float(steps[2 + reached[0]]) if len(reached) else math.inf


def minutes_to(seconds: np.ndarray, score: np.ndarray, level: float) -> float:
    """Return the minutes of training and evaluations at the evaluation that `steps_to` finds."""
    return steps_to(seconds, score, level) / 60


def stability(score: np.ndarray, level: float) -> tuple[float, float]:
    """Return the share below `level`, and the lowest, of all evaluations after the first of at least `level`.

    Both are NaN where there are no such evaluations.
    """
    reached = np.flatnonzero(score >= level - _ROUNDING)
    later = score[reached[0] + 1 :] if len(reached) else score[:0]
    if not len(later):
        return math.nan, math.nan
    return float(np.mean(later < level - _ROUNDING)), float(later.min())


# SciPy, and not `rliable`, which is by the authors of 2108.13264: its release 1.2.0 cannot be imported beside pandas 3,
# brings fifteen packages, and takes 40 s for the band of one curve. With pandas 2 its numbers are the same.


def interquartile_mean(runs: np.ndarray) -> np.ndarray:
    """Return the mean over runs (the first axis) without the lowest and highest quarter (2108.13264, section 4.3).

    Of n runs floor(n / 4) are left out at either end: none of three.
    """
    from scipy.stats import trim_mean

    return trim_mean(runs, 0.25, axis=0)


def interquartile_interval(runs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 percent interval of the interquartile mean: percentiles of bootstrap resamples of the runs.

    2108.13264, section 4.1, resamples the runs of each task apart from those of the others (stratified); here is one
    task. One run says nothing about others: NaN.
    """
    if len(runs) < 2:
        nothing = np.full(np.shape(runs)[1:], math.nan)
        return nothing, nothing
    from scipy.stats import bootstrap, trim_mean

    found = bootstrap((runs,), lambda x, axis: trim_mean(x, 0.25, axis=axis), n_resamples=RESAMPLES, axis=0,
                      confidence_level=0.95, method="percentile", rng=np.random.default_rng(0))  # fmt: skip
    return found.confidence_interval.low, found.confidence_interval.high
