"""Policies of one network: what they do, and their folders."""

import json

import numpy as np
import pytest

import baselines
from baselines.common.errors import UserError
from baselines.common.specs import EnvSpec
from baselines.policies.numpy_networks import NetworkPolicy, forward, relu
from baselines.policies.policy import save_policy

VECTOR = EnvSpec("Pendulum-v1", {"observation": 3}, 2, 200)
DISCRETE = EnvSpec("CartPole-v1", {"observation": 3}, 4, 500, discrete=True)
ENTRIES = EnvSpec("my.module:Arm-v0", {"joints": 2, "camera": 1}, 2)


def layers_of(*sizes, seed=6):
    rng = np.random.default_rng(seed)
    return [
        (rng.normal(size=(a, b)).astype(np.float32), rng.normal(size=b).astype(np.float32))
        for a, b in zip(sizes[:-1], sizes[1:], strict=True)
    ]


def policy_of(spec, hidden=(5, 4)):
    return NetworkPolicy(spec, layers_of(sum(spec.observation_sizes.values()), *hidden, spec.action_size))


def slow(layers, x, activation=lambda value: max(0.0, value)):
    """The outputs for one row, a unit at a time."""
    for i, (kernel, bias) in enumerate(layers):
        x = [sum(x[j] * kernel[j, k] for j in range(len(x))) + bias[k] for k in range(len(bias))]
        if i < len(layers) - 1:
            x = [activation(value) for value in x]
    return x


@pytest.fixture
def rows():
    return np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)


def test_a_network_has_relu_layers_and_a_linear_output(rows):
    layers = layers_of(3, 5, 4, 2)
    np.testing.assert_allclose(forward(layers, rows), [slow(layers, row) for row in rows], rtol=1e-4, atol=1e-5)
    assert (forward(layers, rows) < 0).any()


def test_hidden_layers_may_have_another_activation(rows):
    layers = layers_of(3, 5, 4, 2)
    expected = [slow(layers, row, np.tanh) for row in rows]
    np.testing.assert_allclose(forward(layers, rows, np.tanh), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(forward(layers, rows, relu), forward(layers, rows))
    assert np.abs(expected).max() > 1, "the output is linear"


def test_by_hand():
    kernel, bias = np.array([[1.0, -1.0], [2.0, 0.5]]), np.array([0.0, 1.0])
    policy = NetworkPolicy(EnvSpec("any", {"observation": 2}, 1), [(kernel, bias), (np.array([[0.1], [0.2]]), [0.05])])
    # Hidden: relu(1 * 1 + 2 * 2, -1 * 1 + 0.5 * 2 + 1) = (5, 1); output: 0.5 + 0.2 + 0.05.
    np.testing.assert_allclose(policy.act(np.array([1.0, 2.0])), [0.75])
    # Hidden: relu(-1, 2) = (0, 2).
    np.testing.assert_allclose(policy.act(np.array([-1.0, 0.0])), [0.45])


def test_actions_are_clipped_outputs(rows):
    policy = policy_of(VECTOR)
    output = forward(policy.layers, rows)
    actions = policy.act(rows)
    np.testing.assert_array_equal(actions, np.clip(output, -1, 1))
    assert (np.abs(output) > 1).any() and (np.abs(actions) < 1).any()


def test_a_discrete_action_is_the_place_of_the_largest_output(rows):
    policy = policy_of(DISCRETE)
    actions = policy.act(rows)
    assert actions.tolist() == [int(np.argmax(slow(policy.layers, row))) for row in rows]
    assert len(set(actions.tolist())) > 1 and actions.dtype.kind == "i"


@pytest.mark.parametrize("spec, shape", [(VECTOR, (2,)), (DISCRETE, ())])
def test_one_observation_has_one_action_and_a_batch_a_batch(spec, shape, rows):
    policy = policy_of(spec)
    many = policy.act(rows)
    assert many.shape == (20, *shape) and policy.act(rows[:1]).shape == (1, *shape)
    for row, action in zip(rows, many, strict=True):
        one = policy.act(row)
        assert np.shape(one) == shape
        np.testing.assert_allclose(one, action, atol=1e-6)
    np.testing.assert_array_equal(policy.act({"observation": rows}), many)
    np.testing.assert_array_equal(policy.act(rows.tolist()), many)
    np.testing.assert_allclose(policy.act(rows.reshape(4, 5, 3)).reshape(many.shape), many, atol=1e-6)


def test_entries_of_an_observation_are_taken_in_the_order_of_the_environment(rows):
    policy = policy_of(ENTRIES)
    expected = np.clip(forward(policy.layers, rows), -1, 1)
    observation = {"unused": rows, "camera": rows[:, 2:], "joints": rows[:, :2]}
    np.testing.assert_array_equal(policy.act(observation), expected)
    one = policy.act({key: x[0] for key, x in observation.items()})
    np.testing.assert_allclose(one, expected[0], atol=1e-6)


# ---- there and back ----


@pytest.mark.parametrize("hidden", [(), (5,), (5, 4, 3)])
@pytest.mark.parametrize("spec", [VECTOR, DISCRETE, ENTRIES])
def test_a_saved_policy_comes_back_to_the_bit(spec, hidden, tmp_path, rows):
    policy = policy_of(spec, hidden)
    save_policy(str(tmp_path / "policy"), policy)
    loaded = baselines.load_policy(str(tmp_path / "policy"))
    assert type(loaded) is NetworkPolicy and loaded.spec == spec
    assert list(loaded.spec.observation_sizes) == list(spec.observation_sizes)
    assert loaded.document() == policy.document()
    assert loaded.arrays().keys() == policy.arrays().keys()
    for name, array in policy.arrays().items():
        assert loaded.arrays()[name].dtype == np.float32
        np.testing.assert_array_equal(loaded.arrays()[name], array)
    if spec is not ENTRIES:
        np.testing.assert_array_equal(loaded.act(rows), policy.act(rows))


def test_the_folder_says_what_it_is(tmp_path):
    save_policy(str(tmp_path / "policy"), policy_of(DISCRETE))
    document = json.loads((tmp_path / "policy" / "policy.json").read_text())
    assert document == {
        "format": "baselines policy 2", "version": baselines.__version__, "alg": "network", "layers": 3,
        "environment": {"env_id": "CartPole-v1", "observation_sizes": {"observation": 3}, "action_size": 4,
                        "horizon": 500, "discrete": True, "has_reward_function": False,
                        "actions": {"low": [], "high": [], "type": "float32"}, "env_kwargs": ""},
    }  # fmt: skip


# ---- what is refused ----


def environment(**changes):
    return lambda document: document["environment"].update(changes)


DOCUMENTS = {
    "another algorithm": lambda d: d.update(alg="her"),
    "an algorithm that there is not": lambda d: d.update(alg="networks"),
    "no algorithm": lambda d: d.pop("alg"),
    "no layers": lambda d: d.pop("layers"),
    "0 layers": lambda d: d.update(layers=0),
    "fewer layers": lambda d: d.update(layers=2),
    "more layers": lambda d: d.update(layers=4),
    "10**9 layers": lambda d: d.update(layers=10**9),
    "true layers": lambda d: d.update(layers=True),
    "3.0 layers": lambda d: d.update(layers=3.0),
    "layers in a list": lambda d: d.update(layers=[3]),
    "no environment": lambda d: d.pop("environment"),
    "null as environment": lambda d: d.update(environment=None),
    "a list as environment": lambda d: d.update(environment=[1]),
    "a word as environment": lambda d: d.update(environment="Pendulum-v1"),
    "an environment without a name": environment(env_id=None),
    "an environment with an empty name": environment(env_id=""),
    "more about the environment": environment(colour="red"),
    "no observations": environment(observation_sizes={}),
    "observations in a list": environment(observation_sizes=[3]),
    "observations of words": environment(observation_sizes={"observation": "3"}),
    "an observation of size 0": environment(observation_sizes={"observation": 0}),
    "a larger observation": environment(observation_sizes={"observation": 4}),
    "a huge observation": environment(observation_sizes={"observation": 10**400}),
    "true as observation": environment(observation_sizes={"observation": True}),
    "actions of size 0": environment(action_size=0),
    "actions of size -1": environment(action_size=-1),
    "more actions": environment(action_size=3),
    "actions in a list": environment(action_size=[2]),
    "half an action": environment(action_size=0.5),
    "a negative horizon": environment(horizon=-1),
    "a horizon of words": environment(horizon="long"),
    "discrete as a number": environment(discrete=1),
    "discrete as a word": environment(discrete="no"),
    "a reward function as a list": environment(has_reward_function=[]),
}


@pytest.mark.parametrize("edit", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_that_does_not_fit_is_refused_with_one_line(edit, tmp_path):
    folder = tmp_path / "policy"
    save_policy(str(folder), policy_of(VECTOR))
    document = json.loads((folder / "policy.json").read_text())
    edit(document)
    (folder / "policy.json").write_text(json.dumps(document))
    with pytest.raises(UserError) as error:
        baselines.load_policy(str(folder))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"0_kernel": np.zeros((5, 3), np.float32)}, r"'0_kernel': expected float32 \[3, 5\], got float32 \[5, 3\]"),
        ({"0_kernel": np.zeros((3, 5))}, r"'0_kernel': expected float32 \[3, 5\], got float64 \[3, 5\]"),
        ({"1_bias": np.zeros((4, 1), np.float32)}, r"'1_bias': expected float32 \[4\]"),
        ({"1_bias": np.zeros(3, np.float32)}, r"'1_kernel': expected float32 \[5, 3\]"),
        ({"2_bias": np.zeros(3, np.float32)}, r"'2_bias': expected float32 \[2\]"),
        ({"2_bias": np.float32([0, np.nan])}, "'2_bias' has values that are not finite"),
        ({"2_kernel": np.full((4, 2), -np.inf, np.float32)}, "'2_kernel' has values that are not finite"),
        ({"3_kernel": np.zeros((2, 2), np.float32)}, "the first odd one is '3_kernel'"),
        ({"1_bias": None}, "the first odd one is '1_bias'"),
        ({"0_kernel": np.array([["a"] * 5] * 3)}, "'0_kernel': expected float32"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_by_name(changes, message):
    policy = policy_of(VECTOR)
    arrays = {name: x for name, x in {**policy.arrays(), **changes}.items() if x is not None}
    with pytest.raises(UserError, match=message):
        NetworkPolicy.load(policy.document(), arrays)
