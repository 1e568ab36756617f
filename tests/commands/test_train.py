"""`baselines.train`: everything that its docstring promises."""

import os

import gymnasium
import numpy as np
import pytest
import tensorflow as tf

import baselines
from baselines.common.errors import UserError
from baselines.envs.gymnasium_env import GymnasiumVecEnv
from baselines.her import train as her
from tests.helpers import POINT_REACH_ID, TINY_SETTINGS, checkpoints, contents, document, rows, timeless

pytestmark = pytest.mark.usefixtures("eagerly")
SHORT = dict(TINY_SETTINGS, n_epochs=1, seed=3)
NAMED = dict(SHORT, env=POINT_REACH_ID, num_env=2, vec_env="sync")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The log of a run of four epochs that nobody ended, its agent, and what its callback got."""
    log, seen = tmp_path_factory.mktemp("whole") / "log", []
    tf.config.run_functions_eagerly(True)  # as in the tests: compiled functions round otherwise
    agent = baselines.train(**{**NAMED, "n_epochs": 4}, log_path=str(log), callback=seen.append)
    tf.config.run_functions_eagerly(False)
    return log, agent, seen


def single():
    return gymnasium.make("PointReach-v0")


def vector():
    return gymnasium.make_vec("PointReach-v0", num_envs=2, vectorization_mode="sync")


def assert_same(agent, other):
    """All that training changes is the same."""
    states = agent.state(), other.state()
    assert states[0].keys() == states[1].keys()
    for name, array in states[0].items():
        np.testing.assert_array_equal(array, states[1][name], err_msg=name)


def test_training_twice_in_an_environment_of_ones_own_gives_the_same_agent_and_no_files(cwd):
    assert_same(*(baselines.train(env=single(), **SHORT) for _ in range(2)))
    assert os.listdir() == ["taken"]


def test_a_vector_of_environments_fills_every_log(cwd):
    settings = {**SHORT, "n_epochs": None, "total_timesteps": 240}
    agent = baselines.train(env=vector(), log_path="log", **settings)
    assert [float(row["total/timesteps"]) for row in rows("log")] == [120, 240]
    assert agent.updates == 8 and (document("log")["num_env"], document("log")["env"]) == (2, "PointReach-v0")
    assert sorted(name for name in os.listdir("log") if not name.startswith("events.")) == [
        "checkpoint", "config.json", "log.txt", "progress.csv", "progress.json"
    ]  # fmt: skip


def test_without_a_length_a_million_steps_are_trained_and_without_an_env_it_is_fetch_reach(cwd, untrained):
    baselines.train(log_path="log", n_cycles=2, vec_env="sync")
    found = document("log")
    assert (found["alg"], found["env"], found["num_env"]) == ("her", "FetchReach-v1", 1)
    assert found["schedule"] == {"n_epochs": 10**4, "n_cycles": 2, "steps_per_cycle": 50, "n_steps": 10**6}


def test_a_preset_brings_its_environments_by_name_and_not_to_ones_own_and_flags_are_taken_too(cwd, untrained):
    more = dict(TINY_SETTINGS, preset="single", replay_priority="movement", n_epochs=1)
    baselines.train(env=POINT_REACH_ID, log_path="named", vec_env="sync", **more)
    baselines.train(env=vector(), log_path="own", **more)
    flags = dict(vec_env="async", step_timeout=5.0, checkpoint_interval=3, policy_save_interval=2)
    baselines.train(env=POINT_REACH_ID, num_env=3, log_path="given", **flags, **more)
    found = document("given")
    assert {name: found[name] for name in flags} == flags and not flags.keys() & found["config"].keys()
    assert [document(log)["num_env"] for log in ("named", "own", "given")] == [8, 2, 3]
    assert all(document(log)["config"]["target_interval"] == 1 for log in ("named", "own", "given"))


def test_an_environment_to_evaluate_in_may_be_given(without_updates):
    class Counted(gymnasium.Wrapper):
        steps = 0

        def step(self, action):
            self.steps += 1
            return super().step(action)

    env, eval_env, seen = Counted(single()), Counted(single()), []
    baselines.train(env=env, eval_env=eval_env, callback=seen.append, **{**SHORT, "n_test_rollouts": 3})
    assert (env.steps, eval_env.steps) == (2 * 30, 3 * 30)
    assert seen[0]["test/episode"] == 3


def test_the_agent_acts_and_saves_its_policy(cwd):
    agent = baselines.train(env=single(), save_path="saved", **SHORT)
    agent.save("mine")
    observation, _ = single().reset(seed=0)
    actions = [baselines.load_policy(path).act(observation) for path in ("mine", "saved", "saved/best")]
    for action in actions:
        np.testing.assert_array_equal(action, agent.policy().act(observation))
    with pytest.raises(UserError, match="cannot save the policy to taken/below"):
        agent.save("taken/below")


def test_the_callback_gets_the_row_of_each_epoch(whole):
    log, _, seen = whole
    assert [row["epoch"] for row in seen] == [0, 1, 2, 3]
    for row, logged in zip(seen, rows(log), strict=True):
        assert list(row) == list(logged)
        np.testing.assert_allclose(list(row.values()), [float(x) for x in logged.values()], rtol=1e-8)


def test_a_callback_that_returns_false_ends_the_run_in_order_and_it_can_be_resumed(cwd, whole):
    seen = []
    # No checkpoint would be due before the fourth epoch.
    stopping = dict(callback=lambda row: seen.append(row) or len(seen) < 2, checkpoint_interval=4)
    agent = baselines.train(**{**NAMED, "n_epochs": 4}, **stopping, log_path="log", save_path="p")
    assert agent.updates == 8 and len(rows("log")) == len(seen) == 2
    assert len(checkpoints("log")) == 1 and sorted(os.listdir("p")) == ["best.safetensors", "latest.safetensors"]
    resumed = baselines.train(resume="log", callback=seen.append)
    assert [row["epoch"] for row in seen] == [0, 1, 2, 3]
    assert timeless("log") == timeless(whole[0])
    assert_same(resumed, whole[1])


def test_only_false_ends_a_run_and_nothing_else_that_is_not_true(without_updates):
    for answer in (None, 0, "", [], np.True_, np.False_, np.array(False)):
        seen = []
        baselines.train(env=single(), callback=lambda row, a=answer, s=seen: s.append(row) or a,
                        **{**SHORT, "n_epochs": 2, "n_batches": 1, "n_cycles": 1})  # fmt: skip
        assert len(seen) == (1 if isinstance(answer, (np.bool_, np.ndarray)) and not answer else 2)


def test_a_run_in_ones_own_environment_is_resumed_in_ones_own_and_may_be_longer(cwd, whole):
    """The whole run was one in environments by name: their seeds are the same, and what evaluates is made alike."""
    baselines.train(env=vector(), log_path="log", **{**SHORT, "n_epochs": 2})
    agent = baselines.train(env=vector(), resume="log", n_epochs=4)
    assert timeless("log") == timeless(whole[0])
    assert_same(agent, whole[1])
    with pytest.raises(UserError, match="num_env=2, not 1"):
        baselines.train(env=single(), resume="log", n_epochs=5)


@pytest.fixture
def closings(monkeypatch):
    """Whether each vector of environments that starts, or starts again, has been closed since."""
    closed = {}
    start, close = GymnasiumVecEnv._reset, GymnasiumVecEnv.close
    monkeypatch.setattr(GymnasiumVecEnv, "_reset", lambda env: closed.update({env: False}) or start(env))
    monkeypatch.setattr(GymnasiumVecEnv, "close", lambda env: closed.update({env: True}) or close(env))
    return closed


def fail(row):
    raise ZeroDivisionError


def test_environments_by_name_are_closed_at_the_end_and_when_training_raises(closings, without_updates):
    baselines.train(**NAMED)
    assert list(closings.values()) == [True, True], "to train in and to evaluate in"
    closings.clear()
    with pytest.raises(ZeroDivisionError):
        baselines.train(**NAMED, callback=fail)
    assert list(closings.values()) == [True, True]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(dict(n_epochs=1, total_timesteps=10), "n_epochs"), (dict(total_timesteps=float("nan")), "num_timesteps"),
     (dict(n_epochs=1, hiden=8), "hidden"), (dict(n_epochs=1, num_env=2), "num_env"), (dict(alg="hr"), "nearest: her"),
     (dict(env=5), "expected a name, a Gymnasium environment or a vector of them, got 5"),
     (dict(env="PointReech-v0"), "nearest: PointReach-v0"), (dict(resume="nowhere"), "nowhere"),
     (dict(eval_env="PointReach-v0"), "eval_env: expected an environment"), (dict(save_path="taken"), "taken"),
     (dict(eval_env=gymnasium.make("CartPole-v1")), "does not fit CartPole-v1: observation size 2, not 4")],
)  # fmt: skip
def test_wrong_arguments_are_refused_before_anything_is_written(arguments, word, cwd, monkeypatch):
    monkeypatch.setattr(her, "train", None)  # a call would fail
    before = contents(cwd)
    with pytest.raises(UserError, match=word):
        baselines.train(**{"env": single(), "seed": 0, "log_path": "log", **TINY_SETTINGS, **arguments})
    assert contents(cwd) == before
