"""The actions of a policy, and its way to a file and back."""

import json
import subprocess
import sys

import numpy as np
import pytest

import baselines
from baselines.common.specs import EnvSpec
from tests.ppo2.helpers import BOTH, CONTINUOUS, agent_of

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


def test_networks_see_observations_less_their_mean_in_standard_deviations(rows):
    agent = experienced(CONTINUOUS, norm_clip=1.5)
    stats, policy = agent.observation_stats, agent.policy()
    seen = np.clip((rows - stats.mean) / stats.std, -1.5, 1.5)
    np.testing.assert_allclose(policy.normalize(rows), seen, rtol=1e-6)
    assert (np.abs(seen) == 1.5).any() and policy.normalize(rows).dtype == np.float32
    np.testing.assert_allclose(policy.act(rows), np.clip(agent.actor_critic(seen)[0], -1, 1), rtol=1e-4, atol=1e-6)


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
    agent, path = experienced(CONTINUOUS), str(tmp_path / "policy")
    agent.save(path)
    program = (
        "import json, sys; sys.modules['tensorflow'] = None\n"  # importing it raises ImportError
        "import baselines; print(json.dumps(baselines.load_policy(sys.argv[1]).act(json.load(sys.stdin)).tolist()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path], input=json.dumps(rows.tolist()), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(json.loads(done.stdout), agent.policy().act(rows), atol=1e-6)
