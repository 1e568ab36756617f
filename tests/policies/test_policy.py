"""The way from an observation to an action, in every design."""

import itertools

import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.common.specs import Actions, EnvSpec
from baselines.policies.policy import NetworkPolicy, Policy, PolicyDesign, begin_from, forward

VECTOR = EnvSpec("Pendulum-v1", {"observation": 3}, 2, 200)
DISCRETE = EnvSpec("CartPole-v1", {"observation": 3}, 4, 500, discrete=True)
ENTRIES = EnvSpec("my.module:Arm-v0", {"joints": 2, "camera": 1}, 2)
GOALS = EnvSpec("Goals-v0", {"observation": 1, "achieved_goal": 1, "desired_goal": 1}, 2)


def policy_of(spec, hidden=(5, 4)):
    rng, sizes = np.random.default_rng(6), [sum(spec.observation_sizes.values()), *hidden, spec.action_size]
    return NetworkPolicy(spec, [(rng.normal(size=(a, b)), rng.normal(size=b)) for a, b in itertools.pairwise(sizes)])


@pytest.fixture
def rows():
    return np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)


def test_by_hand():
    kernel, bias = np.array([[1.0, -1.0], [2.0, 0.5]]), np.array([0.0, 1.0])
    policy = NetworkPolicy(EnvSpec("any", {"observation": 2}, 1), [(kernel, bias), (np.array([[0.1], [0.2]]), [0.05])])
    # Hidden: relu(1 * 1 + 2 * 2, -1 * 1 + 0.5 * 2 + 1) = (5, 1); output: 0.5 + 0.2 + 0.05.
    np.testing.assert_allclose(policy.act(np.array([1.0, 2.0])), [0.75])
    # Hidden: relu(-1, 2) = (0, 2).
    np.testing.assert_allclose(policy.act(np.array([-1.0, 0.0])), [0.45])


def test_a_whole_design_by_hand():
    """Differences of goals, both clips, statistics, tanh twice, scale and the environment's units."""
    spec = EnvSpec(GOALS.env_id, GOALS.observation_sizes, 2, actions=Actions((0.0, -3.0), (2.0, 3.0)))
    design = PolicyDesign((("observation", ""), ("desired_goal", "achieved_goal")), "net", ("o", "g"), 10.0, 1.5,
                          "tanh", "tanh", 0.5)  # fmt: skip
    arrays = {"o/mean": [4], "o/std": [2], "g/mean": [1], "g/std": [4], "net/0_kernel": [[1], [1]], "net/0_bias": [0],
              "net/1_kernel": [[1, -2]], "net/1_bias": [0, 0.5], "unused": [7]}  # fmt: skip
    policy = Policy(spec, design, {name: np.float32(x) for name, x in arrays.items()}, "mine", {"a": 1})
    # observation: 99 -> 10 -> 3 -> 1.5; goal: 7 - 4 = 3 -> 0.5.
    hidden = np.tanh(1.5 + 0.5)
    output = 0.5 * np.tanh([hidden, 0.5 - 2 * hidden])
    observation = {"observation": [99.0], "achieved_goal": [4.0], "desired_goal": [7.0]}
    np.testing.assert_allclose(policy.act(observation), [1 + output[0], 3 * output[1]], rtol=1e-6)
    assert (policy.alg, policy.config, policy.arrays["unused"]) == ("mine", {"a": 1}, [7])


def test_actions_are_clipped_outputs_or_the_place_of_the_largest(rows):
    policy, discrete = policy_of(VECTOR), policy_of(DISCRETE)
    output = policy.network_output(rows)
    np.testing.assert_array_equal(policy.act(rows), np.clip(output, -1, 1))
    assert (np.abs(output) > 1).any() and (np.abs(output) < 1).any()
    actions = discrete.act(rows)
    assert actions.tolist() == [list(row).index(max(row)) for row in discrete.network_output(rows)]
    assert len(set(actions.tolist())) > 1 and actions.dtype.kind == "i"


def test_entries_of_an_observation_are_taken_in_the_order_of_the_environment(rows):
    policy = policy_of(ENTRIES)
    expected = np.clip(forward(policy.layers, rows), -1, 1)
    observation = {"unused": rows, "camera": rows[:, 2:], "joints": rows[:, :2]}
    np.testing.assert_array_equal(policy.act(observation), expected)


class Trained:
    """An agent with these arrays."""

    def __init__(self, arrays):
        self.arrays = arrays

    def policy_state(self):
        return self.arrays

    def load_policy_state(self, arrays):
        self.arrays = arrays


def test_training_begins_only_from_a_policy_with_the_same_arrays():
    policy, other = policy_of(VECTOR), policy_of(VECTOR, (6, 4))
    agent = Trained({name: np.zeros_like(x) for name, x in policy.arrays.items()})
    begin_from(agent, policy)
    assert agent.arrays is policy.arrays
    for arrays, message in (
        (other.arrays, r"--alg=network: its array 'pi/0_bias' is \[5\], but that of the new agent is \[6\]"),
        ({**policy.arrays, "critic": np.zeros(2)}, r"'critic' is missing, but that of the new agent is \[2\]"),
        ({}, r"'pi/0_bias' is \[5\], but that of the new agent is missing"),
    ):
        with pytest.raises(UserError, match=message):
            begin_from(Trained(arrays), policy)
