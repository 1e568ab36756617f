"""Demonstrations by scripted controllers and by trained policies."""

import contextlib
import subprocess
import sys

import numpy as np
import pytest

from baselines.envs import make_vec_env
from baselines.her.demonstrations import read_demonstrations
from baselines.her.experiment.data_generation import fetch_data_generation as generation
from tests.commands.doors import command_refused


@pytest.mark.slow
@pytest.mark.parametrize("task, least", [("Reach", 0.95), ("PickAndPlace", 0.95), ("Push", 0.8), ("Slide", 0.05)])
@pytest.mark.parametrize("back_end", ["envpool", "sync"])
def test_scripted_controllers_succeed(task, least, back_end):
    controller, rng = generation.controller_for(f"Fetch{task}-v1"), np.random.default_rng(0)
    with contextlib.closing(make_vec_env(f"Fetch{task}-v1", 20, list(range(20)), back_end, num_threads=2)) as env:
        successes = [e.success for _ in range(2) for e in generation.demonstrate(env, controller, 0.0, rng)]
    assert np.mean(successes) >= least


@pytest.mark.slow
def test_the_script_writes_demonstrations_without_failures_and_counts_them(tmp_path, capsys):
    path = str(tmp_path / "push.npz")
    generation.main(["--env=FetchPush-v1", "--num_episodes=12", "--noise=0.2", f"--output={path}"])
    printed = capsys.readouterr().out
    spec = make_vec_env("FetchPush-v1", 1, [0], "envpool").spec
    read = read_demonstrations(path, spec)
    assert len(read.length) == 12 and read.success.all()
    assert "scripted episodes: success rate" in printed and "wrote 12 to" in printed


BAD = ["--env=HandReach-v0", "--num_episodes=0", "--output=/proc/none/x.npz", "--noise=-1", "--output=",
       "--num_env=1000000000", "--seed=x", "--nonsense"]  # fmt: skip


@pytest.mark.parametrize("word", BAD)
def test_bad_input_to_the_script_is_one_clear_line(word, cwd, capsys):
    command_refused(capsys, generation.main, word)


def test_the_script_runs_as_a_file():
    script = generation.__file__
    done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "--keep_failures" in done.stdout
