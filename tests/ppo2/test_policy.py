"""What a policy does with observations, and its way to a folder and back."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import baselines
from baselines.common.errors import UserError
from baselines.common.specs import EnvSpec
from baselines.ppo2.policy import expected_arrays, load_policy
from tests.common.spoilt import spoilt
from tests.helpers import ROOT
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


# ---- there and back ----


@pytest.mark.parametrize(("spec", "value_network"), KINDS)
def test_a_saved_policy_comes_back_to_the_bit(spec, value_network, tmp_path, rows):
    agent = experienced(spec, value_network=value_network)
    agent.save(str(tmp_path / "policy"))
    saved, loaded = agent.policy(), baselines.load_policy(str(tmp_path / "policy"))
    assert (loaded.spec, loaded.config) == (saved.spec, saved.config)
    assert list(loaded.spec.observation_sizes) == list(spec.observation_sizes)
    assert loaded.document() == saved.document() and loaded.arrays().keys() == saved.arrays().keys()
    for name, array in saved.arrays().items():
        assert loaded.arrays()[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded.arrays()[name], array)
    seen = saved.normalize(rows)
    np.testing.assert_array_equal(loaded.normalize(rows), seen)
    np.testing.assert_array_equal(loaded.output(seen), saved.output(seen))
    np.testing.assert_array_equal(loaded.value(seen), saved.value(seen))
    other = agent_of(spec, value_network=value_network)
    other.load_policy_state(loaded.arrays())
    for name, array in agent.policy_state().items():
        np.testing.assert_array_equal(other.policy_state()[name], array)


@pytest.mark.parametrize(("spec", "value_network"), KINDS)
def test_an_agent_has_the_arrays_that_are_expected_of_it(spec, value_network):
    agent = agent_of(spec, value_network=value_network, num_layers=2)
    found = {name: (x.shape, x.dtype.type) for name, x in agent.policy_state().items()}
    assert found == expected_arrays(spec, agent.config)


def test_the_folder_says_what_it_is(tmp_path):
    agent_of(DISCRETE).save(str(tmp_path / "policy"))
    document = json.loads((tmp_path / "policy" / "policy.json").read_text())
    assert (document["format"], document["alg"]) == ("baselines policy 2", "ppo2")
    assert document["environment"] == DISCRETE.document() and document["config"]["num_hidden"] == 4


def test_a_policy_acts_where_tensorflow_cannot_be_imported(tmp_path, rows):
    agent = experienced(CONTINUOUS)
    agent.save(str(tmp_path / "policy"))
    program = """
import json, sys
sys.modules["tensorflow"] = None  # importing it raises ImportError
import baselines
print(json.dumps(baselines.load_policy(sys.argv[1]).act(json.load(sys.stdin)).tolist()))
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "policy")], input=json.dumps(rows.tolist()),
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path, capture_output=True,
                          text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(json.loads(done.stdout), agent.policy().act(rows), atol=1e-6)


# ---- what is refused ----


def environment(**changes):
    return lambda document: document["environment"].update(changes)


def config(**changes):
    return lambda document: document["config"].update(changes)


DOCUMENTS = {
    "another algorithm": lambda d: d.update(alg="her"),
    "no algorithm": lambda d: d.pop("alg"),
    "no environment": lambda d: d.pop("environment"),
    "null as environment": lambda d: d.update(environment=None),
    "no config but its defaults": lambda d: d.pop("config"),
    "null as config": lambda d: d.update(config=None),
    "a list as config": lambda d: d.update(config=[1]),
    "a key of another algorithm": config(polyak=0.9),
    "an old name of a key": config(hidden=4),
    "no name of an environment": environment(env_id=""),
    "a larger observation": environment(observation_sizes={"observation": 4}),
    "no observations": environment(observation_sizes={}),
    "more actions": environment(action_size=3),
    "discrete actions": environment(discrete=True),
    "more about the environment": environment(colour="red"),
    "wider networks": config(num_hidden=5),
    "more layers": config(num_layers=2),
    "0 layers": config(num_layers=0),
    "layers without number": config(num_layers=10**9),
    "half a unit": config(num_hidden=0.5),
    "a shared network": config(value_network="shared"),
    "another kind of network": config(network="cnn"),
    "a bound of 0": config(norm_clip=0),
    "a bound that is none": config(norm_clip=float("nan")),
    "a word as number": config(gamma="high"),
}


@pytest.mark.parametrize("edit", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_that_does_not_fit_is_refused_with_one_line(edit, tmp_path):
    agent_of(CONTINUOUS).save(str(tmp_path / "policy"))
    path = tmp_path / "policy" / "policy.json"
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))
    with pytest.raises(UserError) as error:
        baselines.load_policy(str(tmp_path / "policy"))
    assert "\n" not in str(error.value)


KERNEL, BIAS, MEAN, STD = (
    "networks/pi/0_kernel",
    "networks/vf/1_bias",
    "observation_stats/mean",
    "observation_stats/std",
)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (KERNEL, np.zeros((4, 3), np.float32), r"expected float32 \[3, 4\], got float32 \[4, 3\]"),
        (KERNEL, np.zeros((3, 4)), r"expected float32 \[3, 4\], got float64 \[3, 4\]"),
        (KERNEL, np.full((3, 4), np.nan, np.float32), "has values that are not finite"),
        (KERNEL, None, "the first odd one is 'networks/pi/0_kernel'"),
        (BIAS, np.zeros((1, 1), np.float32), r"expected float32 \[1\]"),
        (BIAS, np.float32([np.inf]), "has values that are not finite"),
        ("networks/log_std", np.zeros(3, np.float32), r"expected float32 \[2\]"),
        ("networks/log_std", None, "the first odd one is 'networks/log_std'"),
        ("networks/pi/2_kernel", np.zeros((2, 2), np.float32), "the first odd one is 'networks/pi/2_kernel'"),
        (MEAN, np.zeros(4, np.float32), r"expected float32 \[3\]"),
        (MEAN, np.float32([0, np.nan, 0]), "has values that are not finite"),
        (STD, np.float32([1, 0, 1]), "is not positive"),
        (STD, np.float32([1, -1, 1]), "is not positive"),
        ("observation_stats/count", np.zeros(1), "is not positive"),
        ("observation_stats/sum", np.zeros(3, np.float32), r"expected float64 \[3\], got float32"),
        ("return_stats/std", np.float32([0]), "is not positive"),
        ("return_stats/count", np.float64([-1]), "is not positive"),
        ("return_stats/mean", np.array(["a"]), "expected float32"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_by_name(name, array, message):
    policy = agent_of(CONTINUOUS).policy()
    arrays = {key: x for key, x in {**policy.arrays(), name: array}.items() if x is not None}
    with pytest.raises(UserError, match=message) as error:
        load_policy(policy.document(), arrays)
    assert name in str(error.value) and "\n" not in str(error.value)


def test_500_documents_are_taken_or_refused_and_nothing_else():
    policy, taken = agent_of(CONTINUOUS).policy(), 0
    sound, arrays = policy.document(), policy.arrays()
    for seed in range(500):
        document = spoilt(sound, np.random.default_rng(seed))
        try:
            loaded = load_policy(document, arrays)
        except UserError as error:
            assert str(error)
        else:
            taken += 1
            np.testing.assert_array_equal(loaded.output(np.ones((1, 3))), policy.output(np.ones((1, 3))))
    assert 10 < taken < 400


def test_without_normalisation_networks_see_observations_as_they_are():
    agent = agent_of(DISCRETE, normalize_observations=False)
    rows = np.float32([[50, -100, 1e6]])[:, : sum(DISCRETE.observation_sizes.values())]
    np.testing.assert_array_equal(agent.policy().normalize(rows), rows)
