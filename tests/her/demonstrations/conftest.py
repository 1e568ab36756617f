"""Demonstrations of PointReach that all succeed."""

import contextlib

import pytest

from baselines.her.demonstrations import write_demonstrations
from baselines.her.rollout import roll_out
from tests.helpers import point_reach, straight


@pytest.fixture(scope="session")
def episodes():
    """Four episodes, which no test may change."""
    with contextlib.closing(point_reach()) as env:
        return roll_out(env, straight)


@pytest.fixture
def file(episodes, tmp_path):
    """The same in a file of our format."""
    path = str(tmp_path / "demos.npz")
    write_demonstrations(path, episodes, "PointReach-v0", "a straight line", seed=0)
    return path
