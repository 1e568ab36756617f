"""Fixtures that several test files use."""

import tests.quiet_tensorflow

# isort: split

import numpy as np
import pytest
import tensorflow as tf

import tests.environments  # noqa: F401 (registers PointReach)
from baselines import run
from baselines.envs.lockstep import Episode
from baselines.her import train
from baselines.her.ddpg import DDPG
from baselines.her.demonstrations import write_demonstrations
from tests.helpers import HORIZON, POINT_REACH, ROOT, TINY, goal_spec
from tests.runs.forks import Forks

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


@pytest.fixture
def eagerly():
    """Run TensorFlow's functions as Python: a handful of updates takes less time than compiling them."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def untrained(monkeypatch):
    """Everything but the training itself: the run begins, and has no epochs."""
    monkeypatch.setattr(train, "train", lambda *arguments, **named: None)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The log folder and the saved policies of a run of three epochs, which no test may change."""
    folder = tmp_path_factory.mktemp("finished")
    log, policies = folder / "log", folder / "policies"
    tf.config.run_functions_eagerly(True)
    run.main([POINT_REACH, *TINY, "--num_timesteps=180", f"--log_path={log}", f"--save_path={policies}"])
    tf.config.run_functions_eagerly(False)
    return log, policies


@pytest.fixture(scope="session")
def forks(tmp_path_factory):
    """What starts runs in processes of their own without the seconds that imports take."""
    forks = Forks(tmp_path_factory.mktemp("forks"))
    yield forks
    forks.close()


@pytest.fixture
def demos(cwd):
    """A file of three demonstrations of PointReach in the working directory, whose actions are all 0.7."""
    rng = np.random.default_rng(0)
    goals = rng.uniform(-1, 1, (3, HORIZON + 1, 2)).astype(np.float32)
    action, reward = np.full((HORIZON, 2), 0.7, np.float32), -np.ones(HORIZON, np.float32)
    episodes = [
        Episode({"observation": g, "achieved_goal": g, "desired_goal": g[1:]}, action, reward, True, False)
        for g in goals
    ]
    write_demonstrations("demos.npz", episodes, goal_spec("PointReach-v0"))


@pytest.fixture
def without_updates(monkeypatch):
    """Cycles that roll out and store, for what does not depend on what is learnt: nothing is compiled."""
    monkeypatch.setattr(DDPG, "train", lambda agent, batches, progress_remaining: dict.fromkeys(agent.metrics, 0.0))
    monkeypatch.setattr(DDPG, "end_cycle", lambda agent: None)
