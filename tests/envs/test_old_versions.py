"""Names of versions that Gymnasium-Robotics no longer has."""

import importlib.util

import pytest

from baselines.common.errors import UserError
from baselines.envs import make_vec_env
from baselines.envs.names import gymnasium_id

without_mujoco_py = pytest.mark.skipif(importlib.util.find_spec("mujoco_py") is not None, reason="v1 is made with it")


@pytest.mark.parametrize(
    ("name", "newest"),
    [
        ("FetchReach-v2", "FetchReach-v4"),
        ("FetchPickAndPlaceDense-v3", "FetchPickAndPlaceDense-v4"),
        ("FetchReach-v0", "FetchReach-v4"),
        ("HandReach-v1", "HandReach-v3"),
        ("HandReach-v2", "HandReach-v3"),
        pytest.param("FetchReach-v1", "FetchReach-v4", marks=without_mujoco_py),
        pytest.param("HandManipulateBlock-v0", "HandManipulateBlock-v1", marks=without_mujoco_py),
    ],
)
def test_old_versions_fall_back_to_the_newest(name, newest):
    assert gymnasium_id(name) == gymnasium_id(f"baselines:{name}") == newest


@pytest.mark.parametrize("name", ["FetchReach-v5", "FetchReach-v77", "HandManipulateBlock-v2", "CartPole-v7"])
def test_versions_that_were_never_there_are_refused_with_those_that_are(name):
    with pytest.raises(UserError, match=f"'{name}' does not exist in this version; there is "):
        gymnasium_id(name)
    with pytest.raises(UserError, match="there is no environment"):
        gymnasium_id("FetchReech-v2")


def test_the_log_says_which_version_is_used():
    for back_end in ("auto", "sync"):
        env = make_vec_env("FetchReach-v2", 1, [0], back_end)
        assert "FetchReach-v4 is used for FetchReach-v2" in env.description
        assert ("EnvPool" in env.description) is (back_end == "auto")
        env.close()
