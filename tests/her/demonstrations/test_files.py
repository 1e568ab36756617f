"""Files of demonstrations of our own format: there and back, and what does not fit."""

import json
import os
from dataclasses import replace

import gymnasium
import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.common.specs import GOAL_KEYS
from baselines.her.demonstrations import read_demonstrations, write_demonstrations
from tests.her.demonstrations.files import SPEC


def test_episodes_come_back_as_they_were_written(file, episodes):
    for ours, theirs in zip(read_demonstrations(file, SPEC), episodes, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_header_tells_where_demonstrations_come_from(file):
    with np.load(file, allow_pickle=False) as arrays:
        header = json.loads(arrays["header"].tobytes())
    assert (header["env_id"], header["generator"], header["seed"]) == ("PointReach-v0", "a straight line", 0)
    assert header["versions"]["gymnasium"] == gymnasium.__version__


def test_num_demo_takes_the_first_episodes(file, episodes):
    read = read_demonstrations(file, SPEC, max_episodes=3)
    np.testing.assert_array_equal(read.action, episodes.action[:3])


def put(value, *where):
    def f(array):
        array[where] = value
        return array

    return f


def without_last(x):
    """The entries with zeros for what followed the last action."""
    return np.where(np.arange(x.shape[1])[:, None] < x.shape[1] - 1, x, 0)


@pytest.mark.parametrize(
    "fields, message",
    [
        (dict(observation=put(np.nan, 2, 3, 0)), "episode 2 has NaN or infinity in observation"),
        (dict(action=put(np.inf, 1, 0, 0)), "episode 1 has NaN or infinity in action"),
        (dict(action=put(1.5, 3, 0, 0)), r"episode 3 has actions outside \[-1, 1\]"),
        (dict(length=put(31, 1)), "episode 1 has length 31, expected 1 to 30"),
        (dict(length=put(0, 0)), "episode 0 has length 0"),
        (dict(observation=lambda x: x[:, :, :1]), r"observation has the shape \[4, 31, 1\].* needs \[4, 31, 2\]"),
        (dict(achieved_goal=lambda x: x[:, :30]), r"achieved_goal has .* \[4, 31, 2\].*: append the observation after"),
        (
            dict(observation=without_last, achieved_goal=without_last),
            "0 ends in an observation of zeros: append",
        ),
        (dict(desired_goal=lambda x: x[:, :20]), r"desired_goal has the shape \[4, 20, 2\]"),
        (dict(action=lambda x: x[:2]), r"action has the shape \[2, 30, 2\]"),
        (dict(is_success=lambda x: x[:0]), "success has the shape"),
    ],
)
def test_what_does_not_fit_is_refused_by_episode_and_field(file, fields, message):
    with np.load(file) as archive:
        arrays = dict(archive)
    np.savez(file, **{**arrays, **{k: change(arrays[k]) for k, change in fields.items()}})
    with pytest.raises(UserError, match=message):
        read_demonstrations(file, SPEC)


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(observation={k: np.zeros((30, 2)) for k in GOAL_KEYS}), "1 has 30 observations for .*: append the obs"),
        (
            dict(observation={k: np.zeros((30 + (k == "observation"), 2)) for k in GOAL_KEYS}),
            "1 has 30 observations for 30 actions, expected 31 of achieved_goal: append the observation after",
        ),
        (dict(action=np.zeros((30, 3))), r"episode 1: action has the shape \[30, 3\]"),
    ],
)
def test_episodes_that_do_not_fit_are_not_written(tmp_path, played, changes, message):
    with pytest.raises(UserError, match=message):
        write_demonstrations(str(tmp_path / "x.npz"), [played[0], played[1]._replace(**changes)], SPEC)
    assert not (tmp_path / "x.npz").exists()


def test_another_environment_and_episodes_beyond_the_time_limit_are_refused(file):
    with pytest.raises(UserError, match="recorded in PointReach-v0, not in FetchPush-v1"):
        read_demonstrations(file, replace(SPEC, env_id="FetchPush-v1"))
    with pytest.raises(UserError, match="episode 0 has length 30, expected 1 to 29"):
        read_demonstrations(file, replace(SPEC, horizon=29))
    assert read_demonstrations(file, replace(SPEC, horizon=10**6)).action.shape[1] == 30
    read_demonstrations(file, replace(SPEC, env_id="my.module:PointReachDense-v3"))  # the same task


def test_a_failed_write_leaves_the_earlier_file(file, played, monkeypatch):
    with open(file, "rb") as opened:
        before = opened.read()

    def disk_full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", disk_full)
    with pytest.raises(UserError, match="No space left"):
        write_demonstrations(file, played, SPEC)
    with open(file, "rb") as opened:
        assert opened.read() == before
    assert os.listdir(os.path.dirname(file)) == [os.path.basename(file)]
