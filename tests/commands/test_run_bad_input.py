"""Bad input of the launcher: one line that says what was expected, exit code 2, and nothing left behind."""

import os
import re
import subprocess
import sys

import pytest

from tests.helpers import POINT_REACH, TINY, refused

BAD_INPUT = {
    "unknown algorithm": (["--alg=hr"], ["'hr'", "nearest: her"]),
    "module of baselines that is no algorithm": (["--alg=baselines.logger"], ["learn"]),
    "unknown environment": (["--env=FetchReech-v1"], ["'FetchReech-v1'", "FetchReach-v1"]),
    "unknown version": (["--env=FetchReach-v77"], ["FetchReach-v1", "FetchReach-v4"]),
    "no version": (["--env=FetchReach"], ["no environment 'FetchReach' without a version; nearest: FetchReach-v4"]),
    "no goal environment": (["--env=CartPole-v1"], ["achieved_goal", "desired_goal", "compute_reward", "continuous"]),
    "environment without a name": (["--env="], ["environment"]),
    "environment of no module": (["--env=there_is_no_such_module:Id-v0"], ["there_is_no_such_module"]),
    "environment that its module lacks": (["--env=tests.environments:PointReech-v0"], ["PointReach-v0"]),
    "back end that lacks the environment": ([POINT_REACH, "--vec_env=envpool"], ["envpool", "--vec_env=auto"]),
    "unknown back end": ([POINT_REACH, "--vec_env=threads"], ["'threads'", "auto, envpool, sync, async"]),
    "unknown key": ([POINT_REACH, "--bach_size=3"], ["'bach_size'", "nearest: batch_size"]),
    "misspelt flag": ([POINT_REACH, "--num_timestep=3"], ["'num_timestep'", "num_timesteps"]),
    "word for a number": ([POINT_REACH, "--batch_size=abc"], ["batch_size", "'abc'"]),
    "no environments": (["--num_env=0"], ["num_env: expected 1 to 100000", "got 0"]),
    "steps that are no number": (["--num_timesteps=nan"], ["num_timesteps: expected a number", "'nan'"]),
    "steps and epochs": (["--num_timesteps=10", "--n_epochs=1"], ["--num_timesteps", "--n_epochs"]),
    "negative seed": (["--seed=-1"], ["seed: expected 0 to", "-1"]),
    "no path": (["--load_path="], ["load_path: expected a file or folder"]),
    "demonstrations of nothing that is played": (["--record_demos=d.npz"], ["--record_demos", "--play"]),
    "failures of nothing that is recorded": (["--play", "--keep_failures"], ["--keep_failures", "--record_demos=FILE"]),
    "timeout of environments that share a process": (
        [POINT_REACH, "--step_timeout=5", "--vec_env=sync"], ["--step_timeout", "--vec_env=async"]),
    "unknown preset": ([POINT_REACH, "--preset=demo"], ["demo", "demos"]),
    "cloning without demonstrations": ([POINT_REACH, "--bc_loss=True"], ["bc_loss", "--demo_file"]),
    "demonstrations that are not there": ([POINT_REACH, "--demo_file=nowhere.npz"], ["nowhere.npz"]),
    "demonstrations that are none": ([POINT_REACH, "--demo_file=taken"], ["taken"]),
    "policy that is not there": ([POINT_REACH, "--load_path=nowhere"], ["nowhere"]),
    "policy that is a file": ([POINT_REACH, "--load_path=taken"], ["taken"]),
    "save_path below a file": ([POINT_REACH, "--save_path=taken/policies"], ["taken/policies"]),
    "log_path below a file": ([POINT_REACH, "--log_path=taken/log"], ["taken/log"]),
    "more replay than memory": ([POINT_REACH, *TINY, "--n_epochs=1", "--buffer_size=1e15"], ["buffer_size"]),
    "demonstrations in a folder": (
        [POINT_REACH, "--n_epochs=1", "--play", "--record_demos=.", "--log_path=log"], ["cannot write", "folder"]),
    "demonstrations in no folder": (
        [POINT_REACH, "--n_epochs=1", "--play", "--record_demos=/proc/none/x.npz", "--log_path=log"], ["cannot write"]),
    "save_path below a file, good log_path": ([POINT_REACH, "--log_path=log", "--save_path=taken/p"], ["taken/p"]),
}  # fmt: skip


@pytest.mark.parametrize(("argv", "words"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_ends_with_one_line_and_leaves_nothing_behind(argv, words, cwd, capsys):
    line = refused(capsys, *argv)
    assert [word for word in words if word not in line] == []


def test_a_folder_that_holds_no_policy_is_refused(cwd, capsys):
    (cwd / "foreign").mkdir()
    for file in ("config.json", "latest.safetensors"):
        (cwd / "foreign" / file).write_text('{"name": "something else"}')
        assert "foreign" in refused(capsys, POINT_REACH, "--load_path=foreign")


def test_a_policy_of_another_environment_is_refused_with_the_sizes_that_differ(cwd, capsys, finished):
    line = refused(capsys, "--env=FetchReach-v1", f"--load_path={finished[1]}")
    assert "PointReach-v0" in line and "FetchReach-v1" in line
    assert "observation size 2, not 10; goal size 2, not 3; action size 2, not 4" in line


def test_a_real_process_ends_with_code_2_and_one_line(cwd):
    command = [sys.executable, "-m", "baselines.run", POINT_REACH, "--polyak=1.5"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch("error: polyak.*\n", done.stderr)
    assert sorted(os.listdir()) == ["taken"]


@pytest.mark.parametrize("name", ["latest.safetensors", "epoch_4.safetensors"])
def test_policies_of_another_run_are_not_written_over(cwd, name, capsys):
    (cwd / f"holds {name}" / name).mkdir(parents=True)
    error = refused(capsys, POINT_REACH, *TINY, f"--save_path=holds {name}")
    assert name in error and "choose another --save_path" in error
