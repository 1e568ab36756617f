"""The whole algorithm on the toy task, from Python."""

import gymnasium
import pytest
import tensorflow as tf

from tests.helpers import TINY_SETTINGS, point_reach, train_rows
from tests.her.tasks import Bits, Ending, make_task

QUICK = dict(hidden=64, layers=2, n_cycles=10, n_batches=40, batch_size=128, polyak=0.8, action_l2=0.1, n_epochs=15)


def last_success(env, **settings):
    return train_rows(env=env, eval_env=env, **{**QUICK, **settings})[-1]["test/success_rate"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "low", "high"),
    [({}, 0.9, 1), (dict(replay_strategy="none"), 0, 0.2),
     (dict(n_critics=2, layer_norm=True, n_epochs=10), 0.9, 1)],
    ids=str,
)  # fmt: skip
def test_point_reach_is_learnt_with_hindsight_and_not_without(settings, low, high):
    assert low <= train_rows(**{**QUICK, **settings})[-1]["test/success_rate"] <= high


@pytest.mark.slow
@pytest.mark.parametrize(
    "kwargs",
    [dict(pay=(2.0, 1.0)), dict(bounds=5.0), dict(says=False), dict(scale=0.01)],
    ids=str,
)
def test_it_is_learnt_with_other_rewards_bounds_and_units_and_where_success_is_not_said(kwargs):
    assert last_success(make_task(**kwargs)) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("pay", [0.0, 1.0])
def test_a_task_that_ends_at_its_goal_is_learnt(pay):
    assert last_success(gymnasium.wrappers.TimeLimit(Ending(pay=pay), 30)) > 0.9


@pytest.mark.slow
def test_flipping_bits_is_learnt_with_hindsight_and_not_without():
    settings = dict(n_epochs=6, n_cycles=50, n_test_rollouts=50, relative_goals=True, target_interval=1, polyak=0.98)
    env = gymnasium.wrappers.TimeLimit(Bits(), 6)
    rates = {k: last_success(env, replay_strategy=k, **settings) for k in ("future", "none")}
    assert rates["future"] > 0.25 and rates["none"] < 0.1, rates


class Unmakeable(gymnasium.Wrapper):
    """Gymnasium has no way of knowing how this was made."""


def test_an_environment_that_cannot_be_made_again_is_evaluated_in_itself(eagerly):
    rows = train_rows(env=Unmakeable(gymnasium.make("PointReach-v0")), n_epochs=2, **TINY_SETTINGS)
    assert rows[-1]["test/episode"] == 2


@pytest.fixture(scope="module")
def two_runs():
    """The rows of two runs, one after the other in the same environments."""
    env = point_reach()
    tf.config.run_functions_eagerly(True)
    runs = [train_rows(env=env, n_epochs=2, **TINY_SETTINGS) for _ in range(2)]
    tf.config.run_functions_eagerly(False)
    return runs


def test_shares_of_time_add_up_to_an_epoch_and_are_of_their_own_run(two_runs):
    row, later = two_runs[0]
    assert row["time/compile"] > later["time/compile"] == 0
    phases = sum(row[f"time/{p}"] for p in ("rollout", "sample", "compile", "train", "evaluate"))
    assert 0.9 * row["time/epoch"] < phases <= row["time/epoch"]
    rest = row["time/epoch"] - row["time/env"] - row["time/train"] - row["time/compile"]
    assert row["time/overhead"] == pytest.approx(rest / row["time/epoch"])
    for rows in two_runs:
        assert 0 < rows[0]["time/env"] < rows[0]["time/epoch"] and 0 < rows[0]["time/overhead"] < 1
