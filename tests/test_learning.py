"""The whole algorithm on the toy task, from Python."""

import gymnasium
import numpy as np
import pytest
from baselines.her.schedule import plan

import tests.environments  # noqa: F401 (registers PointReach)
from baselines.common.errors import UserError
from baselines.common.logger import Logger
from baselines.common.mpi import Communicator
from baselines.common.vec_env import make_vec_env
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.her import evaluation_size, learn
from baselines.her.rollout import RolloutWorker
from baselines.her.types import GoalEnvSpec, TransitionBatch

POINT_REACH = "tests.environments:PointReach-v0"
QUICK = dict(hidden=64, layers=2, n_cycles=10, n_batches=40, batch_size=128, polyak=0.8, action_l2=0.1)
TINY = dict(hidden=8, layers=1, n_cycles=2, n_batches=2, batch_size=16, n_test_rollouts=1)


class Rows(Logger):
    """Keeps the metrics instead of printing them."""

    def __init__(self):
        super().__init__(quiet=True)
        self.rows = []

    def dump(self, metrics, step):
        self.rows.append(dict(metrics))


def train_point_reach(**settings):
    logger = Rows()
    learn(env=make_vec_env(POINT_REACH, 4, [0, 1, 2, 3], "sync"), seed=0, logger=logger, **settings)
    return logger.rows


@pytest.mark.slow
def test_point_reach_is_learnt_with_hindsight():
    rows = train_point_reach(n_epochs=15, **QUICK)
    assert rows[-1]["test/success_rate"] > 0.9


@pytest.mark.slow
def test_point_reach_is_not_learnt_without_hindsight():
    rows = train_point_reach(n_epochs=15, replay_strategy="none", **QUICK)
    assert rows[-1]["test/success_rate"] < 0.2


def test_learn_works_on_a_single_environment_and_on_a_vector_twice_in_one_process():
    for env in (gymnasium.make("PointReach-v0"), gymnasium.make_vec("PointReach-v0", num_envs=3)):
        logger = Rows()
        agent = learn(network="mlp", env=env, total_timesteps=400, seed=1, logger=logger, **TINY)
        assert agent.updates == 2 * 2 * len(logger.rows) > 0
        observation, _ = gymnasium.make("PointReach-v0").reset(seed=0)
        action = agent.policy().act(observation)
        assert action.shape == (2,) and np.abs(action).max() <= 1


def test_an_environment_that_cannot_be_made_again_is_evaluated_in_itself():
    logger = Rows()
    learn(env=Unmakeable(gymnasium.make("PointReach-v0")), n_epochs=2, seed=0, logger=logger, **TINY)
    assert logger.rows[-1]["test/episode"] == 2


class Unmakeable(gymnasium.Wrapper):
    """Gymnasium has no way of knowing how this was made."""


def test_counts_of_steps_episodes_and_updates_add_up():
    rows = train_point_reach(n_epochs=2, **TINY)
    assert [r["total/timesteps"] for r in rows] == [240, 480]  # 2 cycles x 4 environments x 30 steps
    assert [r["train/episode"] for r in rows] == [8, 16]
    assert [r["test/episode"] for r in rows] == [4, 8]
    assert [r["total/updates"] for r in rows] == [4, 8]


def test_shares_of_time_add_up_to_an_epoch():
    row, later = train_point_reach(n_epochs=2, **TINY)
    assert row["time/compile"] > later["time/compile"] == 0
    phases = sum(row[f"time/{p}"] for p in ("rollout", "sample", "compile", "train", "evaluate"))
    assert 0.9 * row["time/epoch"] < phases <= row["time/epoch"]
    rest = row["time/epoch"] - row["time/env"] - row["time/train"] - row["time/compile"]
    assert row["time/overhead"] == pytest.approx(rest / row["time/epoch"])


def test_num_timesteps_makes_whole_epochs_one_short_one_or_none():
    env = make_vec_env(POINT_REACH, 2, [0, 1], "sync")
    config = HERConfig(n_cycles=5)  # an epoch is 5 cycles x 2 environments x 30 steps = 300
    assert plan(0, None, config, env).n_epochs == 0
    assert (plan(130, None, config, env).n_epochs, plan(130, None, config, env).n_cycles) == (1, 2)
    assert plan(1, None, config, env).n_cycles == 1
    assert (plan(950, None, config, env).n_epochs, plan(950, None, config, env).n_cycles) == (3, 5)
    assert plan(None, 7, config, env).n_epochs == 7


@pytest.mark.parametrize("episodes, most, size", [(10, 16, 10), (20, 16, 10), (380, 38, 38), (7, 3, 1), (1, 8, 1)])
def test_evaluation_runs_in_full_rounds(episodes, most, size):
    assert evaluation_size(episodes, most) == size


def test_evaluation_has_no_noise_and_its_environments_go_on_from_round_to_round():
    env = make_vec_env(POINT_REACH, 2, [0, 1], "sync")
    spec = env.spec
    agent = DDPG(spec, HERConfig(hidden=8, layers=1), np.random.default_rng(0), Communicator())
    worker = RolloutWorker(env)
    first, second = worker.generate(agent.policy()), worker.generate(agent.policy())
    assert not np.array_equal(first.desired_goal, second.desired_goal)
    policy = agent.policy()
    for t in range(spec.horizon):
        shown = {"observation": first.observation[:, t], "achieved_goal": first.achieved_goal[:, t]}
        np.testing.assert_array_equal(
            policy.act({**shown, "desired_goal": first.desired_goal[:, t]}), first.action[:, t]
        )


@pytest.mark.parametrize("back_end", ["sync", "async"])
def test_episodes_hold_the_true_last_observation_and_stop_at_an_early_end(back_end):
    env = make_vec_env("tests.environments:PointReach-end-v0", 2, [0, 1], back_end)
    agent = DDPG(env.spec, HERConfig(hidden=8, layers=1), np.random.default_rng(0), Communicator())
    episodes = RolloutWorker(env, np.random.default_rng(0)).generate(agent.policy())
    assert list(episodes.length) == [5, 5] and episodes.num_steps == 10
    moved = np.clip(episodes.observation[:, 4] + 0.1 * episodes.action[:, 4], -1, 1)
    np.testing.assert_allclose(episodes.observation[:, 5], moved, atol=1e-6)


def test_environments_in_processes_do_what_they_do_one_after_the_other():
    rows = {}
    for back_end in ("sync", "async"):
        logger = Rows()
        learn(env=make_vec_env(POINT_REACH, 2, [5, 6], back_end), seed=0, n_epochs=2, logger=logger, **TINY)
        rows[back_end] = [{k: v for k, v in row.items() if not k.startswith(("time/", "fps", "total/seconds"))}
                          for row in logger.rows]  # fmt: skip
    assert rows["sync"] == rows["async"]


def test_an_environment_that_does_not_tell_success_is_refused():
    class Silent(tests.environments.PointReach):
        def step(self, action):
            return (*super().step(action)[:4], {})

    gymnasium.register("SilentPointReach-v0", Silent, max_episode_steps=30)
    with pytest.raises(UserError, match="is_success"):
        learn(env=gymnasium.make("SilentPointReach-v0"), n_epochs=1, seed=0, logger=Rows(), **TINY)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(seed=-1), "seed"),
        (dict(seed="a"), "seed"),
        (dict(env="PointReach-v0"), "expected a Gymnasium environment"),
        (dict(env=None), "expected a Gymnasium environment"),
        (dict(total_timesteps=None), "total_timesteps"),
        (dict(total_timesteps="many"), "total_timesteps"),
        (dict(network="cnn"), "mlp"),
    ],
)
def test_bad_input_from_python_is_told_clearly(wrong, message):
    good = dict(env=gymnasium.make("PointReach-v0"), total_timesteps=100, seed=0, logger=Rows())
    with pytest.raises(UserError, match=message):
        learn(**{**good, **wrong}, **TINY)


def test_an_evaluation_environment_of_other_sizes_is_refused():
    class Larger(tests.environments.PointReach):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.action_space = gymnasium.spaces.Box(-1, 1, (3,), np.float32)

    gymnasium.register("LargerPointReach-v0", Larger, max_episode_steps=30)
    with pytest.raises(UserError, match="action 2 against 3"):
        learn(env=gymnasium.make("PointReach-v0"), eval_env=gymnasium.make("LargerPointReach-v0"), n_epochs=1, seed=0,
              logger=Rows(), **TINY)  # fmt: skip


def test_times_of_a_second_run_in_the_same_environments_are_its_own():
    env = make_vec_env(POINT_REACH, 4, [0, 1, 2, 3], "sync")
    for _ in range(2):
        logger = Rows()
        learn(env=env, seed=0, n_epochs=1, logger=logger, **TINY)
        assert 0 < logger.rows[0]["time/env"] < logger.rows[0]["time/epoch"]
        assert 0 < logger.rows[0]["time/overhead"] < 1


def test_a_reward_function_for_single_goals_is_called_row_by_row():
    class Scalar(tests.environments.PointReach):
        def compute_reward(self, achieved_goal, desired_goal, info):
            return 0.0 if float(np.linalg.norm(achieved_goal - desired_goal)) <= 0.05 else -1.0

    gymnasium.register("ScalarPointReach-v0", Scalar, max_episode_steps=30)
    scalar = make_vec_env("ScalarPointReach-v0", 1, [0], "sync")
    vectorised = make_vec_env(POINT_REACH, 1, [0], "sync")
    goals = np.random.default_rng(0).uniform(-0.05, 0.05, (2, 50, 2)).astype(np.float32)
    np.testing.assert_array_equal(scalar.compute_reward(*goals), vectorised.compute_reward(*goals))
    assert 0 < (scalar.compute_reward(*goals) == 0).sum() < 50


def test_actions_are_scaled_to_the_environments_own_bounds():
    class Wide(tests.environments.PointReach):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.action_space = gymnasium.spaces.Box(np.float32([-4, 0]), np.float32([4, 2]))

        def step(self, action):
            Wide.last = np.array(action)
            return super().step(action)

    gymnasium.register("WidePointReach-v0", Wide, max_episode_steps=30)
    env = make_vec_env("WidePointReach-v0", 1, [0], "sync")
    env.reset()
    env.step(np.array([[-0.5, -1.0]], np.float32))
    np.testing.assert_allclose(Wide.last, [-2, 0], atol=1e-6)


def test_numpy_policy_equals_the_networks_in_the_graph():
    import tensorflow as tf

    spec = GoalEnvSpec("any", 6, 3, 2, 10)
    config = HERConfig(hidden=32, relative_goals=True, max_u=0.5)
    rng = np.random.default_rng(0)
    agent = DDPG(spec, config, rng, Communicator())
    rows = [rng.normal(0, 5, (40, n)).astype(np.float32) for n in (6, 3, 3)]
    agent.update_normalizers(TransitionBatch(*rows, action=None, reward=None, next_observation=None,
                                             next_achieved_goal=None))  # fmt: skip
    policy = agent.policy()
    for ours, graph in zip(policy.inputs(*rows), agent.inputs(*map(tf.constant, rows))):
        np.testing.assert_allclose(ours, graph, rtol=1e-5, atol=1e-6)
    o, g = policy.inputs(*rows)
    u = policy.pi(o, g)
    np.testing.assert_allclose(u, agent.main.pi(o, g), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(policy.Q(o, g, u), agent.main.Q(o, g, u), rtol=1e-4, atol=1e-5)
