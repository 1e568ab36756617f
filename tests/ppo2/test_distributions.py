"""Log-probabilities and entropies against SciPy's, and what a policy draws against what it says."""

import numpy as np
import pytest
from scipy import special, stats

from baselines.ppo2 import distributions
from tests.ppo2.helpers import CONTINUOUS, DISCRETE, agent_of, make_constant


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_gaussian_log_probabilities_are_scipys(rng):
    mean, action = rng.normal(size=(2, 20, 3)).astype(np.float32)
    log_std = np.float32([-1, 0, 0.7])
    found = distributions.gaussian_log_prob(mean, log_std, action)
    assert found.shape == (20,)
    np.testing.assert_allclose(found, stats.norm.logpdf(action, mean, np.exp(log_std)).sum(1), rtol=1e-4)


def test_gaussian_log_probabilities_by_hand():
    """Of 3 and of the mean where the standard deviation is 2: -1/2 (3/2)^2 and 0, less log 2 and 1/2 log 2 pi."""
    found = distributions.gaussian_log_prob(np.float32([[0], [3]]), np.log(np.float32([2])), np.float32([[3], [3]]))
    np.testing.assert_allclose(found, np.array([-9 / 8, 0]) - np.log(2) - np.log(2 * np.pi) / 2, rtol=1e-6)


def test_gaussian_entropies_are_scipys_and_those_of_each_row(rng):
    log_std = np.float32([-1, 0, 0.7])
    found = distributions.gaussian_entropy(log_std, np.zeros((20, 3), np.float32))
    np.testing.assert_allclose(found, [stats.norm.entropy(scale=np.exp(log_std)).sum()] * 20, rtol=1e-6)


@pytest.mark.parametrize("shapes", [((20, 3), (2,), (20, 3)), ((20, 3), (3,), (20,)), ((20, 1), (3,), (20, 3))])
def test_gaussians_of_other_sizes_are_refused(shapes):
    with pytest.raises(AssertionError, match="expected"):
        distributions.gaussian_log_prob(*(np.zeros(shape, np.float32) for shape in shapes))


def test_categorical_log_probabilities_and_entropies_are_scipys(rng):
    logits, action = rng.normal(0, 3, (20, 4)).astype(np.float32), rng.integers(4, size=20)
    p = special.softmax(logits, axis=1)
    found = distributions.categorical_log_prob(logits, action)
    np.testing.assert_allclose(found, np.log(p[np.arange(20), action]), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(distributions.categorical_entropy(logits), stats.entropy(p, axis=1), rtol=1e-4)


def test_categorical_numbers_by_hand():
    """Of 1 : 3, and of actions all alike."""
    logits = np.log(np.float32([[1, 3], [5, 5]]))
    np.testing.assert_allclose(distributions.categorical_log_prob(logits, [1, 0]), np.log([3 / 4, 1 / 2]), rtol=1e-6)
    entropies = [-(1 / 4) * np.log(1 / 4) - 3 / 4 * np.log(3 / 4), np.log(2)]
    np.testing.assert_allclose(distributions.categorical_entropy(logits), entropies, rtol=1e-6)


def test_logits_however_large_have_a_finite_entropy():
    logits = np.float32([[1e6, 0, -1e6]])
    assert distributions.categorical_entropy(logits).numpy().tolist() == [0]
    assert distributions.categorical_log_prob(logits, [0]).numpy().tolist() == [0]


# ---- what is drawn ----


def test_actions_are_drawn_from_the_gaussian():
    agent, count = agent_of(CONTINUOUS), 50_000
    make_constant(agent, output=[0.5, -3])
    agent.networks.log_std.assign(np.log(np.float32([0.2, 2])))
    drawn = agent.policy().sample(np.zeros((count, 3), np.float32), np.random.default_rng(0))
    assert drawn.shape == (count, 2) and drawn.dtype == np.float32
    error = np.array([0.2, 2]) / np.sqrt(count)
    assert (np.abs(drawn.mean(0) - [0.5, -3]) < 4 * error).all()
    np.testing.assert_allclose(drawn.std(0), [0.2, 2], rtol=0.02)
    assert np.abs(np.corrcoef(drawn.T)[0, 1]) < 4 / np.sqrt(count)
    assert stats.kstest((drawn[:, 1] + 3) / 2, "norm").pvalue > 0.01


def test_actions_are_drawn_with_the_probabilities_of_softmax():
    agent, count = agent_of(DISCRETE), 50_000
    make_constant(agent, output=np.log([1, 2, 5]))
    drawn = agent.policy().sample(np.zeros((count, 3), np.float32), np.random.default_rng(0))
    p = np.array([1, 2, 5]) / 8
    shares = np.bincount(drawn, minlength=3) / count
    assert drawn.shape == (count,) and drawn.dtype.kind == "i"
    assert (np.abs(shares - p) < 4 * np.sqrt(p * (1 - p) / count)).all()


@pytest.mark.parametrize("spec", [CONTINUOUS, DISCRETE])
def test_the_generator_alone_decides_what_is_drawn(spec):
    policy, rows = agent_of(spec).policy(), np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    first, again, other = (policy.sample(rows, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("spec", [CONTINUOUS, DISCRETE])
def test_each_row_has_noise_of_its_own(spec):
    drawn = agent_of(spec).policy().sample(np.zeros((50, 3), np.float32), np.random.default_rng(0))
    assert len(np.unique(drawn, axis=0)) == (3 if spec.discrete else 50)
