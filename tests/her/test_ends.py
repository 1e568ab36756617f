"""Episodes that end by themselves: what follows the end is not bootstrapped, unless `bootstrap_terminated` says so."""

import json
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import tensorflow as tf
from baselines.her.her import make_buffer

import baselines
from baselines.envs import as_vec_env, make_vec_env
from baselines.her import losses
from baselines.her.checks import end_value
from baselines.her.demonstrations import read_demonstrations
from baselines.her.experiment.config import HERConfig
from baselines.her.rollout import roll_out
from tests.environments import PointReach
from tests.helpers import TINY_SETTINGS
from tests.her.measures import make_constant, transitions


class Ending(PointReach):
    """Terminates at the goal, or after `lasts` steps; pays `pay` there and one less elsewhere."""

    def __init__(self, lasts=99, pay=0.0, **kwargs):
        super().__init__(**kwargs)
        self.lasts, self.pay = lasts, pay

    def step(self, action):
        observation, reward, _, truncated, info = super().step(action)
        return observation, reward, bool(info["is_success"]) or self._steps == self.lasts, truncated, info

    def compute_reward(self, achieved_goal, desired_goal, info):
        return super().compute_reward(achieved_goal, desired_goal, info) + np.float32(self.pay)


gymnasium.register("Ending-v0", Ending, max_episode_steps=30)


def of(*lasts, limit=10):
    makers = [lambda n=n: gymnasium.wrappers.TimeLimit(Ending(n), limit) for n in lasts]
    return as_vec_env(gymnasium.vector.SyncVectorEnv(makers), lambda n: list(range(n)))


def away(observation, alive):
    return -0.1 * np.sign(observation["desired_goal"] - observation["achieved_goal"])


def test_only_the_last_step_of_an_episode_that_terminated_is_an_end():
    env = of(4, 99, 10, 7)
    episodes = roll_out(env, away)
    assert episodes.length.tolist() == [4, 10, 10, 7]
    assert episodes.terminated.tolist() == [True, False, True, True]  # the third at its time limit, too
    buffer = make_buffer(env, HERConfig(), 1000, np.random.default_rng(0))
    buffer.store(episodes)
    batch = buffer.sample(1, 2000)
    last = [episodes.observation[i, episodes.length[i]] for i in (0, 2, 3)]
    is_last = np.array([[any((o == end).all() for end in last) for o in batch.next_observation[0]]])
    np.testing.assert_array_equal(batch.terminated, is_last)
    assert 0.02 < batch.terminated.mean() < 0.3


def test_the_target_of_an_end_is_the_reward_and_what_an_end_is_worth():
    reward, value = tf.constant([[-1.0], [-1.0], [0.0]]), tf.constant([[-10.0], [-10.0], [-10.0]])
    ended = tf.constant([[True], [False], [True]])
    found = losses.bellman_target_with_ends(reward, value, ended, 0.0, 0.9, -100, 0)
    np.testing.assert_allclose(found, [[-1], [-10], [0]], rtol=1e-6)
    found = losses.bellman_target_with_ends(reward, value, ended, -5.0, 0.9, -9, 0)
    np.testing.assert_allclose(found, [[-5.5], [-9], [-4.5]], rtol=1e-6)


@pytest.mark.parametrize(("settings", "of_an_end"), [({}, 1.0), (dict(bootstrap_terminated=True), 6.4**2)])
def test_the_setting_bootstraps_ends_too(settings, of_an_end):
    """Q' is -6, the main Q 0 (the discount 0.9): the loss is the squared target."""
    agent = baselines.train(env=of(4), n_epochs=0, seed=0, gamma=0.9, **settings, **TINY_SETTINGS)
    batch = transitions(agent, reward=-1)

    def loss(ends):
        make_constant(agent, target_Q=-6.0)
        marked = batch._replace(terminated=np.arange(len(batch.reward)) < ends)
        return agent.train(type(batch)(*(x[None] for x in marked)))["loss/critic"]

    assert loss(4) == pytest.approx(of_an_end, rel=1e-5)
    assert loss(0) == pytest.approx(6.4**2, rel=1e-5)
    assert loss(1) == pytest.approx((of_an_end + 3 * 6.4**2) / 4, rel=1e-5)


def test_an_end_is_worth_what_a_constant_less_at_every_step_makes_of_it():
    def value(pay, **settings):
        env = as_vec_env(gymnasium.wrappers.TimeLimit(Ending(pay=pay), 10), lambda n: [0] * n)
        return end_value(HERConfig(gamma=0.9, **settings), env.compute_reward, 10)

    assert value(0.0) == 0 and value(1.0) == pytest.approx(-10) and value(-3.0) == pytest.approx(30)
    assert value(1.0, clip_return=False) == 0


QUICK = dict(hidden=64, layers=2, n_cycles=10, n_batches=40, batch_size=128, polyak=0.8, action_l2=0.1, n_epochs=15)


@pytest.mark.slow
@pytest.mark.parametrize("pay", [0.0, 1.0])
def test_a_task_that_ends_at_its_goal_is_learnt(pay):
    env, rows = gymnasium.wrappers.TimeLimit(Ending(pay=pay), 30), []
    baselines.train(env=env, eval_env=env, seed=0, callback=rows.append, **QUICK)
    assert rows[-1]["test/success_rate"] > 0.9


def test_a_run_that_was_begun_before_the_setting_goes_on_as_it_began(cwd):
    settings = dict(env="tests.her.test_ends:Ending-v0", seed=0, env_kwargs={"lasts": 5}, **TINY_SETTINGS)
    whole, parts = [], []
    baselines.train(n_epochs=3, callback=whole.append, bootstrap_terminated=True, **settings)
    baselines.train(n_epochs=2, callback=parts.append, bootstrap_terminated=True, log_path="log", **settings)
    config = json.loads(Path("log/config.json").read_text())
    (holder,) = (
        part for part in (config, *config.values()) if isinstance(part, dict) and "bootstrap_terminated" in part
    )
    del holder["bootstrap_terminated"]
    Path("log/config.json").write_text(json.dumps(config))
    baselines.train(resume="log", n_epochs=3, callback=parts.append)
    assert [row["loss/critic"] for row in parts] == [row["loss/critic"] for row in whole]


def test_ends_are_kept_in_demonstrations_and_in_checkpoints(cwd):
    settings = dict(env="tests.her.test_ends:Ending-v0", seed=0, env_kwargs={"lasts": 5}, **TINY_SETTINGS)
    whole, parts = [], []
    baselines.train(n_epochs=3, callback=whole.append, **settings)
    baselines.train(n_epochs=2, callback=parts.append, log_path="log", save_path="saved", **settings)
    baselines.train(resume="log", n_epochs=3, callback=parts.append)
    assert [row["loss/critic"] for row in parts] == [row["loss/critic"] for row in whole]
    from baselines import play

    play.main(["--load_path=saved", "--env=tests.her.test_ends:Ending-v0", "--env_kwargs=lasts=5", "--episodes=2",
               "--record_demos=demos.npz", "--keep_failures"])  # fmt: skip
    env = make_vec_env("tests.her.test_ends:Ending-v0", 1, [0], "sync")
    found = read_demonstrations("demos.npz", env.spec)
    assert found.terminated.tolist() == [True, True] and found.length.tolist() == [5, 5]
