"""Advantages and discounted sums against slow twins that go from episode to episode; explained variance by hand."""

import numpy as np
import pytest

from baselines.ppo2.estimates import discounted_sums, explained_variance, generalized_advantages
from tests.ppo2.helpers import random_flags


def slow_advantages(reward, value, terminated, ended, valid, gamma, lam):
    """A_t = sum of (gamma lam)^k delta_{t+k} to the end of the episode or of the rollout; nan where not valid."""
    T, B = reward.shape
    advantage = np.full((T, B), np.nan)
    for i in range(B):
        for t in np.flatnonzero(valid[:, i]):
            total, weight = 0.0, 1.0
            for k in range(t, T):
                after = 0.0 if terminated[k, i] else float(value[k + 1, i])
                total += weight * (reward[k, i] + gamma * after - value[k, i])
                weight *= gamma * lam
                if ended[k, i]:
                    break
            advantage[t, i] = total
    return advantage


def random_rows(seed, T=40, B=5):
    """Rewards [T, B], values [T + 1, B], terminated, ended and valid."""
    rng = np.random.default_rng(seed)
    terminated, ended, valid = random_flags(rng, T, B)
    reward, value = rng.normal(size=(T, B)) * valid, rng.normal(size=(T + 1, B))
    return reward.astype(np.float32), value.astype(np.float32), terminated, ended, valid


@pytest.mark.parametrize("gamma", [0, 0.5, 0.99, 1])
@pytest.mark.parametrize("lam", [0, 0.7, 0.95, 1])
def test_advantages_equal_those_that_are_summed_row_by_row(gamma, lam):
    """The twin reads neither rows that are not valid nor the values of observations after which nothing follows."""
    for seed in range(5):
        reward, value, terminated, ended, valid = random_rows(seed)
        reward = np.where(valid, reward, np.float32(1e6))
        value[1:][terminated] = 1e6
        rows = reward, value, terminated, ended
        advantage = generalized_advantages(*rows, gamma, lam)
        assert advantage.dtype == np.float32 and advantage.shape == valid.shape
        expected = slow_advantages(*rows, valid, gamma, lam)
        np.testing.assert_allclose(advantage[valid], expected[valid], rtol=1e-4, atol=1e-4)


NONE, FIRST, SECOND = [False] * 3, [True, False, False], [False, True, False]


@pytest.mark.parametrize(
    ("gamma", "lam", "terminated", "ended", "expected"),
    [
        # delta_t = r_t + gamma V_{t+1} - V_t, with r = 1, 2, 3 and V = 4, 5, 6, 7.
        (1, 0, NONE, NONE, [1 + 5 - 4, 2 + 6 - 5, 3 + 7 - 6]),
        (1, 1, NONE, NONE, [2 + 3 + 4, 3 + 4, 4]),
        (1, 0.5, NONE, NONE, [2 + 5 / 2, 3 + 4 / 2, 4]),
        (0, 1, NONE, NONE, [1 - 4, 2 - 5, 3 - 6]),
        (2, 0.5, NONE, NONE, [7 + 9 + 11, 9 + 11, 11]),  # deltas: 1 + 10 - 4, 2 + 12 - 5, 3 + 14 - 6
        # The second step is the last: nothing follows, or V = 6 stands for what would have.
        (1, 1, SECOND, SECOND, [2 + 2 - 5, 2 - 5, None]),
        (1, 1, NONE, SECOND, [2 + 3, 2 + 6 - 5, None]),
        (1, 1, FIRST, FIRST, [1 - 4, None, 4]),
        (1, 1, NONE, FIRST, [1 + 5 - 4, None, 4]),
    ],
)
def test_by_hand(gamma, lam, terminated, ended, expected):
    reward = np.float32([[1], [2], [3]])
    for row, end in enumerate(ended[:-1]):
        reward[row + 1] *= not end  # which is not valid
    columns = (np.array(x)[:, None] for x in (terminated, ended))
    advantages = generalized_advantages(reward, np.float32([[4], [5], [6], [7]]), *columns, gamma, lam)[:, 0]
    for advantage, wanted in zip(advantages, expected, strict=True):
        assert wanted is None or advantage == wanted  # None: not valid


# ---- discounted sums ----


def slow_sums(reward, ended, gamma):
    """Of all steps so far of the row's episode, the latest undiscounted."""
    sums = np.zeros_like(reward, np.float64)
    for i in range(reward.shape[1]):
        first = 0
        for t in range(len(reward)):
            sums[t, i] = sum(gamma ** (t - k) * float(reward[k, i]) for k in range(first, t + 1))
            if ended[t, i]:
                first = t + 1
    return sums


@pytest.mark.parametrize("gamma", [0, 0.5, 0.99, 1])
def test_discounted_sums_equal_slow_ones_in_one_rollout_and_in_two(gamma):
    reward, _, _, ended, _ = random_rows(7)
    expected, nothing = slow_sums(reward, ended, gamma), np.zeros(5, np.float32)
    at_once, _ = discounted_sums(reward, ended, nothing, gamma)
    assert at_once.dtype == np.float32
    np.testing.assert_allclose(at_once, expected, rtol=1e-4, atol=1e-4)
    first, before = discounted_sums(reward[:13], ended[:13], nothing, gamma)
    second, _ = discounted_sums(reward[13:], ended[13:], before, gamma)
    np.testing.assert_array_equal(np.vstack([first, second]), at_once)


# ---- explained variance ----


@pytest.mark.parametrize(
    ("value", "target", "expected"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], 1),
        ([11, 12, 13, 14], [1, 2, 3, 4], 1),  # a constant error has no variance
        ([7, 7, 7, 7], [1, 2, 3, 4], 0),
        ([4, 3, 2, 1], [1, 2, 3, 4], -3),  # errors of -3, -1, 1, 3 with a variance of 5, of targets with 5/4
        ([1, 1, 3, 3], [0, 2, 2, 4], 0.5),  # errors of -1 and 1, with a variance of 1, of targets with 2
        ([1, 2, 3, 4], [5, 5, 5, 5], 0),
    ],
)
def test_explained_variance_by_hand(value, target, expected):
    assert explained_variance(np.float32(value), np.float32(target)) == pytest.approx(expected)
