"""Statistics of several runs, against numbers computed by hand."""

import math

import numpy as np
import pytest
from benchmarks.statistics import interquartile_interval, interquartile_mean, minutes_to, stability, steps_to

STEPS = np.array([10, 20, 30, 40, 50])


@pytest.mark.parametrize(
    ("success", "level", "expected"),
    [
        ([0.0, 0.9, 0.9, 0.9, 0.0], 0.9, 40),  # means 0.6, 0.9, 0.6
        ([1.0, 0.0, 0.8, 0.9, 1.0], 0.9, 50),  # 0.6, 0.57, 0.9: a single 1.0 is not enough
        ([1.0, 1.0, 1.0, 0.0, 0.0], 0.95, 30),  # not before the third evaluation
        ([0.0, 0.4903846154, 0.5, 0.5096153846, 0.0], 0.5, 40),  # 51, 52 and 53 of 104, in ten digits
        ([0.9, 0.9, 0.9, 0.9, 0.89], 0.95, math.inf),
        ([1.0, 1.0], 0.5, math.inf),  # fewer than three
    ],
)
def test_a_level_is_reached_where_the_mean_of_three_evaluations_is(success, level, expected):
    assert steps_to(STEPS, np.array(success), level) == expected
    assert minutes_to(60.0 * STEPS, np.array(success), level) == expected


@pytest.mark.parametrize(
    ("success", "share", "lowest"),
    [
        ([0.5, 0.92, 0.88, 0.95, 0.70, 0.9], 2 / 4, 0.70),
        ([0.95, 0.96, 0.9], 0, 0.9),
        ([0.0, 0.9], math.nan, math.nan),  # nothing comes later
        ([0.0, 0.8], math.nan, math.nan),  # never reached
    ],
)
def test_what_is_kept_counts_from_the_evaluation_after_the_first_high_one(success, share, lowest):
    assert stability(np.array(success), 0.9) == pytest.approx((share, lowest), nan_ok=True)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([100, 0, 1, 2, 3, 4, 0, 100], (1 + 2 + 3 + 4) / 4),  # two of eight are left out at either end
        ([9, 1, 2, 3, -5], 2),  # one of five
        ([0, 1, 5], 2),  # none of three
    ],
)
def test_the_interquartile_mean_leaves_out_a_quarter_of_the_runs_at_either_end(runs, expected):
    assert interquartile_mean(np.array(runs, float)) == pytest.approx(expected)
    curves = np.array([runs, [2.0 * r for r in runs]]).T  # [runs, 2]
    assert interquartile_mean(curves) == pytest.approx([expected, 2 * expected])


def test_the_interval_has_the_percentiles_of_resampled_runs():
    """k of 8 resampled runs are ones, with probability C(8, k) (1/8)^k (7/8)^(8 - k), and the mean is (k - 2) / 4.

    P(k >= 3) = 0.067 and P(k >= 4) = 0.011 enclose 0.025: the upper end is at k = 3; the lower one at 0.
    """
    runs = np.array([0.0] * 7 + [1.0])
    assert interquartile_interval(runs) == pytest.approx((0, 0.25))
    low, high = interquartile_interval(np.stack([runs, np.ones(8)], 1))
    assert low == pytest.approx([0, 1]) and high == pytest.approx([0.25, 1])
    assert interquartile_interval(np.array([0.0, 1.0])) == pytest.approx((0, 1))


def test_one_run_has_no_interval():
    assert np.isnan(interquartile_interval(np.array([0.5]))).all()
    low, high = interquartile_interval(np.ones((1, 3)))
    assert np.isnan(low).all() and high.shape == (3,)
