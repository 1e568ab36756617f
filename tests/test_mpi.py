"""Many processes, started by a real mpirun."""

import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.common.mpi import Communicator, make_communicator
from baselines.common.vec_env import make_vec_env
from baselines.her.ddpg import DDPG
from baselines.her.demonstrations import write_demonstrations
from baselines.her.rollout import roll_out
from tests.mpi_worker import share

pytestmark = pytest.mark.slow
TINY = ["--n_cycles=2", "--n_batches=2", "--batch_size=16", "--hidden=8", "--layers=1", "--n_test_rollouts=1"]


def mpirun_command(ranks):
    """What starts a module on so many ranks. The launcher is of this Python's environment, else the system's."""
    beside_python = os.path.dirname(sys.executable)
    launcher = shutil.which("mpirun", path=os.pathsep.join([beside_python, os.environ["PATH"]]))
    assert launcher, "no mpirun: pip install -e '.[test]' brings one"
    return [launcher, "-np", str(ranks), sys.executable, "-m"]


def mpirun(ranks, *words, timeout=300):
    """The finished process."""
    return subprocess.run([*mpirun_command(ranks), *words], capture_output=True, text=True, timeout=timeout)


def findings(case, folder, ranks=2):
    done = mpirun(ranks, "tests.mpi_worker", case, str(folder))
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(ranks)]


def test_ranks_see_different_experience_and_keep_identical_weights(tmp_path):
    first, second = findings("train", tmp_path)
    assert first["state"] == second["state"]
    assert first["seen"] != second["seen"]
    assert first["updates"] == second["updates"] == 120


def test_two_ranks_equal_one_process_that_simulates_two_workers(tmp_path):
    """What --preset=paper19 does with 19: same data in, same normalizers, gradients and weights out."""
    halves = findings("share", tmp_path)
    whole = share(Communicator())
    assert halves[0] == halves[1]
    assert halves[0]["sums"]["count"] == whole["sums"]["count"] == [1 + 24]
    for name in ("sum", "sumsq"):
        np.testing.assert_allclose(halves[0]["sums"][name], whole["sums"][name], rtol=1e-12)
    # Gradients first: Adam would hide a factor.
    for name in ("gradients", "weights"):
        np.testing.assert_allclose(halves[0][name], whole[name], rtol=1e-4, atol=1e-6)
    assert np.abs(whole["gradients"]).max() > 0.1


def test_ranks_share_the_processors(tmp_path):
    cores = len(os.sched_getaffinity(0))
    assert all(f["cores"] == max(1, round(cores / 2)) for f in findings("train", tmp_path))


def test_weights_that_differ_are_an_error_that_names_the_rank(tmp_path):
    done = mpirun(2, "tests.mpi_worker", "drift", str(tmp_path))
    assert done.returncode != 0
    assert "the weights of rank 1 differ from those of rank 0" in done.stderr


def test_a_rank_that_raises_ends_the_whole_job_with_its_message(tmp_path):
    start = time.monotonic()
    done = mpirun(2, "tests.mpi_worker", "fail", str(tmp_path), timeout=60)
    assert done.returncode != 0 and time.monotonic() - start < 60
    assert "rank 1 of 2 failed" in done.stderr and "the robot of rank 1 is on fire" in done.stderr


def test_the_launcher_trains_on_two_ranks_and_rank_0_alone_logs_and_saves(tmp_path):
    logs, policies = tmp_path / "logs", tmp_path / "policies"
    done = mpirun(2, "baselines.run", "--env=tests.environments:PointReach-v0", "--n_epochs=2", "--seed=0",
                  f"--log_path={logs}", f"--save_path={policies}", *TINY)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("| epoch ") == 2
    assert "120 steps per worker, 240 over 2 worker(s)" in done.stdout
    header, *rows = (logs / "progress.csv").read_text().splitlines()
    assert len(rows) == 2 and dict(zip(header.split(","), rows[1].split(",")))["total/timesteps"] == "240"
    assert {p.name for p in policies.iterdir()} == {"latest", "best"}


def test_every_rank_learns_from_demonstrations(tmp_path):
    episodes = roll_out(make_vec_env("tests.environments:PointReach-v0", 3, [0, 1, 2], "sync"), lambda shown, _: np.clip(
        10 * (shown.desired_goal - shown.achieved_goal), -1, 1))  # fmt: skip
    write_demonstrations(str(tmp_path / "demos.npz"), episodes, "PointReach-v0")
    done = mpirun(2, "baselines.run", "--env=tests.environments:PointReach-v0", "--n_epochs=1", "--demo_batch_size=4",
                  f"--demo_file={tmp_path / 'demos.npz'}", f"--log_path={tmp_path / 'log'}", *TINY)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "demonstrations: 3 episodes" in done.stdout and "loss/cloning" in done.stdout


def test_bad_input_under_mpirun_is_told_once(tmp_path):
    done = mpirun(2, "baselines.run", "--batch_size=abc")
    assert done.returncode != 0
    assert done.stderr.count("batch_size: expected a whole number") == 1
    assert "Traceback" not in done.stderr


def test_under_mpirun_without_mpi4py_is_an_error_that_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(UserError, match=r"pip install mpi4py.*\.\[mpi\]"):
        make_communicator()


def test_an_mpi4py_of_another_mpi_than_the_launchers_is_refused(monkeypatch):
    """Each of the workers would believe to be alone."""
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    monkeypatch.setattr("baselines.common.mpi.MpiCommunicator", Communicator)
    with pytest.raises(UserError, match="started 2 workers, but mpi4py sees 1"):
        make_communicator()


def test_without_a_launcher_mpi4py_is_not_even_imported(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("PMI", "OMPI", "MPI_")):
            monkeypatch.delenv(name)
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert type(make_communicator()) is Communicator


def test_an_agent_of_one_worker_trains_in_one_call_as_with_one_call_per_update(monkeypatch):
    """The path of several workers, walked by one, gives the numbers of the compiled loop."""
    whole = share(Communicator())
    monkeypatch.setattr(DDPG, "_train_in_one_call", DDPG._train_with_all_workers)
    np.testing.assert_allclose(share(Communicator())["weights"], whole["weights"], rtol=1e-4, atol=1e-6)


def test_environments_of_two_ranks_start_differently():
    from baselines.common.seeding import env_seeds

    starts = [
        make_vec_env("tests.environments:PointReach-v0", 2, env_seeds(0, rank, "train", 2), "sync").reset()
        for rank in range(2)
    ]
    assert not np.array_equal(starts[0].observation, starts[1].observation)
