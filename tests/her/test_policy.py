"""The policy in NumPy against the networks in TensorFlow's graph, and which of the networks act."""

import gymnasium
import numpy as np
import pytest
import tensorflow as tf
from baselines.her.her import make_buffer
from baselines.her.relay import Relay

import baselines
from baselines import run
from baselines.common.mpi import Communicator
from baselines.common.specs import GOAL_KEYS
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.exploration import NoGuide
from baselines.her.policy import action_values
from baselines.her.replay_buffer import NoDemonstrations
from baselines.her.rollout import RolloutWorker
from baselines.her.train import evaluate, train_cycle
from baselines.her.types import GoalEnvSpec, TransitionBatch
from baselines.policies.policy import save_policy
from baselines.runs.clock import Clock
from tests.helpers import HORIZON, POINT_PUSH_ID, POINT_REACH, TINY, TINY_SETTINGS, document, point_reach, refused
from tests.her.numbered import random_transitions
from tests.ppo2.helpers import agent_of

SPEC = GoalEnvSpec("PointReach-v0", 2, 2, 2, HORIZON)


def test_the_numpy_policy_equals_the_networks_in_the_graph():
    spec = GoalEnvSpec("any", 6, 3, 2, 10)
    config = HERConfig(hidden=32, relative_goals=True, max_u=0.5)
    rng = np.random.default_rng(0)
    agent = DDPG(spec, config, rng, Communicator())
    rows = [rng.normal(0, 5, (40, n)).astype(np.float32) for n in (6, 3, 3)]
    agent.update_normalizers(TransitionBatch(*rows, *[None] * 5))
    policy = agent.policy()
    inputs = policy.inputs(dict(zip(GOAL_KEYS, rows, strict=True)))
    np.testing.assert_allclose(inputs, np.hstack(agent.inputs(*map(tf.constant, rows))), rtol=1e-5, atol=1e-6)
    o, g, u = inputs[:, :6], inputs[:, 6:], policy.output(inputs)
    np.testing.assert_allclose(u, agent.main.pi(o, g), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(action_values(policy, inputs, u), agent.main.Q(o, g, u), rtol=1e-4, atol=1e-5)


# ---- which networks act ----


SETTINGS = {"main": {}, "target": {"test_with_polyak": True}, "average": {"average_actor": 0.9}}


@pytest.fixture(params=SETTINGS)
def acting(request):
    """Which networks are evaluated."""
    return request.param


@pytest.fixture
def agent(acting):
    """One whose main, target and averaged networks all differ."""
    config = HERConfig(hidden=8, layers=1, **SETTINGS[acting])
    agent = DDPG(SPEC, config, np.random.default_rng(0), Communicator())
    state, rng = agent.policy_state(), np.random.default_rng(1)
    for name in [name for name in state if name.startswith(("target_", "average_"))]:
        state[name] = rng.normal(0, 0.5, state[name].shape).astype(np.float32)
    agent.load_policy_state(state)
    return agent


def observations(count=20):
    rng = np.random.default_rng(2)
    return {key: rng.uniform(-1, 1, (count, 2)) for key in ("observation", "achieved_goal", "desired_goal")}


def acts(which, agent):
    """Of an actor in the graph."""
    actors = {"main": agent.main.pi_network, "target": agent.target.pi_network, "average": agent.average_pi}
    return np.tanh(actors[which](tf.concat(agent.inputs(*map(np.float32, observations().values())), 1)))


def test_the_policy_that_is_saved_and_loaded_is_the_one_that_is_evaluated(acting, agent, tmp_path):
    agent.save(str(tmp_path / "policy"))
    loaded = baselines.load_policy(str(tmp_path / "policy"))
    critic = agent.target if acting == "target" else agent.main
    for policy in (agent.policy(), loaded):
        found = policy.act(observations())
        np.testing.assert_allclose(found, acts(acting, agent), atol=1e-6)
        for idle in {"main", "target"} - {acting}:
            assert np.abs(found - acts(idle, agent)).max() > 0.1
        inputs = policy.inputs(observations())
        value = critic.Q(inputs[:, :2], inputs[:, 2:], np.float32(found))
        np.testing.assert_allclose(action_values(policy, inputs, found), value, rtol=1e-4, atol=1e-6)


def test_all_networks_are_saved_whichever_act_and_training_begins_from_all(acting, agent, tmp_path):
    agent.save(str(tmp_path / "policy"))
    saved, own = baselines.load_policy(str(tmp_path / "policy")).arrays, agent.policy_state()
    begun = baselines.train(env=gymnasium.make("PointReach-v0"), load_path=str(tmp_path / "policy"), n_epochs=0,
                            **SETTINGS[acting])  # fmt: skip
    assert saved.keys() == own.keys() == begun.policy_state().keys()
    for name, array in own.items():
        np.testing.assert_array_equal(saved[name], array, err_msg=name)
        np.testing.assert_array_equal(begun.policy_state()[name], array, err_msg=name)


def test_networks_act_where_they_are_named(acting, agent):
    for name in {"main", "target", acting}:
        np.testing.assert_allclose(agent.policy(name).act(observations()), acts(name, agent), atol=1e-6)


def test_evaluation_is_by_the_networks_that_are_saved(acting, agent):
    env = point_reach(2)
    worker, seen = RolloutWorker(env), []
    step = env.step
    env.step = lambda action: seen.append(action.copy()) or step(action)
    evaluate(agent, worker, 2)
    episodes = RolloutWorker(point_reach(2)).generate(agent.policy(acting))
    np.testing.assert_array_equal(np.swapaxes(seen, 0, 1), episodes.action)


def test_training_acts_with_the_main_networks_even_where_others_are_evaluated(agent):
    env, clock = point_reach(2), Clock()
    clock.start_epoch()
    buffer = make_buffer(env, agent.config, 1000, np.random.default_rng(0))
    main, agent.train = agent.policy("main"), lambda batches: {}
    train_cycle(agent, RolloutWorker(env), buffer, NoDemonstrations(), NoGuide(), clock)
    np.testing.assert_array_equal(buffer.action[:2], RolloutWorker(point_reach(2)).generate(main).action)


# ---- the average of actors ----


def slow_average(average, main, kept):
    """Of weights, one number at a time."""
    return [kept * float(a) + (1 - kept) * float(m) for a, m in zip(average, main, strict=True)]


@pytest.mark.parametrize("most", [0.5, 0.9999])
def test_the_average_is_a_running_one_of_the_main_actors_weights_and_short_at_first(most, eagerly):
    agent = DDPG(SPEC, HERConfig(hidden=3, layers=1, average_actor=most), np.random.default_rng(0), Communicator())
    rng, name = np.random.default_rng(1), "pi/0_kernel"
    average = agent.policy_state()[f"main_{name}"].ravel()
    np.testing.assert_array_equal(agent.policy_state()[f"average_{name}"].ravel(), average, "it begins as the actor")
    for update in range(1, 13):
        agent.train(random_transitions(SPEC, (1, 8), rng))
        state = agent.policy_state()
        average = slow_average(average, state[f"main_{name}"].ravel(), min(most, (1 + update) / (10 + update)))
        np.testing.assert_allclose(state[f"average_{name}"].ravel(), average, rtol=1e-5, atol=1e-7)
    assert np.abs(average - state[f"main_{name}"].ravel()).max() > 1e-4


def test_a_policy_that_training_begins_with_says_whether_there_is_an_average(cwd):
    """So `--load_path=... --num_timesteps=0 --play` plays what was saved, whatever the run's own settings are."""
    run.main([POINT_REACH, *TINY, "--num_timesteps=0", "--average_actor=0.9", "--save_path=averaged", "--log_path=log"])
    run.main([POINT_REACH, "--num_timesteps=0", "--load_path=averaged", "--save_path=again", "--log_path=log2"])
    first, second = (baselines.load_policy(folder) for folder in ("averaged", "again"))
    assert first.config["average_actor"] == second.config["average_actor"] == 0.9
    assert second.design.network == "average_pi"
    np.testing.assert_array_equal(first.act(observations()), second.act(observations()))


def test_two_ways_to_say_which_policy_is_evaluated_are_refused(cwd, capsys, untrained):
    for words in (["--average_actor=0.9"], ["--preset=single"]):
        line = refused(capsys, POINT_REACH, "--test_with_polyak=True", *words)
        assert "test_with_polyak" in line and "average_actor" in line
    run.main([POINT_REACH, "--preset=single", "--test_with_polyak=True", "--average_actor=0", "--num_timesteps=0",
              "--log_path=log"])  # fmt: skip
    assert document("log")["config"]["test_with_polyak"]


# ---- whole runs ----


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


def test_whole_runs_are_evaluated_without_noise_and_guide(acting, eagerly, monkeypatch):
    monkeypatch.setattr(Relay, "train", lambda *_: None)  # it may act as it likes
    training, evaluation = (Recorded(gymnasium.make(POINT_PUSH_ID)) for _ in range(2))
    settings = dict(TINY_SETTINGS, n_test_rollouts=3, polyak=0.9, pi_lr=0.1, **SETTINGS[acting])
    agent = baselines.train(env=training, eval_env=evaluation, n_epochs=1, seed=0, random_hold=5, guide_eps=0.9,
                            relay_effector="0:2", **settings)  # fmt: skip
    assert len(evaluation.seen) == 3 * HORIZON and len(training.seen) == 2 * HORIZON
    for observation, action in evaluation.seen:
        np.testing.assert_allclose(agent.policy(acting).act(observation), action, atol=1e-6)
    other = agent.policy("target" if acting == "main" else "main")
    assert max(np.abs(other.act(observation) - action).max() for observation, action in evaluation.seen) > 0.01
    own = [np.abs(agent.policy().act(observation) - action).max() < 1e-6 for observation, action in training.seen]
    assert not any(own), "and training with both"


# ---- to a file and back ----


def test_the_document_tells_the_environment_and_the_settings(acting, agent, tmp_path):
    agent.save(str(tmp_path / "policy"))
    policy = baselines.load_policy(str(tmp_path / "policy"))
    assert policy.spec == SPEC.env_spec() and policy.alg == "her" and policy.design == agent.policy().design
    assert {**policy.config, "demo_file": None} == agent.config.document()


def test_a_policy_begins_training_with_its_settings_networks_and_statistics(acting, agent, tmp_path):
    agent.save(str(tmp_path / "policy"))
    how = dict(env=gymnasium.make("PointReach-v0"), load_path=str(tmp_path / "policy"), seed=9)
    begun = baselines.train(**how, n_epochs=1, **dict(TINY_SETTINGS, Q_lr=0, pi_lr=0, **SETTINGS[acting]))
    before, after = agent.policy_state(), begun.policy_state()
    np.testing.assert_array_equal(after["main_Q/0_kernel"], before["main_Q/0_kernel"])
    assert after["o_stats/count"] == before["o_stats/count"] + 2 * HORIZON


def test_training_does_not_begin_from_another_algorithms_policy_or_statistics_of_nothing(agent, cwd, capsys):
    agent_of(SPEC.env_spec()).save("ppo")
    line = refused(capsys, POINT_REACH, "--load_path=ppo", "--n_epochs=1", *TINY)
    assert "from this policy of --alg=ppo2: its array 'g_stats/count' is missing" in line
    policy = agent.policy()
    policy.arrays["o_stats/count"] = np.zeros(1)
    save_policy("empty", policy)
    line = refused(capsys, POINT_REACH, "--load_path=empty", "--num_timesteps=0")
    assert "--load_path: training cannot begin from this policy: no statistics of 2 numbers" in line
