"""A compute_reward that reads `info` gets that of the transition."""

import gymnasium
import numpy as np
import pytest

import baselines
from baselines.common.errors import TrainingError, UserError
from baselines.common.vec_env import as_vec_env, make_vec_env
from baselines.common.vec_env.info import InfoLayout, NotedInfo
from baselines.common.vec_env.reward import reward_function
from baselines.her.experiment.config import HERConfig
from baselines.her.her import make_buffer
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
    return make_vec_env(f"tests.common.vec_env.test_info:{kind.__name__}-v0", num_env, [*range(num_env)], back_end)


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


@pytest.mark.parametrize(
    ("odd", "words"),
    [(None, "missing"), (np.array([0.5]), "another shape"), (np.array([np.nan, 0]), "NaN")],
    ids=str,
)
def test_an_entry_that_is_missing_later_is_one_line(odd, words):
    env = made(Careful, "own", odd_at=11, odd=odd)
    with pytest.raises(TrainingError) as error:
        _ = env.compute_reward.at_goal
        roll_out(env, act)
    assert "environment" in str(error.value)
    assert words in str(error.value) or "could not broadcast" in str(error.value)  # which Gymnasium's vectors find


@pytest.mark.parametrize(
    ("read", "words"),
    [
        ("word", "it reads info['word'], a str: only numbers and arrays of them can be kept"),
        ("nowhere", "KeyError: 'nowhere'"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_trained(read, words):
    class Of(PointReach):
        def step(self, action):
            return self._observe(), 0.0, False, False, {"word": "step"}

        def compute_reward(self, achieved_goal, desired_goal, info):
            return -float(len(info[read]))

    with pytest.raises(UserError, match="compute_reward raised") as error:
        _ = reward_function(Of(), "Of-v0").at_goal
    assert words in str(error.value)


def test_a_run_is_stopped_and_resumed_with_the_infos(cwd):
    settings = dict(env="tests.common.vec_env.test_info:Careful-v0", seed=0, **TINY_SETTINGS)
    whole, parts = [], []
    baselines.train(n_epochs=3, callback=whole.append, **settings)
    baselines.train(n_epochs=2, callback=parts.append, log_path="log", **settings)
    baselines.train(resume="log", n_epochs=3, callback=parts.append)
    assert [row["loss/critic"] for row in parts] == [row["loss/critic"] for row in whole]


def test_demonstrations_which_have_no_info_are_refused(cwd):
    with pytest.raises(UserError, match="demonstrations hold no info, of which compute_reward reads force, hard"):
        baselines.train(env="tests.common.vec_env.test_info:Careful-v0", n_epochs=1, demo_file="none.npz",
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
    layout = InfoLayout.of(info, ["c", "b", "a"])
    (back,) = layout.infos(layout.row(info)[None])
    assert list(back) == ["c", "b", "a"] and back["c"].dtype == bool and back["a"] == 3
    np.testing.assert_array_equal(back["b"], info["b"])
    assert np.isnan(layout.row({"a": 3, "b": info["b"]})[0])
