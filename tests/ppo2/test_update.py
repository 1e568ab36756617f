"""The updates from rollouts against a slow twin: their data, their number and their order."""

import json

import numpy as np
import pytest
import tensorflow as tf

from baselines.common.errors import TrainingError
from baselines.common.mpi import Communicator
from baselines.learning.normalizer import Normalizer
from baselines.ppo2.estimates import explained_variance
from tests.helpers import mpirun
from tests.ppo2.helpers import BOTH, CONTINUOUS, DISCRETE, RAW, agent_of, make_constant

from tests.ppo2.helpers import one_step_episodes, random_rollout, record_updates, weights_of  # isort: skip
from tests.ppo2.mpi_worker import SETTINGS, share
from tests.ppo2.twin import orders_of, updated

pytestmark = pytest.mark.usefixtures("eagerly")
CASES = {
    "as MuJoCo's": (CONTINUOUS, dict(lr=0.05)),
    "a bonus for entropy": (CONTINUOUS, dict(lr=0.05, ent_coef=0.1, vf_coef=0.2, max_grad_norm=0.01)),
    "without bounds": (CONTINUOUS, dict(lr=0.05, clip_value=False, max_grad_norm=0, cliprange=0.05)),
    "discrete actions": (DISCRETE, dict(lr=0.05, ent_coef=0.01)),
    "a shared network": (DISCRETE, dict(lr=0.05, value_network="shared", clip_value=False)),
    "a shared network of two coordinates": (CONTINUOUS, dict(lr=0.02, value_network="shared", noptepochs=3)),
}


def trained(agent, seed=0, progress=1.0):
    """Train the agent on a random rollout; return the rollout and the metrics."""
    rollout = random_rollout(agent.spec, np.random.default_rng(seed))
    return rollout, agent.train(rollout, progress, np.random.default_rng(5))


def check_against_twin(agent, seed, progress):
    """Return the metrics [K, 5] and the change of the weights by the twin, after comparing the agent's with them."""
    config, before = agent.config, [w.numpy() for w in agent.weights]
    batch = agent.batch(random_rollout(agent.spec, np.random.default_rng(seed)))
    _, metrics = trained(agent, seed, progress)
    orders = orders_of(5, 12, config)
    weights, expected = updated(before, [batch], [orders], config.lr * progress, config.cliprange, config,
                                agent.spec.discrete)  # fmt: skip
    np.testing.assert_allclose(weights_of(agent), weights, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose([metrics[name] for name in agent.metrics], expected.mean(0), rtol=1e-3, atol=1e-5)
    return expected, np.abs(weights - np.concatenate([np.ravel(w) for w in before])).max()


@pytest.mark.parametrize("case", CASES)
def test_the_updates_from_a_rollout_are_those_of_the_slow_twin(case):
    spec, settings = CASES[case]
    agent = agent_of(spec, **RAW, **settings)
    metrics, change = check_against_twin(agent, 3, 0.5)
    assert change > 0.01 and 0 < metrics[:, 4].mean() < 1, "some ratios are beyond the bounds"
    assert agent.updates == len(metrics) == agent.config.noptepochs * agent.config.nminibatches


@pytest.mark.slow
@pytest.mark.parametrize("spec", BOTH)
def test_the_compiled_updates_are_those_of_the_slow_twin(spec):
    tf.config.run_functions_eagerly(False)
    try:
        agent = agent_of(spec, **RAW, lr=0.05)
        assert not agent.compiled
        for seed in (3, 4):
            agent.adam.load_state({name: np.zeros_like(x) for name, x in agent.adam.state().items()})
            check_against_twin(agent, seed, 1.0)
        assert agent.compiled and agent.updates == 8
    finally:
        tf.config.run_functions_eagerly(True)


def test_each_row_is_used_once_an_epoch_and_each_epoch_has_an_order_of_its_own():
    agent = agent_of(noptepochs=3, nminibatches=4)
    calls, rng = record_updates(agent), np.random.default_rng(0)
    for _ in range(2):
        agent.train(random_rollout(CONTINUOUS, rng), 1, rng)
    assert [call.order.shape for call in calls] == [(12, 3)] * 2
    epochs = [tuple(order) for call in calls for order in call.order.numpy().reshape(3, 12)]
    assert len(set(epochs)) == 6 and all(sorted(order) == list(range(12)) for order in epochs)


# ---- the batch ----


@pytest.mark.parametrize("spec", BOTH)
def test_a_batch_has_a_row_for_each_step_of_each_environment(spec):
    agent, rollout = agent_of(spec, **RAW, gamma=0), random_rollout(spec, np.random.default_rng(0), T=5, B=3)
    batch = agent.batch(rollout)
    for row, (t, i) in enumerate(np.ndindex(5, 3)):
        np.testing.assert_array_equal(batch.observation[row], np.clip(rollout.observation[t, i], -10, 10))
        np.testing.assert_array_equal(batch.action[row], rollout.action[t, i])
        value = float(agent.actor_critic(batch.observation[row : row + 1])[1][0])
        assert batch.value[row] == pytest.approx(value, abs=1e-5) and batch.valid[row] == rollout.valid[t, i]
        assert batch.target[row] == pytest.approx(rollout.reward[t, i], abs=1e-5), "of gamma = 0"
        assert batch.advantage[row] == pytest.approx(rollout.reward[t, i] - value, abs=1e-5)
    assert {x.dtype for x in (*batch[:1], *batch[2:])} == {np.dtype(np.float32)}


def test_the_explained_variance_is_of_valid_rows_before_the_update():
    agent, same = agent_of(**RAW), agent_of(**RAW)
    rollout, metrics = trained(agent)
    batch, valid = same.batch(rollout), rollout.valid.ravel()
    expected = explained_variance(batch.value[valid], batch.target[valid])
    assert metrics["loss/explained_variance"] == pytest.approx(expected) and not valid.all()


# ---- statistics ----


def test_an_update_sees_the_statistics_of_the_rollouts_before_and_the_first_one_its_own():
    agent, rng = agent_of(), np.random.default_rng(0)
    calls, rollouts = record_updates(agent), [random_rollout(CONTINUOUS, rng) for _ in range(3)]
    for rollout in rollouts:
        agent.train(rollout, 1, rng)
    for call, rollout, known in zip(calls, rollouts, ([0], [0], [0, 1]), strict=True):
        rows = np.concatenate([rollouts[i].observation[:-1][rollouts[i].valid] for i in known])
        expected = (rollout.observation[:-1].reshape(-1, 3) - rows.mean(0)) / rows.std(0)
        np.testing.assert_allclose(call.batch.observation, expected, rtol=1e-3, atol=1e-3)
    assert agent.observation_stats.count == pytest.approx(sum(r.valid.sum() for r in rollouts), abs=1e-3)


def test_rewards_are_divided_by_the_spread_of_all_discounted_sums_so_far():
    agent = agent_of(gamma=0.5)
    calls, sums = record_updates(agent), []
    make_constant(agent)  # values of 0
    for spread in (2.0, 6.0):
        discounted = np.array([spread, -spread] * 6)
        sums.extend(discounted)
        rollout = one_step_episodes(CONTINUOUS, 12, reward=np.arange(12), discounted=discounted)
        agent.train(rollout, 1, np.random.default_rng(0))
        np.testing.assert_allclose(calls[-1].batch.target, np.arange(12) / np.std(sums), rtol=1e-3)


def test_rows_that_are_not_valid_are_in_no_statistics():
    agent, rollout = agent_of(), random_rollout(CONTINUOUS, np.random.default_rng(0))
    record_updates(agent)
    rollout.observation[:-1][~rollout.valid], rollout.discounted[~rollout.valid] = 1e6, 1e6
    agent.train(rollout, 1, np.random.default_rng(0))
    assert agent.observation_stats.count == agent.return_stats.count == 1e-4 + rollout.valid.sum() < 12
    assert np.abs(agent.observation_stats.mean).max() < 10 and agent.return_stats.std < 10


def test_statistics_of_numbers_far_from_0_are_right_after_one_rollout():
    x = 1000 + np.random.default_rng(0).standard_normal((2048, 1))
    stats = Normalizer(1, 1e-4, Communicator(), initial_count=1e-4)
    assert stats.std == 1 and stats.mean == 0
    stats.update(x)
    assert stats.std == pytest.approx(x.std(), rel=0.05) and stats.mean == pytest.approx(1000, rel=1e-3)


# ---- errors ----


def test_the_first_update_with_a_loss_that_is_not_finite_ends_training():
    agent = agent_of(lr=1e30, noptepochs=1)
    trained(agent, progress=0)  # two updates with a learning rate of 0
    with pytest.raises(TrainingError, match=r"loss/\w+ is (nan|-?inf) at update 4\. Lower --lr") as error:
        trained(agent)
    assert "\n" not in str(error.value)


# ---- several workers ----


class Two(Communicator):
    """One of two workers; the other one's gradients are `other` times this one's."""

    size = 2

    def __init__(self, other):
        self.other = other

    def mean(self, x):
        return ((1 + self.other) * x / 2).astype(x.dtype)

    def all_gather(self, x):
        return [x, x]


@pytest.mark.parametrize("other", [1, 0.5])
def test_the_averaged_gradient_is_used_and_shortened(other):
    """Beside a worker with half the gradient, the gradient's length counts three quarters."""
    agent = agent_of(comm=Two(other), noptepochs=1, nminibatches=1, max_grad_norm=1e3, **RAW)
    alone = agent_of(noptepochs=1, nminibatches=1, max_grad_norm=1e3, **RAW)
    rollout = random_rollout(CONTINUOUS, np.random.default_rng(0))
    for each in (agent, alone):
        each.train(rollout, 1, np.random.default_rng(0))
    for mine, own in zip(agent.adam.m, alone.adam.m, strict=True):
        np.testing.assert_allclose(mine, (1 + other) / 2 * own.numpy(), rtol=1e-3, atol=1e-7)
    shortened = agent_of(comm=Two(other), noptepochs=1, nminibatches=1, max_grad_norm=0.01, **RAW)
    shortened.train(rollout, 1, np.random.default_rng(0))
    norm = np.sqrt(sum(np.square(m).sum() for m in shortened.adam.m)) / 0.1  # of which Adam keeps a tenth at first
    assert norm == pytest.approx(0.01, rel=1e-3)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """The results of the two ranks of tests.ppo2.mpi_worker."""
    folder = tmp_path_factory.mktemp("job")
    done = mpirun(2, "tests.ppo2.mpi_worker", str(folder))
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.slow
def test_two_ranks_keep_equal_weights_and_see_different_experience(job):
    first, second = (rank["train"] for rank in job)
    assert first["weights"] == second["weights"] and first["statistics"] == second["statistics"]
    assert first["seen"] != second["seen"]
    assert first["rows"] == second["rows"] and first["updates"] == 2 * 2 * 4
    assert first["steps"] + second["steps"] == first["rows"][-1]["total/timesteps"]
    assert first["episodes"] + second["episodes"] == first["rows"][-1]["train/episode"]


@pytest.mark.slow
def test_the_updates_of_two_ranks_are_those_of_the_slow_twin_with_the_mean_of_two_gradients(job):
    assert job[0]["share"] == job[1]["share"]
    agents = [share(rank, Communicator(), trains=False) for rank in range(2)]
    batches = [agent.batch(rollout) for agent, rollout in agents]
    agent = agents[0][0]
    orders = [orders_of(10 + rank, 12, agent.config) for rank in range(2)]
    start = [w.numpy() for w in agent.weights]
    expected, _ = updated(start, batches, orders, SETTINGS["lr"], 0.2, agent.config, False)
    np.testing.assert_allclose(job[0]["share"], expected, rtol=1e-3, atol=1e-5)
