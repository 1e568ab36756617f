"""`baselines.load_policy`: what a robot has to install, and how long it takes."""

import json
import subprocess
import sys

import numpy as np
import pytest

import baselines
from tests.commands.doors import save, servo
from tests.helpers import ROOT

OBSERVATION = dict(observation=[0.0, 0.0], achieved_goal=[0.5, 0.0], desired_goal=[0.5, 0.04])
PROGRAM = """
import time
start = time.perf_counter()
import json, sys
import baselines
policy = baselines.load_policy(sys.argv[1])
action = policy.act(json.loads(sys.argv[2]))
seconds = time.perf_counter() - start
print(json.dumps([seconds, action.tolist(), sorted(sys.modules)]))
"""


@pytest.fixture
def load(tmp_path):
    """Load a policy and act in a process where importing TensorFlow and all else but NumPy and safetensors fails."""
    blocked = ("tensorflow", "keras", "gymnasium", "gymnasium_robotics", "envpool", "mpi4py", "tqdm", "threadpoolctl")
    (tmp_path / "blocked").mkdir()
    for name in blocked:
        (tmp_path / "blocked" / f"{name}.py").write_text(f"raise ImportError('{name} is not installed')")

    def load(folder, path=(tmp_path / "blocked", ROOT)):
        environment = {"PYTHONPATH": ":".join(map(str, path))}
        command = [sys.executable, "-c", PROGRAM, str(folder), json.dumps(OBSERVATION)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return load


def test_a_policy_acts_where_only_numpy_and_safetensors_can_be_imported(load, tmp_path):
    folder = save(tmp_path / "policy")
    _, action, modules = load(folder)
    assert action == pytest.approx([0, np.tanh(10 * 0.04)], abs=1e-6)  # by hand
    np.testing.assert_allclose(baselines.load_policy(folder).act(OBSERVATION), action, rtol=1e-6)
    assert "numpy" in modules


def test_a_trained_policy_acts_where_only_numpy_and_safetensors_can_be_imported(load, finished):
    for folder in (finished[1], finished[1] / "best"):
        _, action, _ = load(folder)
        np.testing.assert_allclose(baselines.load_policy(str(folder)).act(OBSERVATION), action, rtol=1e-5)


def test_loading_imports_little_where_all_libraries_are_installed(load, tmp_path):
    _, _, modules = load(save(tmp_path / "policy"), path=(ROOT,))
    assert sum(name.partition(".")[0] == "baselines" for name in modules) <= 10
    third_party = {"tensorflow", "keras", "gymnasium", "envpool", "mpi4py", "tqdm", "mujoco", "matplotlib", "moviepy"}
    assert not third_party & {name.partition(".")[0] for name in modules}


def test_loading_takes_less_than_three_tenths_of_a_second_with_all_imports(load, tmp_path):
    folder = save(tmp_path / "policy")
    assert min(load(folder, path=(ROOT,))[0] for _ in range(5)) < 0.3


def test_one_observation_and_several_at_once_give_the_same_actions():
    many = {key: np.array([value, value], np.float32) for key, value in OBSERVATION.items()}
    policy = servo()
    one = policy.act(OBSERVATION)
    assert one.shape == (2,)
    np.testing.assert_allclose(policy.act(many), [one, one], rtol=1e-6)
