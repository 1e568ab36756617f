"""The policy in NumPy against the networks in TensorFlow's graph, and which of the networks act."""

import gymnasium
import numpy as np
import pytest
import tensorflow as tf

import baselines
from baselines.common.mpi import Communicator
from baselines.common.specs import GOAL_KEYS
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.policy import action_values
from baselines.policies.policy import save_policy
from tests.helpers import HORIZON, POINT_PUSH_ID, POINT_REACH, TINY, TINY_SETTINGS, goal_spec, refused
from tests.her.numbered import random_transitions
from tests.ppo2.helpers import agent_of

SPEC = goal_spec("PointReach-v0")


@pytest.mark.parametrize(
    "settings", [dict(relative_goals=True, max_u=0.5), dict(layer_norm=True, n_critics=2)], ids=str
)
def test_the_numpy_policy_equals_the_networks_in_the_graph(settings):
    rng, spec = np.random.default_rng(0), goal_spec("any", 6, 3, 2, 10)
    agent = DDPG(spec, HERConfig(hidden=32, **settings), rng, Communicator())
    for bias in agent.main.critics[0].biases:
        bias.assign(rng.normal(size=bias.shape))
    batch = random_transitions(spec, (40,), rng)
    agent.update_normalizers(batch)
    policy, rows = agent.policy(), batch[:3]
    inputs = policy.inputs(dict(zip(GOAL_KEYS, rows, strict=True)))
    np.testing.assert_allclose(inputs, np.hstack(agent.inputs(*map(tf.constant, rows))), rtol=1e-5, atol=1e-6)
    o, g, u = inputs[:, :6], inputs[:, 6:], policy.output(inputs)
    np.testing.assert_allclose(u, agent.main.pi(o, g), rtol=1e-4, atol=1e-6)
    value = np.ravel(agent.main.Q(o, g, u)[0])
    np.testing.assert_allclose(action_values(policy, inputs, u), value, rtol=1e-4, atol=1e-5)


SETTINGS = {"main": {}, "target": {"test_with_polyak": True}, "average": {"average_actor": 0.9}}


@pytest.fixture(params=SETTINGS)
def acting(request):
    """Return which networks are evaluated."""
    return request.param


@pytest.fixture
def agent(acting):
    """Return an agent whose main, target and averaged networks all differ."""
    config = HERConfig(hidden=8, layers=1, noise_eps=0, random_eps=0, **SETTINGS[acting])
    agent = DDPG(SPEC, config, np.random.default_rng(0), Communicator())
    state, rng = agent.policy_state(), np.random.default_rng(1)
    for name in [name for name in state if name.startswith(("target_", "average_"))]:
        state[name] = rng.normal(0, 0.5, state[name].shape).astype(np.float32)
    agent.load_policy_state(state)
    return agent


def observations(count=20):
    rng = np.random.default_rng(2)
    return {key: rng.uniform(-1, 1, (count, 2)) for key in GOAL_KEYS}


def acts(which, agent):
    """Return the actions of an actor in the graph."""
    actors = {"main": agent.main.actor, "target": agent.target.actor, "average": agent.average_actor}
    return np.tanh(actors[which](tf.concat(agent.inputs(*map(np.float32, observations().values())), 1)))


def test_the_policy_that_is_saved_and_loaded_is_the_one_that_is_evaluated(acting, agent, tmp_path):
    agent.save(str(tmp_path / "policy"))
    loaded = baselines.load_policy(str(tmp_path / "policy"))
    assert loaded.spec == SPEC and loaded.alg == "her" and loaded.design == agent.policy().design
    assert {**loaded.config, "demo_file": None} == agent.config.document()
    critic = agent.target if acting == "target" else agent.main
    for policy in (agent.policy(), loaded):
        action = policy.act(observations())
        np.testing.assert_allclose(action, acts(acting, agent), atol=1e-6)
        for idle in {"main", "target"} - {acting}:
            assert np.abs(action - acts(idle, agent)).max() > 0.1
        inputs = policy.inputs(observations())
        value = np.ravel(critic.Q(inputs[:, :2], inputs[:, 2:], np.float32(action))[0])
        np.testing.assert_allclose(action_values(policy, inputs, action), value, rtol=1e-4, atol=1e-6)
    for name in {"main", "target", acting}:
        np.testing.assert_allclose(agent.policy(name).act(observations()), acts(name, agent), atol=1e-6)


class Recorded(gymnasium.Wrapper):
    """Keeps what was observed and done."""

    def __init__(self, env):
        super().__init__(env)
        self.seen = []

    def reset(self, **options):
        self.last, info = super().reset(**options)
        return self.last, info

    def step(self, action):
        self.seen.append((self.last, np.array(action)))
        self.last, *rest = super().step(action)
        return self.last, *rest


def largest_difference(policy, seen):
    return max(np.abs(policy.act(observation) - action).max() for observation, action in seen)


def test_training_acts_with_the_main_networks_and_evaluation_with_those_that_are_saved(
    acting, agent, eagerly, tmp_path
):
    """A run of one cycle without noise, which begins from the agent's policy."""
    agent.save(str(tmp_path / "policy"))
    training, evaluation = (Recorded(gymnasium.make("PointReach-v0")) for _ in range(2))
    settings = dict(TINY_SETTINGS, n_cycles=1, n_test_rollouts=2, noise_eps=0, random_eps=0, Q_lr=0, **SETTINGS[acting])
    begun = baselines.train(env=training, eval_env=evaluation, load_path=str(tmp_path / "policy"), n_epochs=1, seed=9,
                            **settings)  # fmt: skip
    assert len(training.seen) == HORIZON and len(evaluation.seen) == 2 * HORIZON
    assert largest_difference(agent.policy("main"), training.seen) < 1e-6
    assert largest_difference(begun.policy(acting), evaluation.seen) < 1e-6
    for idle in {"main", "target"} - {acting}:
        assert largest_difference(begun.policy(idle), evaluation.seen) > 0.01
    saved, before, after = (
        baselines.load_policy(str(tmp_path / "policy")).arrays, agent.policy_state(), begun.policy_state()
    )  # fmt: skip
    assert saved.keys() == before.keys() == after.keys(), "all networks are saved, whichever act"
    np.testing.assert_array_equal(after["main_Q/0_kernel"], before["main_Q/0_kernel"])
    assert after["o_stats/count"] == before["o_stats/count"] + HORIZON


def test_whole_runs_are_evaluated_without_noise_and_guide(eagerly, monkeypatch):
    monkeypatch.setattr("baselines.her.guide.LearnedReacher.train", lambda *_: None)  # it may act as it likes
    training, evaluation = (Recorded(gymnasium.make(POINT_PUSH_ID)) for _ in range(2))
    agent = baselines.train(env=training, eval_env=evaluation, n_epochs=1, seed=0, random_hold=5, guide_eps=0.9,
                            relay_effector="0:2", **{**TINY_SETTINGS, "pi_lr": 0})  # fmt: skip
    assert largest_difference(agent.policy(), evaluation.seen) < 1e-6
    assert largest_difference(agent.policy(), training.seen) > 0.1, "training has both"


def test_training_does_not_begin_from_another_algorithms_policy_or_statistics_of_nothing(cwd, capsys):
    agent_of(SPEC).save("ppo")
    line = refused(capsys, POINT_REACH, "--load_path=ppo", "--n_epochs=1", *TINY)
    assert "from this policy of --alg=ppo2: its array 'g_stats/count' is missing" in line
    policy = DDPG(SPEC, HERConfig(hidden=8, layers=1), np.random.default_rng(0), Communicator()).policy()
    policy.arrays["o_stats/count"] = np.zeros(1)
    save_policy("empty", policy)
    line = refused(capsys, POINT_REACH, "--load_path=empty", "--num_timesteps=0")
    assert "--load_path: training cannot begin from this policy: expected statistics of 2 numbers" in line


@pytest.mark.parametrize("most", [0.5, 0.9999])
def test_the_average_is_a_running_one_of_the_main_actors_weights_and_short_at_first(most, eagerly):
    agent = DDPG(SPEC, HERConfig(hidden=3, layers=1, average_actor=most), np.random.default_rng(0), Communicator())
    rng, name = np.random.default_rng(1), "pi/0_kernel"
    average = agent.policy_state()[f"main_{name}"].ravel()
    np.testing.assert_array_equal(agent.policy_state()[f"average_{name}"].ravel(), average, "it begins as the actor")
    for update in range(1, 13):
        agent.train(random_transitions(SPEC, (1, 8), rng))
        state = agent.policy_state()
        kept = min(most, (1 + update) / (10 + update))
        average = kept * average + (1 - kept) * state[f"main_{name}"].ravel()
        np.testing.assert_allclose(state[f"average_{name}"].ravel(), average, rtol=1e-5, atol=1e-7)
    assert np.abs(average - state[f"main_{name}"].ravel()).max() > 1e-4
