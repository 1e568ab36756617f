"""Demonstrations of PointReach that all succeed."""

import contextlib

import pytest

from baselines.envs.lockstep import run_episodes
from baselines.her.demonstrations import write_demonstrations
from baselines.her.types import Episodes
from tests.helpers import point_reach, straight
from tests.her.demonstrations.files import SPEC


@pytest.fixture(scope="session")
def played():
    """Four episodes, which no test may change."""
    with contextlib.closing(point_reach()) as env:
        return run_episodes(env, straight)


@pytest.fixture(scope="session")
def episodes(played):
    return Episodes.of(played, SPEC)


@pytest.fixture
def file(played, tmp_path):
    """The same in a file of our format."""
    path = str(tmp_path / "demos.npz")
    write_demonstrations(path, played, SPEC, "a straight line", seed=0)
    return path
