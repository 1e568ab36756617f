"""`baselines.load_policy`: what a robot has to install, and how long it takes."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.commands.doors import save
from tests.helpers import ROOT

UNNEEDED = ("tensorflow", "keras", "gymnasium", "gymnasium_robotics", "envpool", "mpi4py", "tqdm", "onnx",
            "threadpoolctl")  # fmt: skip
PROGRAM = """
import time
start = time.process_time()  # not perf_counter: other processes may be running
import json, sys
import baselines
policy = baselines.load_policy("policy")
action = policy.act(dict(observation=[0.0, 0.0], achieved_goal=[0.5, 0.0], desired_goal=[0.5, 0.04]))
print(json.dumps([time.process_time() - start, action.tolist(), sorted(sys.modules)]))
"""


def load(*path):
    """Load a policy and act in a new process."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True,
                          env={"PYTHONPATH": ":".join(map(str, path))})  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_policy_acts_where_only_numpy_and_safetensors_can_be_imported(cwd):
    save("policy")
    (cwd / "blocked").mkdir()
    for name in UNNEEDED:
        (cwd / "blocked" / f"{name}.py").write_text(f"raise ImportError('{name} is not installed')")
    _, action, modules = load(cwd / "blocked", ROOT)
    assert action == pytest.approx([0, np.tanh(10 * 0.04)], abs=1e-6)  # by hand
    assert "numpy" in modules


def test_loading_takes_little_time_and_few_modules_where_all_libraries_are_installed(cwd):
    save("policy")
    runs = [load(ROOT) for _ in range(5)]
    assert min(seconds for seconds, _, _ in runs) < 0.3
    names = [name.partition(".")[0] for name in runs[0][2]]
    assert names.count("baselines") <= 8
    assert not {*UNNEEDED, "mujoco", "matplotlib", "moviepy"}.intersection(names)
