"""Tasks as users have them: offsets of rewards, success by reward, and warnings about likely mistakes."""

import gymnasium
import numpy as np
import pytest

import baselines
from baselines.envs import as_vec_env
from baselines.envs.reward import GoalReward
from baselines.her.checks import different_rewards, warnings
from baselines.her.experiment.config import HERConfig
from baselines.her.types import Episodes
from tests.helpers import TINY_SETTINGS, goal_spec, play_episodes, straight
from tests.her.tasks import Task, make_task

pytestmark = pytest.mark.usefixtures("eagerly")


def losses_of(capsys, pay, **settings):
    """Return the critic's losses of a run, and whether it announces that rewards are learnt less what a goal pays."""
    rows, env = [], make_task(pay=pay)
    baselines.train(env=env, eval_env=env, seed=0, n_epochs=2, callback=rows.append, **TINY_SETTINGS, **settings)
    return [row["loss/critic"] for row in rows], "the reward at the goal is" in capsys.readouterr().out


def test_rewards_are_learnt_less_what_the_goal_pays_where_returns_are_bounded(capsys):
    plain, announced = losses_of(capsys, (0.0, -1.0))
    assert not announced
    for pay in ((1.0, 0.0), (-3.0, -4.0)):
        assert losses_of(capsys, pay) == (pytest.approx(plain, rel=1e-5), True)
    assert not losses_of(capsys, (1.0, 0.0), clip_return=False)[1]


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


class Broken(gymnasium.ObservationWrapper):
    """Shows a sensor that is out of order."""

    def __init__(self, env):
        super().__init__(env)
        sensor = gymnasium.spaces.Box(-1, 1, (3,))
        self.observation_space = gymnasium.spaces.Dict({**env.observation_space.spaces, "sensor": sensor})

    def observation(self, observation):
        return {**observation, "sensor": np.full(3, np.nan)}


def test_what_nobody_reads_disturbs_nobody(capsys, tmp_path):
    rows = {True: [], False: []}
    for is_broken, its in rows.items():
        env = Broken(make_task()) if is_broken else make_task()
        agent = baselines.train(env=env, eval_env=env, seed=0, n_epochs=1, callback=its.append, **TINY_SETTINGS)
        told = "entries of the observation that are not used: sensor" in capsys.readouterr().out
        assert told == is_broken
        agent.save(tmp_path / "policy.safetensors")
        policy = baselines.load_policy(tmp_path / "policy.safetensors")
        figures = [
            baselines.evaluate_policy(policy, env=e, episodes=2, seed=0) for e in (Broken(make_task()), make_task())
        ]
        assert figures[0] == figures[1] and figures[0].mean_length > 0
    assert rows[True][0]["loss/critic"] == rows[False][0]["loss/critic"]


class Shaped(gymnasium.Wrapper):
    """Its step pays less than compute_reward."""

    def step(self, action):
        observation, reward, *rest = self.env.step(action)
        return observation, reward - 0.5, *rest


class Flees(gymnasium.Wrapper):
    """Pays the distance from the goal."""

    def compute_reward(self, achieved_goal, desired_goal, info):
        return np.linalg.norm(achieved_goal - desired_goal, axis=-1)


class Own(gymnasium.Wrapper):
    """Compares with the goal that the environment keeps."""

    def compute_reward(self, achieved_goal, desired_goal, info):
        return self.env.unwrapped.compute_reward(achieved_goal, self.env.unwrapped._goal, info)


class Blind(gymnasium.Wrapper):
    """Pays always the same."""

    def compute_reward(self, achieved_goal, desired_goal, info):
        return -np.ones(np.shape(achieved_goal)[:-1])


class Stricter(gymnasium.Wrapper):
    """Succeeds only in its first episodes, in `compute_reward` or, where `step_only`, in `step`."""

    def __init__(self, env, step_only):
        super().__init__(env)
        self.count, self.step_only = 0, step_only

    def step(self, action):
        self.count += 1
        shown, reward, *rest = self.env.step(action)
        return shown, reward - 0.5 * (self.step_only and self.count > 60), *rest

    def compute_reward(self, achieved_goal, desired_goal, info):
        later = 0.5 * (not self.step_only and self.count > 60)
        return self.env.unwrapped.compute_reward(achieved_goal, desired_goal, info) - later


class Falling(gymnasium.Wrapper):
    """Ends at its 3rd step, as a robot that falls."""

    def step(self, action):
        self.count = getattr(self, "count", 0) + 1
        observation, reward, *_, info = self.env.step(action)
        return observation, reward, self.count % 3 == 0, False, info


@pytest.mark.parametrize(
    ("env", "settings", "expected"),
    [
        (make_task(), {}, None),
        (make_task(scale=1000.0), {}, "which clip_obs=200 cuts off: add --clip_obs="),
        (make_task(far=5e5, scale=0.1), dict(clip_obs=1e6), "float32 cannot tell such goals apart. Subtract a const"),
        (make_task(pay=(0.0, -12.0)), {}, "rewards reach 12 below the reward at the goal, but clip_return expects at"),
        (Shaped(make_task()), {},
         "compute_reward gives -1 where step returned -1.5 (environment 0, step 1; 30 of 30 steps differ)"),
        (Flees(make_task()), {}, "pays less at the goal (0) than elsewhere"),
        (make_task(pay=(-1.0, 0.0)), {}, "pays less at the goal (-1) than elsewhere (on average 0)"),
        (Own(make_task()), {}, "compute_reward ignores desired_goal"),
        (Blind(make_task()), {}, "compute_reward ignores achieved_goal"),
        (Stricter(make_task(), True), {}, "30 of 30 steps differ"),
        (Stricter(make_task(), False), {}, "30 of 30 steps differ"),
        (Falling(make_task()), {}, "failing early is rewarded. Use --terminated_value=by_success"),
        (Falling(make_task()), dict(terminated_value="bootstrap"), None),
        (Falling(make_task(pay=(1.0, 0.0))), {}, None),
    ],
)  # fmt: skip
def test_what_would_not_learn_is_warned_of_once_with_the_setting_or_the_entry(env, settings, expected, capsys):
    baselines.train(env=env, eval_env=env, seed=0, n_epochs=2, **TINY_SETTINGS, **settings)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]
    assert any(expected in line for line in lines) if expected else not lines, lines
    assert len(lines) == len(set(lines)) <= 3


def test_no_warning_of_a_block_that_nobody_touched_or_of_rounding_at_the_tolerance():
    rng, env = np.random.default_rng(0), make_task()
    episodes = Episodes.zeros(goal_spec("any", 2, 2, 2, 30), 1)
    episodes.desired_goal[:] = env.reset(seed=0)[0]["desired_goal"]
    episodes.achieved_goal[:] = episodes.desired_goal[:, :1] + np.array([0.05, 0]) + rng.normal(0, 4e-9, (1, 31, 2))
    for reward in (0, -1):
        episodes.reward[:] = reward
        compute_reward = GoalReward(env, "Task-v0")
        assert not different_rewards(compute_reward, episodes)
        assert not list(warnings(HERConfig(), compute_reward, episodes))


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
    reward = GoalReward(Task(pay=(0.0, -1.0)), "Task-v0")
    assert not different_rewards(reward, episodes)
    lines = warnings(HERConfig(clip_obs=1e9), reward, episodes)
    assert [line for line in lines if "float32" not in line] == []
