"""Fixtures that several test files use."""

import tests.quiet_tensorflow

# isort: split

import numpy as np
import pytest
import tensorflow as tf

import tests.environments  # noqa: F401 (registers PointReach)
from baselines import run
from baselines.her import train as her_train
from baselines.her.demonstrations import write_demonstrations
from baselines.her.types import Episodes
from tests.helpers import HORIZON, POINT_REACH, ROOT, TINY, goal_spec

# These tests make many agents in one process, for which TensorFlow warns of functions traced again.
tf.get_logger().setLevel("ERROR")


@pytest.fixture
def cwd(tmp_path, monkeypatch):
    """An empty working directory, with a regular file `taken` that no folder can be made below."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    (folder / "taken").write_text("a file")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # for processes that are started in this folder
    return folder


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """A folder that Python imports from, outside of the working directory."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.fixture(scope="module")
def eagerly():
    """TensorFlow's functions run as Python: for a handful of updates, which takes less time than compiling them."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def untrained(monkeypatch):
    """Everything but the training itself: the run begins, and has no epochs."""
    monkeypatch.setattr(her_train, "train", lambda *arguments, **named: None)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The log folder and the saved policies of a run of three epochs, which no test may change."""
    folder = tmp_path_factory.mktemp("finished")
    log, policies = folder / "log", folder / "policies"
    run.main([POINT_REACH, *TINY, "--num_timesteps=180", f"--log_path={log}", f"--save_path={policies}"])
    return log, policies


@pytest.fixture
def demos(cwd):
    """A file of three demonstrations of PointReach in the working directory, whose actions are all 0.7."""
    rng = np.random.default_rng(0)
    goals = rng.uniform(-1, 1, (3, HORIZON + 1, 2)).astype(np.float32)
    actions = np.full((3, HORIZON, 2), 0.7, np.float32)
    columns = dict(observation=goals, achieved_goal=goals, desired_goal=goals[:, 1:], action=actions)
    episodes = Episodes.zeros(goal_spec("PointReach-v0", 2, 2, 2, HORIZON), 3)._replace(
        **columns, reward=-np.ones((3, HORIZON), np.float32), success=np.ones(3, bool)
    )
    write_demonstrations("demos.npz", episodes, "PointReach-v0")
