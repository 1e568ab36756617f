"""Tasks as users have them: offsets of rewards, success by reward, and warnings about likely mistakes."""

import gymnasium
import numpy as np
import pytest

import baselines
from baselines.envs import as_vec_env
from baselines.envs.reward import reward_function
from baselines.her.checks import warnings_about
from baselines.her.experiment.config import HERConfig
from baselines.her.types import Episodes
from tests.helpers import TINY_SETTINGS, goal_spec, play_episodes, straight
from tests.her.tasks import Task, make_task

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.mark.parametrize(("pay", "shift"), [((1.0, 0.0), 1), ((-3.0, -4.0), -3), ((0.0, -1.0), 0)])
def test_rewards_are_learnt_less_what_the_goal_pays(pay, shift, capsys):
    rows, env = [], make_task(pay=pay)
    baselines.train(env=env, eval_env=env, seed=0, n_epochs=2, callback=rows.append, **TINY_SETTINGS)
    plain, env = [], make_task()
    baselines.train(env=env, eval_env=env, seed=0, n_epochs=2, callback=plain.append, **TINY_SETTINGS)
    assert [row["loss/critic"] for row in rows] == pytest.approx([row["loss/critic"] for row in plain], rel=1e-5)
    assert ("the reward at the goal is" in capsys.readouterr().out) is bool(shift)


def test_without_bounds_on_returns_rewards_stay_as_they_are(capsys):
    baselines.train(env=make_task(pay=(1.0, 0.0)), seed=0, n_epochs=1, clip_return=False, **TINY_SETTINGS)
    assert "the reward at the goal is" not in capsys.readouterr().out


@pytest.mark.parametrize("pay", [(0.0, -1.0), (1.0, 0.0)])
def test_success_is_a_reward_as_at_the_goal_where_the_environment_does_not_say(pay, capsys):
    def successes(says, noise):
        env = as_vec_env(make_task(pay=pay, says=says), lambda n: [0] * n)
        rng = np.random.default_rng(0)

        def act(observation):
            return np.clip(straight(observation) + noise * rng.normal(size=2), -1, 1).astype(np.float32)

        found = [bool(play_episodes(env, act).success[0]) for _ in range(30)]
        assert env.reports_success is says
        return found

    for noise in (0, 0.3):
        assert successes(False, noise) == successes(True, noise)
    assert 0 < np.mean(successes(True, 0.3)) < 1 == np.mean(successes(True, 0))
    baselines.train(env=make_task(says=False), seed=0, n_epochs=2, **TINY_SETTINGS)
    assert capsys.readouterr().out.count("success is a reward as at the goal") == 1


# ---- warnings ----


def said(capsys, settings=None, **kwargs):
    env = make_task(**kwargs)
    baselines.train(env=env, eval_env=env, seed=0, n_epochs=2, **{**TINY_SETTINGS, **(settings or {})})
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]


def test_nothing_is_said_of_a_task_as_it_should_be(capsys):
    assert said(capsys) == []


@pytest.mark.parametrize(
    ("kwargs", "settings", "expected"),
    [
        (dict(scale=1000.0), {}, "which clip_obs=200 cuts off: add --clip_obs="),
        (dict(far=5e5, scale=0.1), dict(clip_obs=1e6), "float32 cannot tell such goals apart. Subtract a constant"),
        (
            dict(pay=(0.0, -12.0)),
            {},
            "rewards reach 12 below the reward at the goal, but clip_return expects at most 1 below",
        ),
    ],
)
def test_what_would_not_learn_is_said_once_with_the_setting_or_the_entry(kwargs, settings, expected, capsys):
    lines = said(capsys, settings, **kwargs)
    assert any(expected in line for line in lines), lines
    assert len(lines) == len(set(lines)) <= 3


def test_a_reward_that_is_not_that_of_step_is_said_with_both(capsys):
    class Shaped(gymnasium.Wrapper):
        def step(self, action):
            observation, reward, *rest = self.env.step(action)
            return observation, reward - 0.5, *rest

    env = Shaped(make_task())
    baselines.train(env=env, eval_env=env, seed=0, n_epochs=1, **TINY_SETTINGS)
    out = capsys.readouterr().out
    assert "warning: compute_reward gives -1 where step returned -1.5 (environment 0, step 1; 30 of 30 steps" in out


class Falling(gymnasium.Wrapper):
    """Ends at its 3rd step, as a robot that falls."""

    def step(self, action):
        self.count = getattr(self, "count", 0) + 1
        observation, reward, *_, info = self.env.step(action)
        return observation, reward, self.count % 3 == 0, False, info


@pytest.mark.parametrize(
    ("pay", "settings", "warned"),
    [((0.0, -1.0), {}, True), ((0.0, -1.0), dict(bootstrap_terminated=True), False), ((1.0, 0.0), {}, False)],
)
def test_where_failing_soon_pays_is_said_with_the_setting(pay, settings, warned, capsys):
    env = Falling(make_task(pay=pay))
    baselines.train(env=env, eval_env=env, seed=0, n_epochs=1, **{**TINY_SETTINGS, **settings})
    assert ("failing early is rewarded. Use --bootstrap_terminated=True" in capsys.readouterr().out) is warned


def test_checks_look_only_at_valid_steps():
    rng = np.random.default_rng(0)
    episodes = Episodes.zeros(goal_spec("any", 3, 2, 1, 10), 2)._replace(length=np.array([3, 7], np.int32))
    for name in ("observation", "achieved_goal"):
        column = getattr(episodes, name)
        column[:] = rng.uniform(-1, 1, column.shape)
    episodes.reward[:] = -1
    episodes.observation[0, 4:] = 1e9  # after its end
    episodes.reward[0, 3:] = -100
    episodes.desired_goal[:] = 1e6 * episodes.achieved_goal[:, :-1] + 1  # nowhere near
    reward = reward_function(Task(pay=(0.0, -1.0)), "Task-v0")
    lines = warnings_about(episodes, HERConfig(clip_obs=1e9), reward)
    assert [line for line in lines if "float32" not in line] == []
