"""--reward_info: a compute_reward that reads a step's info gets that of the transition."""

import gymnasium
import numpy as np
import pytest
from baselines.her.her import make_buffer

import baselines
from baselines.common.errors import TrainingError, UserError
from baselines.envs import as_vec_env, make_vec_env, parse_arguments
from baselines.envs.info import as_infos, info_entries, read_info
from baselines.envs.reward import reward_function
from baselines.her.experiment.config import HERConfig
from baselines.her.rollout import roll_out
from tests.environments import Batched, Careful, PointReach
from tests.helpers import TINY_SETTINGS, refused

NAME, KEYS = "tests.environments:Careful-v0", ("force", "hard")


def act(observation, alive):
    return np.random.default_rng(len(alive)).uniform(-1, 1, (len(alive), 2)).astype(np.float32)


def own(num_env=2, keys=KEYS, vector=gymnasium.vector.SyncVectorEnv, **kwargs):
    makers = [lambda: gymnasium.wrappers.TimeLimit(Careful(**kwargs), 12)] * num_env
    return as_vec_env(vector(makers), lambda n: list(range(n)), keys)


@pytest.mark.parametrize(("kind", "back_end"), [("Careful", "sync"), ("Careful", "own"), ("Batched", "async")])
def test_relabelled_rewards_are_those_of_the_steps_own_info(kind, back_end):
    name = NAME.replace("Careful", kind)
    arguments = parse_arguments(None, None, "force, hard")
    env = own(3) if back_end == "own" else make_vec_env(name, 3, [0, 1, 2], back_end, arguments=arguments)
    try:
        assert env.compute_reward.info_size == 3
        buffer = make_buffer(env, HERConfig(), 1000, np.random.default_rng(0))
        buffer.store(roll_out(env, act))
        batch = buffer.sample(4, 50)
    finally:
        env.close()
    force = np.abs(batch.action.astype(np.float64))
    reached = np.linalg.norm(batch.next_achieved_goal - batch.desired_goal, axis=-1) < 0.05
    expected = reached - force.sum(-1) - 0.25 * (force.max(-1) > 0.5)
    np.testing.assert_allclose(batch.reward, expected, atol=1e-5)
    assert 0.2 < reached.mean() < 1


def test_many_infos_at_once_take_one_call():
    reward = reward_function(Batched(), "Batched-v0", KEYS)
    rows = np.ones((500, 3))
    reward(np.zeros((500, 2)), np.zeros((500, 2)), rows)
    before = Batched.calls
    reward(np.zeros((500, 2)), np.zeros((500, 2)), rows)
    assert Batched.calls == before + 1


def test_without_it_no_info_is_kept_and_a_key_that_is_read_is_one_line(capsys):
    env = as_vec_env(gymnasium.wrappers.TimeLimit(PointReach(), 12), lambda n: [0] * n)
    assert env.compute_reward.info_size == 0 and roll_out(env, act).info.shape == (1, 12, 0)
    assert "if it reads info['force'], add --reward_info=force" in refused(capsys, f"--env={NAME}", "--vec_env=sync")
    said = refused(capsys, f"--env={NAME}", "--vec_env=sync", "--reward_info=force")
    assert "if it reads info['hard'], add --reward_info=force,hard" in said


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("nowhere", "info['nowhere'] is missing; there is force, hard, word"),
        ("word", "info['word'] is 'step', not a number or an array of numbers"),
        ("nested", "info['nested'] is {'a': 1}, not a number"),
        ("lengths", "info['lengths'] is int64 of shape (2,), not int64 of shape (1,) as in the first steps"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_trained(key, words):
    with pytest.raises(UserError) as error:
        _ = own(keys=(key,)).compute_reward.info_size
    assert words in str(error.value) and f"'unnamed': --reward_info={key}: " in str(error.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda info: info.pop("force"), "info['force'] is missing"),
        (
            lambda info: info.update(force=np.ones(1)),
            "info['force'] is float64 of shape (1,), not float64 of shape (2,)",
        ),
        (lambda info: info.update(hard=0.5), "info['hard'] is float64 of shape (), not bool"),
        (lambda info: info.update(hard=None), "info['hard'] is None, not a number"),
    ],
)
def test_an_entry_that_changes_later_names_environment_and_step(change, words):
    env = own(at=11, change=change)
    with pytest.raises(TrainingError, match="environment 0 .* at step 11 of its episode") as error:
        roll_out(env, act)
    assert words in str(error.value)


def test_a_vector_that_does_not_pass_it_on_is_refused():
    env = own(vector=gymnasium.vector.AsyncVectorEnv)
    with pytest.raises(UserError, match="--reward_info needs environments by name"):
        roll_out(env, act)
    env.close()


def test_a_run_is_stopped_and_resumed_with_the_infos(cwd):
    settings = dict(env=NAME, reward_info="force,hard", vec_env="sync", seed=0, **TINY_SETTINGS)
    whole, parts = [], []
    baselines.train(n_epochs=3, callback=whole.append, **settings)
    baselines.train(n_epochs=2, callback=parts.append, log_path="log", **settings)
    baselines.train(resume="log", n_epochs=3, callback=parts.append)
    assert [row["loss/critic"] for row in parts] == [row["loss/critic"] for row in whole]


def test_demonstrations_which_have_no_info_are_refused(cwd):
    with pytest.raises(UserError, match="demonstrations hold no info, of which compute_reward reads force, hard"):
        baselines.train(env=NAME, reward_info="force,hard", n_epochs=1, demo_file="none.npz", demo_batch_size=4,
                        **TINY_SETTINGS)  # fmt: skip


def test_rows_and_infos_are_inverse_to_each_other():
    info = {"a": 3, "b": np.array([[1.5, 2], [3, 4]], np.float32), "c": True, "d": "word"}
    entries = info_entries(["c", "b", "a"], [info])
    (back,) = as_infos(entries, read_info(entries, info)[None])
    assert list(back) == ["c", "b", "a"] and back["c"].dtype == bool and back["a"].dtype == np.int64
    np.testing.assert_array_equal(back["b"], info["b"])
    assert info_entries(["a"], [{"a": 3}, {"a": 0.5}])[0].type == "float64"


class Still:
    """A policy that does nothing."""

    def act(self, observation):
        return np.zeros((len(observation["observation"]), 2), np.float32)


@pytest.mark.parametrize("reward_info", [None, "force,hard"])
def test_evaluation_asks_for_it_only_where_success_follows_from_the_reward(reward_info):
    def evaluated():
        return baselines.api.evaluate(Still(), NAME, 4, vec_env="sync", reward_info=reward_info)

    if reward_info:
        assert evaluated().success_rate == 0
    else:
        with pytest.raises(UserError, match="add --reward_info=force"):
            evaluated()


@pytest.mark.parametrize("broken", [False, True])
def test_evaluation_steps_a_users_environment_no_more_than_it_plays(broken):
    class Counted(PointReach):
        steps = 0

        def step(self, action):
            Counted.steps += 1
            return *super().step(action)[:4], {}

        def compute_reward(self, achieved_goal, desired_goal, info):
            if broken and np.array_equal(achieved_goal, desired_goal):
                raise RuntimeError("no simulator here")
            return super().compute_reward(achieved_goal, desired_goal, info)

    result = baselines.api.evaluate(Still(), gymnasium.wrappers.TimeLimit(Counted(), 8), episodes=2)
    assert Counted.steps == 16 and result.mean_length == 8
    assert (result.success_rate is None) is broken


# ---- success ----


@pytest.mark.parametrize("value", [True, [True], np.array([1]), np.float32(1), np.bool_(True)])
def test_a_success_in_an_array_of_one_is_one(value):
    assert successes(value) == [True]


@pytest.mark.parametrize("value", ["False", np.nan, {"a": True}, [True, False], None])
def test_a_success_that_is_neither_true_nor_false_is_one_line(value):
    with pytest.raises(TrainingError, match=r"environment 0 returned .* as info\['is_success'\], not True or False"):
        successes(value)


def successes(value):
    class Of(PointReach):
        def step(self, action):
            return *super().step(action)[:4], {"is_success": value}

    return roll_out(as_vec_env(gymnasium.wrappers.TimeLimit(Of(), 4), lambda n: [0]), act).success.tolist()
