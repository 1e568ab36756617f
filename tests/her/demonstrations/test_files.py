"""Files of demonstrations of our own format: there and back, and what does not fit."""

import io
import json
import os

import gymnasium
import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.her.demonstrations import read_demonstrations, write_demonstrations
from baselines.her.episodes import single_episode, stack_episodes
from tests.her.demonstrations.files import SPEC, npy, zipped


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


def test_a_missing_file_is_refused():
    with pytest.raises(UserError, match="there is no such file"):
        read_demonstrations("nowhere.npz", SPEC)


def change(episodes, **fields):
    return episodes._replace(**{k: f(getattr(episodes, k).copy()) for k, f in fields.items()})


def put(value, *where):
    def f(array):
        array[where] = value
        return array

    return f


@pytest.mark.parametrize(
    "fields, message",
    [
        (dict(observation=put(np.nan, 2, 3, 0)), "episode 2 has NaN or infinity in observation"),
        (dict(action=put(np.inf, 1, 0, 0)), "episode 1 has NaN or infinity in action"),
        (dict(action=put(1.5, 3, 0, 0)), r"episode 3 has actions outside \[-1, 1\]"),
        (dict(length=put(31, 1)), "episode 1 has length 31, expected 1 to 30"),
        (dict(length=put(0, 0)), "episode 0 has length 0"),
        (dict(observation=lambda x: x[:, :, :1]), r"observation has the shape \[4, 31, 1\].* needs \[4, 31, 2\]"),
        (dict(desired_goal=lambda x: x[:, :20]), r"desired_goal has the shape \[4, 20, 2\]"),
        (dict(action=lambda x: x[:2]), r"action has the shape \[2, 30, 2\]"),
        (dict(success=lambda x: x[:0]), "success has the shape"),
    ],
)
def test_what_does_not_fit_is_refused_by_episode_and_field(tmp_path, episodes, fields, message):
    path = str(tmp_path / "odd.npz")
    write_demonstrations(path, change(episodes, **fields), "PointReach-v0")
    with pytest.raises(UserError, match=message):
        read_demonstrations(path, SPEC)


def test_another_environment_or_horizon_is_refused(file):
    with pytest.raises(UserError, match="recorded in PointReach-v0, not in FetchPush-v1"):
        read_demonstrations(file, SPEC._replace(env_id="FetchPush-v1"))
    with pytest.raises(UserError, match="shape"):
        read_demonstrations(file, SPEC._replace(horizon=50))
    read_demonstrations(file, SPEC._replace(env_id="my.module:PointReachDense-v3"))  # the same task


def test_a_header_of_nested_brackets_is_refused(tmp_path, episodes):
    path = tmp_path / "nested.npz"
    path.write_bytes(zipped({"header": npy(np.frombuffer(b"[" * 100000 + b"]" * 100000, np.uint8))}))
    with pytest.raises(UserError, match="cannot read demonstrations"):
        read_demonstrations(str(path), SPEC)


def test_a_header_that_claims_too_much_is_refused_before_anything_is_allocated(tmp_path, episodes):
    path = str(tmp_path / "large.npz")
    write_demonstrations(path, episodes, "PointReach-v0")
    with np.load(path) as arrays:
        members = {name: npy(arrays[name]) for name in arrays.files}
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**3, 10**3)}
    )
    with open(path, "wb") as file:
        file.write(zipped({**members, "action": header.getvalue() + b"\0" * 100}))
    with pytest.raises(UserError, match="promises"):
        read_demonstrations(path, SPEC)


def test_a_failed_write_leaves_the_earlier_file(file, episodes, monkeypatch):
    with open(file, "rb") as opened:
        before = opened.read()

    def disk_full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", disk_full)
    with pytest.raises(UserError, match="No space left"):
        write_demonstrations(file, episodes, "PointReach-v0")
    with open(file, "rb") as opened:
        assert opened.read() == before
    assert os.listdir(os.path.dirname(file)) == [os.path.basename(file)]


def test_episodes_of_any_act_function_can_be_recorded(tmp_path):
    """The example for teleoperation of docs/demonstrations.md."""
    env = gymnasium.make("PointReach-v0")
    recorded = []
    for seed in range(3):
        observation, _ = env.reset(seed=seed)
        observed, actions, over = [observation], [], False
        while not over:
            actions.append(np.clip(10 * (observation["desired_goal"] - observation["achieved_goal"]), -1, 1))
            observation, _, terminated, truncated, info = env.step(actions[-1])
            observed.append(observation)
            over = terminated or truncated
        columns = {key: np.array([o[key] for o in observed]) for key in observed[0]}
        recorded.append(single_episode(action=np.array(actions), success=info["is_success"], **columns))
    path = str(tmp_path / "teleoperated.npz")
    write_demonstrations(path, stack_episodes(recorded, horizon=30), "PointReach-v0", "a joystick")
    assert read_demonstrations(path, SPEC).success.all()
