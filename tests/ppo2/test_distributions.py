"""Log-probabilities and entropies against SciPy's, and the actions that a policy draws against its probabilities."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import special, stats

from baselines.ppo2.networks import ActorCritic
from tests.ppo2.helpers import CONTINUOUS, DISCRETE, agent_of, make_constant

LOGITS = SimpleNamespace(discrete=True)


def gaussian(log_std):
    return SimpleNamespace(discrete=False, log_std=np.float32(log_std))


def test_gaussian_log_probabilities_and_entropies_are_scipys():
    mean, action = np.random.default_rng(0).normal(size=(2, 20, 3)).astype(np.float32)
    of = gaussian([-1, 0, 0.7])
    log_prob, entropy = ActorCritic.log_prob(of, mean, action), ActorCritic.entropy(of, mean)
    assert log_prob.shape == (20,)
    np.testing.assert_allclose(log_prob, stats.norm.logpdf(action, mean, np.exp(of.log_std)).sum(1), rtol=1e-4)
    np.testing.assert_allclose(entropy, [stats.norm.entropy(scale=np.exp(of.log_std)).sum()] * 20, rtol=1e-6)


@pytest.mark.parametrize("shapes", [((20, 3), (2,), (20, 3)), ((20, 3), (3,), (20,)), ((20, 1), (3,), (20, 3))])
def test_gaussians_of_other_sizes_are_refused(shapes):
    mean, log_std, action = (np.zeros(shape, np.float32) for shape in shapes)
    with pytest.raises(AssertionError, match="expected"):
        ActorCritic.log_prob(gaussian(log_std), mean, action)


def test_categorical_log_probabilities_and_entropies_are_scipys():
    rng = np.random.default_rng(0)
    logits, action = rng.normal(0, 3, (20, 4)).astype(np.float32), rng.integers(4, size=20)
    p = special.softmax(logits, axis=1)
    log_prob = ActorCritic.log_prob(LOGITS, logits, action)
    np.testing.assert_allclose(log_prob, np.log(p[np.arange(20), action]), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ActorCritic.entropy(LOGITS, logits), stats.entropy(p, axis=1), rtol=1e-4)


def test_numbers_are_finite_however_large_the_logits_are():
    logits = np.float32([[1e6, 0, -1e6]])
    assert ActorCritic.log_prob(LOGITS, logits, [0]) == ActorCritic.entropy(LOGITS, logits) == 0


# ---- drawn actions ----

COUNT = 50_000


def drawn_by(agent, seed=0, count=COUNT):
    return agent.policy().sample(np.zeros((count, 3), np.float32), np.random.default_rng(seed))


def test_actions_are_drawn_from_the_gaussian():
    agent = agent_of(CONTINUOUS)
    make_constant(agent, output=[0.5, -3])
    agent.actor_critic.log_std.assign(np.log(np.float32([0.2, 2])))
    drawn = drawn_by(agent)
    assert drawn.shape == (COUNT, 2) and drawn.dtype == np.float32
    assert (np.abs(drawn.mean(0) - [0.5, -3]) < 4 * np.array([0.2, 2]) / np.sqrt(COUNT)).all()
    np.testing.assert_allclose(drawn.std(0), [0.2, 2], rtol=0.02)
    assert np.abs(np.corrcoef(drawn.T)[0, 1]) < 4 / np.sqrt(COUNT)
    assert stats.kstest((drawn[:, 1] + 3) / 2, "norm").pvalue > 0.01


def test_actions_are_drawn_with_the_probabilities_of_softmax():
    agent = agent_of(DISCRETE)
    make_constant(agent, output=np.log([1, 2, 5]))
    drawn, p = drawn_by(agent), np.array([1, 2, 5]) / 8
    assert drawn.shape == (COUNT,) and drawn.dtype.kind == "i"
    assert (np.abs(np.bincount(drawn, minlength=3) / COUNT - p) < 4 * np.sqrt(p * (1 - p) / COUNT)).all()
