"""compute_reward, however an environment has it, and the info that it reads (--reward_info)."""

import gymnasium
import numpy as np
import pytest

import baselines
from baselines.common.errors import TrainingError, UserError
from baselines.envs import as_vec_env, make_vec_env
from baselines.envs.arguments import parse_arguments
from baselines.envs.info import as_infos, info_type, read_info
from baselines.envs.reward import GoalReward
from baselines.her.experiment.config import HERConfig
from baselines.her.replay_buffer import ReplayBuffer
from tests.environments import Batched, Careful, PointReach
from tests.helpers import TINY_SETTINGS, play_episodes, refused

ACHIEVED, DESIRED = np.random.default_rng(0).uniform(-1, 1, (2, 20, 2)).astype(np.float32)


def far(achieved, desired):
    return np.linalg.norm(np.asarray(achieved) - desired, axis=-1) > 0.3


EXPECTED = -1.0 * far(ACHIEVED, DESIRED)


def reward_by(compute):
    class Of(PointReach):
        compute_reward = staticmethod(compute)

    return GoalReward(Of(), "Of-v0")


ONE_BY_ONE = {
    "float": float,
    "int": int,
    "array of one": lambda r: np.array([r]),
    "array of none": np.array,
    "list": lambda r: [r],
    "column": lambda r: np.array([[r]]),
}
BATCHES = {
    "rows": lambda r: r,
    "a column": lambda r: r[:, None],
    "whole numbers": lambda r: r.astype(int),
    "a list": lambda r: r.tolist(),
}


@pytest.mark.parametrize("kind", ONE_BY_ONE.values(), ids=ONE_BY_ONE)
def test_one_number_a_goal_in_whatever_it_comes(kind):
    def compute(achieved, desired, info):
        if np.ndim(achieved) != 1:
            raise TypeError("one at a time")
        return kind(-1.0 * far(achieved, desired))

    reward = reward_by(compute)
    np.testing.assert_array_equal(reward(ACHIEVED, DESIRED), EXPECTED)
    assert (reward.goal_rewards == 0).all()


@pytest.mark.parametrize("kind", BATCHES.values(), ids=BATCHES)
def test_batches_in_whatever_they_come_and_in_one_call(kind):
    calls = []

    def compute(achieved, desired):  # parameters may have other names, and there may be no info
        calls.append(np.shape(achieved))
        reward = -1.0 * far(achieved, desired)
        return kind(reward) if np.ndim(reward) else reward

    reward = reward_by(compute)
    reward(ACHIEVED, DESIRED)
    calls.clear()
    rewards = reward(ACHIEVED, DESIRED)
    np.testing.assert_array_equal(rewards, EXPECTED)
    assert calls == [(20, 2)] and rewards.dtype.kind == "f"


def test_flags_are_0_and_1():
    reward = reward_by(lambda achieved, desired, info: ~far(achieved, desired))
    np.testing.assert_array_equal(reward(ACHIEVED, DESIRED), 1 + EXPECTED)
    assert (reward.goal_rewards == 1).all()


def test_the_outermost_wrapper_that_has_one_is_asked():
    class Paid(gymnasium.Wrapper):
        def compute_reward(self, achieved_goal, desired_goal, info):
            return 10 + self.env.unwrapped.compute_reward(achieved_goal, desired_goal, info)

    assert (GoalReward(gymnasium.wrappers.TimeLimit(Paid(PointReach()), 30), "Paid-v0").goal_rewards == 10).all()


def test_one_that_needs_a_reset_first_gets_it():
    class Of(PointReach):
        def compute_reward(self, achieved_goal, desired_goal, info):
            assert self._steps == 0
            return -1.0 * far(achieved_goal, desired_goal)

    assert (GoalReward(Of(), "Of-v0").goal_rewards == 0).all()


@pytest.mark.parametrize("never", [np.nan, None, 1e9])
def test_only_goals_that_occur_are_asked_about(never):
    def compute(achieved, desired, info):
        if (np.abs([achieved, desired]) > 1).any():  # outside of the square, though within the space
            return never
        return -1.0 * far(achieved, desired)

    class Wide(PointReach):
        compute_reward = staticmethod(compute)

        def __init__(self):
            super().__init__()
            plane = gymnasium.spaces.Box(-np.inf, np.inf, (2,))
            self.observation_space = gymnasium.spaces.Dict(observation=plane, achieved_goal=plane, desired_goal=plane)

    reward = GoalReward(Wide(), "Wide-v0")
    assert (reward.goal_rewards == 0).all()
    np.testing.assert_array_equal(reward(ACHIEVED, DESIRED), EXPECTED)


def test_a_reward_that_is_undefined_for_goals_that_occur_is_refused_at_once():
    with pytest.raises(TrainingError, match="compute_reward returned nan for achieved_goal"):
        _ = reward_by(lambda a, d, i: np.nan if (a == d).all() else -1.0).goal_rewards


def test_neither_arguments_nor_results_are_shared_with_the_function():
    kept = np.zeros(20)

    def compute(achieved, desired, info):
        if len(info):
            for one in np.atleast_1d(info):
                one["force"] *= 0
        desired -= achieved
        achieved *= 0
        if desired.ndim == 1:
            return -1.0 * far(desired, 0)
        kept[: len(desired)] = -1.0 * far(desired, 0)
        return kept[: len(desired)]

    reward, goals = reward_by(compute), (ACHIEVED.copy(), DESIRED.copy())
    first = reward(*goals)
    reward(DESIRED, DESIRED)
    np.testing.assert_array_equal(first, EXPECTED)
    np.testing.assert_array_equal(goals, (ACHIEVED, DESIRED))

    class Of(Careful):
        compute_reward = staticmethod(compute)

    rows = np.ones((20, 2))
    GoalReward(Of(), "Of-v0", ("force",))(*goals, rows)
    np.testing.assert_array_equal(rows, np.ones((20, 2)))


@pytest.mark.parametrize(
    ("compute", "expected"),
    [
        (lambda a, d, i: i["distance"], "add --reward_info=distance"),
        (lambda a, d, i: 1 / 0, "ZeroDivisionError"),
        (lambda a, d, i: np.zeros(3), "ValueError: expected one number, got array([0., 0., 0.])"),
        (lambda a, d, i: None, "expected one number"),
    ],
)
def test_what_cannot_be_used_is_one_line_before_anything_is_trained(compute, expected):
    reward = reward_by(compute)  # which an algorithm that relabels nothing never calls
    with pytest.raises(UserError) as error:
        _ = reward.goal_rewards
    assert expected in str(error.value) and "'Of-v0': compute_reward raised" in str(error.value)


@pytest.mark.parametrize(
    ("later", "message"),
    [
        (lambda: 1 / 0, r"compute_reward raised ZeroDivisionError: .*\(test_reward.py, line"),
        (lambda: np.full(20, np.nan), "compute_reward returned nan for achieved_goal"),
    ],
)
def test_what_fails_later_is_one_line_too(later, message):
    faults = []
    reward = reward_by(lambda a, d, i: faults[0]() if faults else -1.0 * far(a, d))
    reward(ACHIEVED, DESIRED)
    faults.append(later)
    with pytest.raises(TrainingError, match=message):
        reward(ACHIEVED, DESIRED)


def test_what_differs_between_goals_is_found_the_same_each_time():
    first, second = (reward_by(lambda a, d, i: 1.0 + np.asarray(d)[..., 0]) for _ in range(2))
    np.testing.assert_array_equal(first.goal_rewards, second.goal_rewards)
    assert np.ptp(first.goal_rewards) > 0.1


# ---- the info that it reads ----

NAME, KEYS = "tests.environments:Careful-v0", ("force", "hard")


def act(observation):
    return np.random.uniform(-1, 1, (len(observation["observation"]), 2)).astype(np.float32)


def own(num_env=2, keys=KEYS, vector=gymnasium.vector.SyncVectorEnv, **kwargs):
    makers = [lambda: gymnasium.wrappers.TimeLimit(Careful(**kwargs), 12)] * num_env
    return as_vec_env(vector(makers), lambda n: list(range(n)), keys)


@pytest.mark.parametrize(("kind", "back_end"), [("Careful", "sync"), ("Careful", "own"), ("Batched", "async")])
def test_relabelled_rewards_are_those_of_the_steps_own_info(kind, back_end):
    name, arguments = NAME.replace("Careful", kind), parse_arguments(None, None, "force, hard")
    env = own(3) if back_end == "own" else make_vec_env(name, 3, [0, 1, 2], back_end, arguments=arguments)
    try:
        reward = env.compute_reward
        buffer = ReplayBuffer(env.spec, HERConfig(), 1000, reward, np.random.default_rng(0), reward.info_size)
        buffer.store(play_episodes(env, act))
        batch = buffer.sample(4, 50)
    finally:
        env.close()
    force = np.abs(batch.action.astype(np.float64))
    reached = np.linalg.norm(batch.next_achieved_goal - batch.desired_goal, axis=-1) < 0.05
    expected = reached - force.sum(-1) - 0.25 * (force.max(-1) > 0.5)
    np.testing.assert_allclose(batch.reward, expected, atol=1e-5)
    assert 0.2 < reached.mean() < 1 and reward.info_size == 3


def test_many_infos_at_once_take_one_call():
    reward, goals, rows = GoalReward(Batched(), "Batched-v0", KEYS), np.zeros((500, 2)), np.ones((500, 3))
    reward(goals, goals, rows)
    before = Batched.calls
    reward(goals, goals, rows)
    assert Batched.calls == before + 1


def test_a_key_that_is_read_and_not_named_is_one_line(capsys):
    assert "if it reads info['force'], add --reward_info=force" in refused(capsys, f"--env={NAME}", "--vec_env=sync")
    line = refused(capsys, f"--env={NAME}", "--vec_env=sync", "--reward_info=force")
    assert "if it reads info['hard'], add --reward_info=force,hard" in line


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("nowhere", "info['nowhere'] is missing; there is force, hard, word"),
        ("word", "info['word'] is 'step', not a number or an array of numbers"),
        ("lengths", "info['lengths'] is int64 of shape (2,), not int64 of shape (1,) as in the first steps"),
    ],
)
def test_what_is_no_row_of_numbers_is_refused_before_anything_is_trained(key, words):
    with pytest.raises(UserError) as error:
        _ = own(keys=(key,)).compute_reward.info_size
    assert words in str(error.value) and f"'unnamed': --reward_info={key}: " in str(error.value)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (dict(force=np.ones(1)), "info['force'] is float64 of shape (1,), not float64 of shape (2,)"),
        (dict(hard=0.5), "info['hard'] is float64 of shape (), not bool"),
        (dict(hard=None), "info['hard'] is None, not a number"),
    ],
)
def test_an_entry_that_changes_later_names_environment_and_step(changed, words):
    env = own(at=11, change=lambda info: info.update(changed))
    with pytest.raises(TrainingError, match="environment 0 .* at step 11 of its episode") as error:
        play_episodes(env, act)
    assert words in str(error.value)


def test_a_vector_that_does_not_pass_it_on_is_refused():
    with pytest.raises(UserError, match="--reward_info needs environments by name"):
        own(vector=gymnasium.vector.AsyncVectorEnv)


def test_a_run_is_stopped_and_resumed_with_the_infos(cwd, eagerly):
    settings = dict(env=NAME, reward_info="force,hard", vec_env="sync", seed=0, **TINY_SETTINGS)
    whole, parts = [], []
    baselines.train(n_epochs=3, callback=whole.append, **settings)
    baselines.train(n_epochs=2, callback=parts.append, log_path="log", **settings)
    baselines.train(resume="log", n_epochs=3, callback=parts.append)
    assert [row["loss/critic"] for row in parts] == [row["loss/critic"] for row in whole]


def test_demonstrations_which_have_no_info_are_refused(cwd):
    with pytest.raises(UserError, match="demonstrations hold no info, but compute_reward reads it"):
        baselines.train(env=NAME, reward_info="force,hard", n_epochs=1, demo_file="none.npz", demo_batch_size=4,
                        **TINY_SETTINGS)  # fmt: skip


def test_rows_and_infos_are_inverse_to_each_other():
    info = {"a": 3, "b": np.array([[1.5, 2], [3, 4]], np.float32), "c": True, "d": "word"}
    entries = info_type(["c", "b", "a"], [info])
    (back,) = as_infos(entries, read_info(entries, info)[None])
    assert list(back) == ["c", "b", "a"] and back["c"].dtype == bool and back["a"].dtype == np.int64
    np.testing.assert_array_equal(back["b"], info["b"])
    assert info_type(["a"], [{"a": 3}, {"a": 0.5}])["a"] == np.float64


# ---- success ----


class Still:
    """A policy that does nothing."""

    def act(self, observation):
        return np.zeros((len(observation["observation"]), 2), np.float32)


def test_evaluation_asks_for_it_only_where_success_follows_from_the_reward():
    assert baselines.evaluate_policy(Still(), NAME, 4, vec_env="sync", reward_info="force,hard").success_rate == 0
    with pytest.raises(UserError, match="add --reward_info=force"):
        baselines.evaluate_policy(Still(), NAME, 4, vec_env="sync")


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

    result = baselines.evaluate_policy(Still(), gymnasium.wrappers.TimeLimit(Counted(), 8), episodes=2)
    assert Counted.steps == 16 and result.mean_length == 8
    assert (result.success_rate is None) is broken


def success_of(value):
    class Of(PointReach):
        def step(self, action):
            return *super().step(action)[:4], {"is_success": value}

    env = as_vec_env(gymnasium.wrappers.TimeLimit(Of(), 4), lambda n: [0])
    return play_episodes(env, Still().act).success.tolist()


@pytest.mark.parametrize("value", [True, [True], np.float32(1)])
def test_a_success_in_an_array_of_one_is_one(value):
    assert success_of(value) == [True]


@pytest.mark.parametrize("value", ["False", np.nan, {"a": True}, [True, False], None, 0.5, 2])
def test_a_success_that_is_neither_true_nor_false_is_one_line(value):
    with pytest.raises(TrainingError, match=r"environment 0 returned .* as info\['is_success'\], not True or False"):
        success_of(value)
