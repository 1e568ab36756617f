"""The actions of a policy, and its way to a file and back."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import baselines
from baselines.common.errors import UserError
from baselines.common.specs import EnvSpec
from tests.helpers import ROOT
from tests.ppo2.helpers import BOTH, CONTINUOUS, DISCRETE, agent_of, make_constant

ENTRIES = EnvSpec("my.module:Arm-v0", {"joints": 2, "camera": 1}, 2)
ALL = [(spec, value_network) for spec in (*BOTH, ENTRIES) for value_network in ("copy", "shared")]


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


@pytest.mark.parametrize("spec", BOTH)
def test_one_observation_has_one_action_and_a_batch_a_batch(spec, rows):
    policy, shape = experienced(spec).policy(), () if spec.discrete else (2,)
    many = policy.act(rows)
    assert many.shape == (20, *shape) and policy.act(rows[:1]).shape == (1, *shape)
    assert len(np.unique(many, axis=0)) > 1 and many.dtype.kind == ("i" if spec.discrete else "f")
    for row, action in zip(rows, many, strict=True):
        one = policy.act(row)
        assert np.shape(one) == shape
        np.testing.assert_allclose(one, action, atol=1e-6)
    for form in ({"observation": rows}, {"observation": rows.tolist()}, rows.astype(np.float64)):
        np.testing.assert_array_equal(policy.act(form), many)


def test_the_most_probable_action_is_the_mean_within_bounds_or_the_largest_logit():
    for spec, output, action in (CONTINUOUS, [0.3, -7], [0.3, -1]), (DISCRETE, [0.3, 7, -1], 1):
        agent = agent_of(spec)
        make_constant(agent, output=output)
        np.testing.assert_allclose(agent.policy().act(np.zeros(3)), action)


def test_networks_see_observations_less_their_mean_in_standard_deviations(rows):
    agent = experienced(CONTINUOUS, norm_clip=1.5)
    stats, policy = agent.observation_stats, agent.policy()
    seen = np.clip((rows - stats.mean) / stats.std, -1.5, 1.5)
    np.testing.assert_allclose(policy.normalize(rows), seen, rtol=1e-6)
    assert (np.abs(seen) == 1.5).any() and policy.normalize(rows).dtype == np.float32
    np.testing.assert_allclose(policy.act(rows), np.clip(agent.actor_critic(seen)[0], -1, 1), rtol=1e-4, atol=1e-6)


def test_entries_of_an_observation_are_concatenated_in_the_order_of_the_environment(rows):
    dictionary, plain = experienced(ENTRIES).policy(), experienced(CONTINUOUS).policy()
    observation = {"unused": rows, "camera": rows[:, 2:], "joints": rows[:, :2]}
    np.testing.assert_array_equal(dictionary.act(observation), plain.act(rows))
    one = dictionary.act({key: x[0] for key, x in observation.items()})
    np.testing.assert_allclose(one, plain.act(rows[0]), atol=1e-6)
    with pytest.raises(UserError, match="'camera'"):
        dictionary.act({"joints": rows[:, :2]})


# ---- to a file and back ----


@pytest.mark.parametrize(("spec", "value_network"), ALL)
def test_a_saved_policy_is_loaded_to_the_bit(spec, value_network, tmp_path, rows):
    agent = experienced(spec, value_network=value_network)
    agent.save(str(tmp_path / "policy"))
    saved, loaded = agent.policy(), baselines.load_policy(str(tmp_path / "policy.safetensors"))
    assert (loaded.alg, loaded.spec, loaded.config) == ("ppo2", saved.spec, saved.config)
    assert list(loaded.spec.observation_sizes) == list(spec.observation_sizes)
    assert loaded.document() == saved.document() and loaded.config["num_hidden"] == 4
    seen = saved.normalize(rows)
    np.testing.assert_array_equal(loaded.normalize(rows), seen)
    np.testing.assert_array_equal(loaded.output(seen), saved.output(seen))
    other = agent_of(spec, value_network=value_network)
    other.load_policy_state(loaded.arrays)
    assert loaded.arrays.keys() == other.policy_state().keys()
    for name, array in agent.policy_state().items():
        assert loaded.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(other.policy_state()[name], array)
    np.testing.assert_array_equal(other.policy().value(seen), saved.value(seen))


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
