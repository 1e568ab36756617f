"""What a policy does with observations, and its way to a file and back."""

import numpy as np
import pytest

import baselines
from baselines.common.errors import UserError
from baselines.common.specs import EnvSpec
from tests.ppo2.helpers import CONTINUOUS, DISCRETE, agent_of, make_constant

ENTRIES = EnvSpec("my.module:Arm-v0", {"joints": 2, "camera": 1}, 2)
SPECS = [CONTINUOUS, DISCRETE, ENTRIES]
KINDS = [(spec, value_network) for spec in SPECS for value_network in ("copy", "shared")]


def experienced(spec, **settings):
    """An agent that has seen observations and rewards."""
    agent, rng = agent_of(spec, **settings), np.random.default_rng(3)
    agent.observation_stats.update(rng.normal([1, 10, -5], [1, 3, 0.1], (500, 3)))
    agent.return_stats.update(rng.normal(2, 3, (500, 1)))
    return agent


@pytest.fixture
def rows():
    return np.random.default_rng(1).normal([1, 10, -5], [1, 3, 0.1], (20, 3)).astype(np.float32)


# ---- acting ----


@pytest.mark.parametrize("spec", [CONTINUOUS, DISCRETE])
def test_one_observation_has_one_action_and_a_batch_a_batch(spec, rows):
    policy, shape = experienced(spec).policy(), () if spec.discrete else (2,)
    many = policy.act(rows)
    assert many.shape == (20, *shape) and policy.act(rows[:1]).shape == (1, *shape)
    assert len(np.unique(many, axis=0)) > 1 and many.dtype.kind == ("i" if spec.discrete else "f")
    for row, action in zip(rows, many, strict=True):
        one = policy.act(row)
        assert np.shape(one) == shape
        np.testing.assert_allclose(one, action, atol=1e-6)
    np.testing.assert_array_equal(policy.act({"observation": rows}), many)
    np.testing.assert_array_equal(policy.act(rows.tolist()), many)
    np.testing.assert_array_equal(policy.act(rows.astype(np.float64)), many)


def test_the_most_probable_action_is_the_mean_within_bounds_or_the_largest_logit():
    agent = agent_of(CONTINUOUS)
    make_constant(agent, output=[0.3, -7])
    np.testing.assert_allclose(agent.policy().act(np.zeros(3)), [0.3, -1])
    agent = agent_of(DISCRETE)
    make_constant(agent, output=[0.3, 7, -1])
    assert agent.policy().act(np.zeros(3)) == 1


def test_networks_see_observations_less_their_mean_in_standard_deviations(rows):
    agent = experienced(CONTINUOUS, norm_clip=1.5)
    stats, policy = agent.observation_stats, agent.policy()
    seen = np.clip((rows - stats.mean) / stats.std, -1.5, 1.5)
    np.testing.assert_allclose(policy.normalize(rows), seen, rtol=1e-6)
    assert (np.abs(seen) == 1.5).any() and policy.normalize(rows).dtype == np.float32
    np.testing.assert_allclose(policy.act(rows), np.clip(agent.networks(seen)[0], -1, 1), rtol=1e-4, atol=1e-6)


def test_entries_of_an_observation_are_taken_in_the_order_of_the_environment(rows):
    dictionary, plain = experienced(ENTRIES).policy(), experienced(CONTINUOUS).policy()
    observation = {"unused": rows, "camera": rows[:, 2:], "joints": rows[:, :2]}
    np.testing.assert_array_equal(dictionary.act(observation), plain.act(rows))
    one = dictionary.act({key: x[0] for key, x in observation.items()})
    np.testing.assert_allclose(one, plain.act(rows[0]), atol=1e-6)


@pytest.mark.parametrize("observation", [{"joints": np.zeros(2)}, {"joints": np.zeros(2), "picture": 0}, np.zeros(3)])
def test_an_entry_that_is_missing_is_said_in_one_line(observation):
    expected = r"an observation (with '(camera|joints)'|as a dictionary of joints, camera), got \w+"
    with pytest.raises(UserError, match=expected) as error:
        agent_of(ENTRIES).policy().act(observation)
    assert "\n" not in str(error.value)


# ---- to a file and back ----


@pytest.mark.parametrize(("spec", "value_network"), KINDS)
def test_a_saved_policy_comes_back_to_the_bit(spec, value_network, tmp_path, rows):
    agent = experienced(spec, value_network=value_network)
    agent.save(str(tmp_path / "policy"))
    saved, loaded = agent.policy(), baselines.load_policy(str(tmp_path / "policy"))
    assert list(loaded.spec.observation_sizes) == list(spec.observation_sizes) and loaded.alg == "ppo2"
    assert loaded.document() == saved.document() and loaded.config == agent.config.document()
    np.testing.assert_array_equal(loaded.output(loaded.normalize(rows)), saved.output(saved.normalize(rows)))
    other = agent_of(spec, value_network=value_network)
    other.begin_from(loaded)
    for name, array in agent.policy_state().items():
        assert loaded.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(other.policy_state()[name], array)


def test_training_does_not_begin_from_other_networks():
    with pytest.raises(UserError, match=r"its array 'networks/pi/0_bias' is \[4\], but that of the new agent is \[5\]"):
        agent_of(CONTINUOUS, num_hidden=5).begin_from(agent_of(CONTINUOUS).policy())
    with pytest.raises(UserError, match=r"'networks/vf/0_bias' is \[4\], but that of the new agent is \[1\]"):
        agent_of(CONTINUOUS, value_network="shared").begin_from(agent_of(CONTINUOUS).policy())
    policy = agent_of(CONTINUOUS).policy()
    policy.arrays["return_stats/count"] = np.float64([-1])
    with pytest.raises(UserError, match="cannot begin from this policy: no statistics of 1 numbers"):
        agent_of(CONTINUOUS).begin_from(policy)


def test_without_normalisation_networks_see_observations_as_they_are():
    agent = agent_of(DISCRETE, normalize_observations=False)
    rows = np.float32([[50, -100, 1e6]])[:, : sum(DISCRETE.observation_sizes.values())]
    np.testing.assert_array_equal(agent.policy().normalize(rows), rows)
