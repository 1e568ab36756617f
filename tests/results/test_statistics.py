"""Statistics of several runs, against numbers computed by hand."""

import math

import numpy as np
import pytest

from baselines.results.statistics import (
    Estimate,
    difference_of,
    estimate,
    interquartile_mean,
    interval,
    stability,
    steps_to,
)

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
    assert interval(interquartile_mean, runs) == pytest.approx((0, 0.25))
    low, high = interval(interquartile_mean, np.stack([runs, np.ones(8)], 1))
    assert low == pytest.approx([0, 1]) and high == pytest.approx([0.25, 1])
    assert interval(interquartile_mean, np.array([0.0, 1.0])) == pytest.approx((0, 1))


def test_one_run_has_no_interval_and_unknown_numbers_do_not_count():
    assert (
        estimate(interquartile_mean, [0.5, math.nan]).text(".2f")
        == estimate(np.median, [math.nan, 0.5]).text(".2f")
        == "0.50"
    )
    low, high = interval(interquartile_mean, np.ones((1, 3)))
    assert np.isnan(low).all() and high.shape == (3,)
    assert estimate(interquartile_mean, [math.nan]).text(".2f") == "-"


def test_a_median_of_runs_of_which_most_never_reach_a_level_is_never():
    assert estimate(np.median, [10, math.inf, math.inf]).text(".0f") == "never"
    assert estimate(np.median, [10, 20, math.inf]).text(".0f") == "20"  # and no interval
    assert estimate(np.median, [10, 20, 30]).text(".0f") == "20 (10 to 30)"


def test_a_difference_is_that_of_the_statistics_and_its_interval_is_of_both_groups():
    """Each mean of two resampled runs is one of a, (a + b) / 2, b, the outer ones with probability 1/4."""
    assert difference_of(interquartile_mean, [0, 1], [10, 14]) == pytest.approx((-11.5, -14, -9))
    assert difference_of(np.median, [1, 2, 3], [1, 2, 3])[0] == 0
    assert np.isnan(difference_of(np.median, [1, 2, math.inf], [1, 2])).all()
    alone = difference_of(np.median, [1], [3, 3])
    assert alone.value == -2 and np.isnan(alone.low)


def test_an_estimate_is_text_with_its_interval():
    assert Estimate(40000, 36000, 44000).text(",.0f") == "40,000 (36,000 to 44,000)"
