"""Tasks as users have them: other rewards, units, ends, bits; what cannot be learnt is said in a line."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import baselines
from baselines.envs import as_vec_env
from baselines.envs.reward import reward_function
from baselines.her.checks import warnings_of
from baselines.her.experiment.config import HERConfig
from baselines.her.rollout import roll_out
from tests.environments import PointReach
from tests.helpers import TINY_SETTINGS, straight


class Task(PointReach):
    """PointReach with `pay` in place of 0 and -1, places `scale` times as large and `far` away."""

    def __init__(self, pay=(0.0, -1.0), scale=1.0, far=0.0, says=True, bounds=1.0):
        super().__init__()
        self.pay, self.scale, self.far, self.says, self.bounds = pay, scale, far, says, bounds
        self.action_space = spaces.Box(-np.float32(bounds), np.float32(bounds), (2,))
        plane = spaces.Box(far - scale, far + scale, (2,), np.float64)
        self.observation_space = spaces.Dict(observation=plane, achieved_goal=plane, desired_goal=plane)

    def step(self, action):
        assert self.action_space.contains(action)
        observation, _, *ends, _ = super().step(action / self.bounds)
        reward = self.compute_reward(observation["achieved_goal"], observation["desired_goal"], {})
        return observation, reward, *ends, {"is_success": reward == self.pay[0]} if self.says else {}

    def compute_reward(self, achieved_goal, desired_goal, info):
        missed = np.linalg.norm(np.asarray(achieved_goal) - desired_goal, axis=-1) > 0.05 * self.scale
        return np.where(missed, self.pay[1], self.pay[0])

    def _observe(self):
        return {key: self.far + self.scale * x for key, x in super()._observe().items()}


def made(**kwargs):
    return gymnasium.wrappers.TimeLimit(Task(**kwargs), 30)


QUICK = dict(hidden=64, layers=2, n_cycles=10, n_batches=40, batch_size=128, polyak=0.8, action_l2=0.1, n_epochs=15)


def last_success(env, **settings):
    rows = []
    baselines.train(env=env, eval_env=env, seed=0, callback=rows.append, **{**QUICK, **settings})
    return rows[-1]["test/success_rate"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "kwargs",
    [dict(pay=(1.0, 0.0)), dict(pay=(2.0, 1.0)), dict(bounds=5.0), dict(says=False), dict(scale=0.01)],
    ids=str,
)
def test_it_is_learnt_with_other_rewards_bounds_and_units_and_where_success_is_not_said(kwargs):
    assert last_success(made(**kwargs)) > 0.9


@pytest.mark.parametrize(("pay", "shift"), [((1.0, 0.0), 1), ((-3.0, -4.0), -3), ((0.0, -1.0), 0)])
def test_rewards_are_learnt_less_what_the_goal_pays(pay, shift, capsys):
    rows, env = [], made(pay=pay)
    baselines.train(env=env, eval_env=env, seed=0, n_epochs=2, callback=rows.append, **TINY_SETTINGS)
    plain, env = [], made()
    baselines.train(env=env, eval_env=env, seed=0, n_epochs=2, callback=plain.append, **TINY_SETTINGS)
    assert [row["loss/critic"] for row in rows] == pytest.approx([row["loss/critic"] for row in plain], rel=1e-5)
    assert ("rewards are learnt less" in capsys.readouterr().out) is bool(shift)


def test_without_bounds_on_returns_rewards_stay_as_they_are(capsys):
    baselines.train(env=made(pay=(1.0, 0.0)), seed=0, n_epochs=1, clip_return=False, **TINY_SETTINGS)
    assert "learnt less" not in capsys.readouterr().out


@pytest.mark.parametrize("pay", [(0.0, -1.0), (1.0, 0.0)])
def test_success_is_a_reward_as_at_the_goal_where_the_environment_does_not_say(pay, capsys):
    def successes(says, noise):
        env = as_vec_env(made(pay=pay, says=says), lambda n: [0] * n)
        rng = np.random.default_rng(0)

        def act(observation, alive):
            return np.clip(straight(observation) + noise * rng.normal(size=2), -1, 1).astype(np.float32)

        found = [bool(roll_out(env, act).success[0]) for _ in range(30)]
        assert env.reports_success is says
        return found

    for noise in (0, 0.3):
        assert successes(False, noise) == successes(True, noise)
    assert 0 < np.mean(successes(True, 0.3)) < 1 == np.mean(successes(True, 0))
    baselines.train(env=made(says=False), seed=0, n_epochs=2, **TINY_SETTINGS)
    assert capsys.readouterr().out.count("success is a reward as at the goal") == 1


# ---- warnings ----


def said(capsys, settings=None, **kwargs):
    env = made(**kwargs)
    baselines.train(env=env, eval_env=env, seed=0, n_epochs=2, **{**TINY_SETTINGS, **(settings or {})})
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]


def test_nothing_is_said_of_a_task_as_it_should_be(capsys):
    assert said(capsys) == []


@pytest.mark.parametrize(
    ("kwargs", "settings", "expected"),
    [
        (dict(scale=1000.0), {}, "which clip_obs=200 cuts off: add --clip_obs="),
        (dict(far=5e5, scale=0.1), dict(clip_obs=1e6), "too far from 0 to be told apart. Subtract a constant"),
        (dict(pay=(0.0, -12.0)), {}, "rewards go down to 12 below that of the goal, but clip_return bounds returns"),
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

    env = Shaped(made())
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
    env = Falling(made(pay=pay))
    baselines.train(env=env, eval_env=env, seed=0, n_epochs=1, **{**TINY_SETTINGS, **settings})
    assert ("to fail soon pays: add --bootstrap_terminated=True" in capsys.readouterr().out) is warned


def test_checks_look_at_valid_steps_alone():
    from baselines.her.episodes import single_episode, stack_episodes

    rng = np.random.default_rng(0)
    short = [
        single_episode(rng.uniform(-1, 1, (n + 1, 3)), *rng.uniform(-1, 1, (2, n + 1, 2)), rng.uniform(-1, 1, (n, 1)),
                       False, reward=-np.ones(n))
        for n in (3, 7)
    ]  # fmt: skip
    episodes = stack_episodes(short, 10)
    episodes.observation[0, 4:] = 1e9  # after its end
    episodes.reward[0, 3:] = -100
    reward = reward_function(Task(pay=(0.0, -1.0)), "Task-v0")
    episodes.desired_goal[:] = 1e6 * episodes.achieved_goal[:, :-1] + 1  # nowhere near
    assert [line for line in warnings_of(episodes, HERConfig(clip_obs=1e9), reward) if "far" not in line] == []


# ---- bits ----


class Bits(gymnasium.Env):
    """Flip bits, one a step: that with the largest of the numbers acted (1707.01495, section 3.1)."""

    def __init__(self, n=6):
        self.n = n
        bits = spaces.MultiBinary(n)
        self.observation_space = spaces.Dict(observation=bits, achieved_goal=bits, desired_goal=bits)
        self.action_space = spaces.Box(-1, 1, (n,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.bits, self.goal = self.np_random.integers(0, 2, (2, self.n)).astype(np.int8)
        return self.show(), {}

    def show(self):
        return {"observation": self.bits.copy(), "achieved_goal": self.bits.copy(), "desired_goal": self.goal}

    def step(self, action):
        self.bits[np.argmax(action)] ^= 1
        reward = self.compute_reward(self.bits, self.goal, {})
        return self.show(), reward, False, False, {"is_success": reward == 0}

    def compute_reward(self, achieved_goal, desired_goal, info):
        return -1.0 * (np.asarray(achieved_goal) != desired_goal).any(-1)


@pytest.mark.slow
def test_flipping_bits_is_learnt_with_hindsight_and_not_without():
    settings = dict(n_epochs=6, n_cycles=50, n_test_rollouts=50, relative_goals=True, target_interval=1, polyak=0.98)
    env = gymnasium.wrappers.TimeLimit(Bits(), 6)
    found = {k: last_success(env, replay_strategy=k, **settings) for k in ("future", "none")}
    assert found["future"] > 0.25 and found["none"] < 0.1, found
