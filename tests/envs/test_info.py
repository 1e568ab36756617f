"""A compute_reward that reads `info` gets that of the transition."""

import gymnasium
import numpy as np
import pytest
from baselines.her.her import make_buffer

import baselines
from baselines.common.errors import TrainingError, UserError
from baselines.envs import as_vec_env, make_vec_env
from baselines.envs.info import InfoLayout, NotedInfo
from baselines.envs.reward import reward_function
from baselines.her.experiment.config import HERConfig
from baselines.her.rollout import roll_out
from tests.environments import PointReach
from tests.helpers import TINY_SETTINGS


class Careful(PointReach):
    """Pays less where the step was forceful, which the goals do not show."""

    def __init__(self, odd_at=None, odd=None, **kwargs):
        super().__init__(**kwargs)
        self.odd_at, self.odd = odd_at, odd

    def step(self, action):
        self._steps += 1
        self._position = np.clip(self._position + 0.1 * action, -1, 1)
        force = np.abs(np.asarray(action, np.float64))
        info = {"force": force, "hard": np.bool_(force.max() > 0.5), "word": "step", "count": self._steps}
        if self._steps == self.odd_at:
            info.pop("force") if self.odd is None else info.update(force=self.odd)
        paid = {"force": force, "hard": force.max() > 0.5}
        return self._observe(), self.compute_reward(self._position, self._goal, paid), False, False, info

    def compute_reward(self, achieved_goal, desired_goal, info):
        if not info:
            raise KeyError("force")
        reached = np.linalg.norm(np.asarray(achieved_goal) - desired_goal) < 0.05
        return float(reached) - float(info["force"].sum()) - 0.25 * info["hard"]


class Batched(Careful):
    """For many goals and an array of infos at once, as Stable-Baselines3 calls it."""

    calls = 0

    def compute_reward(self, achieved_goal, desired_goal, info):
        Batched.calls += 1
        if isinstance(info, dict):
            return super().compute_reward(achieved_goal, desired_goal, info)
        reached = np.linalg.norm(achieved_goal - desired_goal, axis=-1) < 0.05
        return reached - np.array([i["force"].sum() + 0.25 * i["hard"] for i in info])


for kind in (Careful, Batched):
    gymnasium.register(f"{kind.__name__}-v0", kind, max_episode_steps=12)


def act(observation, alive):
    return np.random.default_rng(len(alive)).uniform(-1, 1, (len(alive), 2)).astype(np.float32)


def made(kind, back_end, num_env=3, **kwargs):
    if back_end == "own":
        makers = [lambda: gymnasium.wrappers.TimeLimit(kind(**kwargs), 12)] * num_env
        return as_vec_env(gymnasium.vector.SyncVectorEnv(makers), lambda n: list(range(n)))
    return make_vec_env(f"tests.envs.test_info:{kind.__name__}-v0", num_env, [*range(num_env)], back_end)


@pytest.mark.parametrize("kind", [Careful, Batched])
@pytest.mark.parametrize("back_end", ["sync", "async", "own"])
def test_relabelled_rewards_are_those_of_the_steps_own_info(kind, back_end):
    env = made(kind, back_end)
    try:
        _ = env.compute_reward.at_goal
        assert [(e.name, e.shape) for e in env.compute_reward.layout.entries] == [("force", (2,)), ("hard", ())]
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


def test_many_infos_at_once_take_few_calls():
    reward = reward_function(Batched(), "Batched-v0")
    _ = reward.at_goal
    rows = np.repeat(reward._seen[:1], 500, 0)
    reward(np.zeros((500, 2)), np.zeros((500, 2)), rows)
    before = Batched.calls
    reward(np.zeros((500, 2)), np.zeros((500, 2)), rows)
    assert Batched.calls == before + 1


def test_what_reads_no_info_keeps_none():
    env = as_vec_env(gymnasium.wrappers.TimeLimit(PointReach(), 12), lambda n: [0] * n)
    _ = env.compute_reward.at_goal
    assert env.compute_reward.layout.size == 0
    assert roll_out(env, act).info.shape == (1, 12, 0)


@pytest.mark.parametrize("odd", [None, np.array([0.5]), np.array([np.nan, 0])], ids=str)
def test_an_entry_that_is_missing_later_is_one_line(odd):
    env = made(Careful, "own", odd_at=11, odd=odd)
    with pytest.raises(TrainingError) as error:
        _ = env.compute_reward.at_goal
        roll_out(env, act)
    assert "environment" in str(error.value)
    # Gymnasium's vectors find some of it.
    assert "expects 'force' float64 [2], 'hard' bool []" in str(error.value) or "could not broadcast" in str(
        error.value
    )


@pytest.mark.parametrize(
    ("read", "words"),
    [
        ("word", "it reads info['word'], a str: only numbers and arrays of them can be kept"),
        ("nowhere", "KeyError: 'nowhere'"),
        ("at_times", "it reads info['at_times'], which not every step returns"),
        ("of_lengths", "it reads info['of_lengths'], whose shape differs between steps"),
        ("nested", "it reads info['nested'], a dict: only numbers"),
        ("none", "it reads info['none'], a NoneType: only numbers"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_trained(read, words):
    class Of(PointReach):
        def step(self, action):
            self._steps += 1
            info = {"word": "step", "nested": {"a": 1}, "none": None, "of_lengths": [0] * self._steps}
            return self._observe(), 0.0, False, False, info | ({"at_times": "x"} if self._steps % 2 else {})

        def compute_reward(self, achieved_goal, desired_goal, info):
            return -1.0 if info.get(read) or info[read] is None else 0.0

    with pytest.raises(UserError, match="compute_reward raised") as error:
        _ = reward_function(Of(), "Of-v0").at_goal
    assert words in str(error.value)


def test_a_run_is_stopped_and_resumed_with_the_infos(cwd):
    settings = dict(env="tests.envs.test_info:Careful-v0", seed=0, **TINY_SETTINGS)
    whole, parts = [], []
    baselines.train(n_epochs=3, callback=whole.append, **settings)
    baselines.train(n_epochs=2, callback=parts.append, log_path="log", **settings)
    baselines.train(resume="log", n_epochs=3, callback=parts.append)
    assert [row["loss/critic"] for row in parts] == [row["loss/critic"] for row in whole]


def test_demonstrations_which_have_no_info_are_refused(cwd):
    with pytest.raises(UserError, match="demonstrations hold no info, of which compute_reward reads force, hard"):
        baselines.train(env="tests.envs.test_info:Careful-v0", n_epochs=1, demo_file="none.npz",
                        demo_batch_size=4, **TINY_SETTINGS)  # fmt: skip


def test_every_way_of_reading_is_noted():
    ways = [lambda i: i.get("a"), lambda i: "a" in i, lambda i: list(i), lambda i: dict(**i), lambda i: i.items(),
            lambda i: i.values(), lambda i: dict(i), lambda i: i["a"]]  # fmt: skip
    for way in ways:
        info = NotedInfo({"a": 1})
        way(info)
        assert info.used and list(info.read) == ["a"]
    info = NotedInfo({})
    assert not info and info.used


def test_rows_and_infos_are_inverse_to_each_other():
    info = {"a": 3, "b": np.array([[1.5, 2], [3, 4]], np.float32), "c": True, "d": "word"}
    layout = InfoLayout.of([info], ["c", "b", "a"])
    (back,) = layout.infos(layout.row(info)[None])
    assert list(back) == ["c", "b", "a"] and back["c"].dtype == bool and back["a"] == 3
    np.testing.assert_array_equal(back["b"], info["b"])
    assert np.isnan(layout.row({"a": 3, "b": info["b"]})[0])
    assert np.isnan(layout.row({**info, "a": 3.5})[-1])  # which its type, a whole number, would cut off


# ---- odd infos ----


class Costly(PointReach):
    """A step costs what `costs(steps, index)` says, but at the goal; success is not said."""

    def __init__(self, costs, reads, index=0, lasts=99):
        super().__init__()
        self.costs, self.reads, self.index, self.lasts = costs, reads, index, lasts

    def step(self, action):
        self._steps += 1
        self._position = np.clip(self._position + 0.1 * action, -1, 1)
        cost = self.costs(self._steps, self.index)
        info = {} if cost is None else {"cost": cost}
        paid = self.compute_reward(self._position, self._goal, info)
        return self._observe(), paid, self._steps == self.lasts, False, info

    def compute_reward(self, achieved_goal, desired_goal, info):
        reached = np.linalg.norm(np.asarray(achieved_goal) - desired_goal) < 0.05
        return 0.0 if reached else -1.0 - self.reads(info)


def costly(costs, reads=lambda info: info["cost"], kind=gymnasium.vector.SyncVectorEnv, lasts=(99, 99)):
    makers = [
        lambda i=i: gymnasium.wrappers.TimeLimit(Costly(costs, reads, i, lasts[i]), 12) for i in range(len(lasts))
    ]
    return as_vec_env(kind(makers), lambda n: list(range(n)))


WAYS = [lambda i: i["cost"], lambda i: i.get("cost", 0), lambda i: i.copy()["cost"], lambda i: (i | {})["cost"],
        lambda i: dict(i)["cost"]]  # fmt: skip


@pytest.mark.parametrize("reads", WAYS)
def test_what_is_read_away_from_the_goal_alone_counts_too(reads):
    env = costly(lambda step, index: 0 if index == 0 and step == 1 else 0.5 + index, reads)
    _ = env.compute_reward.at_goal
    buffer = make_buffer(env, HERConfig(replay_strategy="none"), 1000, np.random.default_rng(0))
    episodes = roll_out(env, act)
    buffer.store(episodes)
    batch = buffer.sample(1, 300)
    env._vector.close()
    stored = {
        tuple(o): r for o, r in zip(episodes.observation[:, 1:].reshape(-1, 2), episodes.reward.ravel(), strict=True)
    }
    expected = [stored[tuple(o)] for o in batch.next_observation[0]]
    np.testing.assert_allclose(batch.reward[0], expected, atol=1e-6)
    assert len(set(expected)) >= 3


@pytest.mark.parametrize("costs", [lambda s, i: 0.5, lambda s, i: int(s > 3), lambda s, i: np.bool_(s > 3)])
def test_an_episode_that_ends_early_does_not_ask_for_the_info_of_its_reset(costs):
    env = costly(costs, lasts=(3, 99))
    _ = env.compute_reward.at_goal
    assert roll_out(env, act).length.tolist() == [3, 12]


def test_an_entry_that_appears_later_is_one_line():
    env = costly(lambda s, i: 0.5 if s == 11 else None, lambda info: info.get("cost", 0))
    _ = env.compute_reward.at_goal
    with pytest.raises(TrainingError, match="returned another info at step 11 .* expects no 'cost'"):
        roll_out(env, act)


def test_a_whole_number_that_becomes_another_is_one_line():
    env = costly(lambda s, i: 0.5 if s == 11 else 1)
    _ = env.compute_reward.at_goal
    with pytest.raises(TrainingError, match="returned another info at step 11 .* expects 'cost' int64"):
        roll_out(env, act)


@pytest.mark.parametrize("broken", [False, True])
def test_evaluating_steps_and_resets_a_users_environment_no_more_than_it_plays(broken):
    class Still:
        def act(self, observation):
            return np.zeros((len(observation["observation"]), 2), np.float32)

    class Counted(Costly):
        steps = 0

        def compute_reward(self, achieved_goal, desired_goal, info):
            if broken:
                raise RuntimeError("no simulator here")
            return super().compute_reward(achieved_goal, desired_goal, info)

        def step(self, action):
            Counted.steps += 1
            return self._observe(), -1.0, False, False, {"cost": 0.5}

    env = gymnasium.wrappers.TimeLimit(Counted(None, lambda info: info["cost"]), 8)
    found = baselines.evaluate_policy(Still(), env, episodes=2)
    assert Counted.steps == 16 and found.mean_length == 8
    assert (found.success_rate is None) is broken


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
