"""HER on two ranks, started by a real mpirun."""

import csv
import json
import os

import numpy as np
import pytest

from baselines.common.mpi import Communicator
from baselines.envs.lockstep import run_episodes
from baselines.her.demonstrations import write_demonstrations
from baselines.runs.checkpoints import checkpoint_file, checkpoint_numbers
from baselines.storage import read_arrays
from tests.helpers import POINT_PUSH_ID, POINT_REACH, TINY, mpirun, point_reach, straight
from tests.her.mpi_worker import share

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A finished job of tests.her.mpi_worker, and what its two ranks found."""
    folder = tmp_path_factory.mktemp("job")
    done = mpirun(2, "tests.her.mpi_worker", str(folder))
    assert (folder / "0.json").exists() and (folder / "1.json").exists(), done.stderr
    return done, [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


def test_ranks_see_different_experience_and_keep_identical_weights(job):
    first, second = (found["train"] for found in job[1])
    assert first["state"] == second["state"]
    assert first["seen"] != second["seen"]
    assert first["updates"] == second["updates"] == 120


@pytest.fixture(scope="module")
def whole():
    """What one process finds that simulates two workers."""
    return share(Communicator())


def test_two_ranks_equal_one_process_that_simulates_two_workers(job, whole):
    """What --preset=paper19 does with 19: same data in, same normalizers, gradients and weights out."""
    halves = [found["share"] for found in job[1]]
    assert halves[0] == halves[1]
    assert halves[0]["sums"]["count"] == whole["sums"]["count"] == [1 + 24]
    for name in ("sum", "sumsq"):
        np.testing.assert_allclose(halves[0]["sums"][name], whole["sums"][name], rtol=1e-12)
    # Gradients first: Adam would hide a factor.
    for name in ("gradients", "weights"):
        np.testing.assert_allclose(halves[0][name], whole[name], rtol=1e-4, atol=1e-6)
    assert np.abs(whole["gradients"]).max() > 0.1


def test_ranks_share_the_processors(job):
    cores = len(os.sched_getaffinity(0))
    assert all(found["cores"] == max(1, round(cores / 2)) and found["size"] == 2 for found in job[1])


def test_weights_that_differ_are_an_error_that_names_the_rank(job):
    done, _ = job
    assert done.returncode != 0 and "drifted" in done.stdout  # and not before
    assert "the weights of rank 1 differ from those of rank 0" in done.stderr


def test_the_updates_of_several_workers_done_by_one_give_the_numbers_of_the_compiled_loop(whole):
    np.testing.assert_allclose(share(Communicator(), averaged=True)["weights"], whole["weights"], rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, forks):
    """A finished job of the launcher, with demonstrations, and the folder of its logs and policies."""
    folder = tmp_path_factory.mktemp("trained")
    env = point_reach(3)
    write_demonstrations(str(folder / "demos.npz"), run_episodes(env, straight), env.spec)
    done = forks.run(2, POINT_REACH, *TINY, "--n_epochs=2", "--seed=0", "--demo_batch_size=4",
                     f"--demo_file={folder / 'demos.npz'}", f"--log_path={folder / 'log'}",
                     f"--save_path={folder / 'policies'}")  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done, folder


def test_the_launcher_trains_on_two_ranks_and_rank_0_alone_logs_and_saves(trained):
    done, folder = trained
    assert done.stdout.count("| epoch ") == 2
    assert "120 steps per worker, 240 over 2 workers" in done.stdout
    with open(folder / "log" / "progress.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 and rows[1]["total/timesteps"] == "240"
    assert {p.name for p in (folder / "policies").iterdir()} == {"latest.safetensors", "best.safetensors"}
    assert len([p for p in (folder / "log").iterdir() if p.name.startswith("events.out")]) == 1


def test_every_rank_learns_from_demonstrations(trained):
    done, _ = trained
    assert "demonstrations: 3 episodes" in done.stdout and "loss/cloning" in done.stdout


def test_a_relay_is_the_same_on_every_rank_and_learns_from_all(tmp_path, forks):
    done = forks.run(2, f"--env={POINT_PUSH_ID}", *TINY, "--n_epochs=1", "--seed=0", "--random_hold=5",
                     "--relay_effector=0:2", f"--log_path={tmp_path / 'log'}")  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = str(tmp_path / "log" / "checkpoint")
    newest = checkpoint_numbers(folder, 0)[-1]
    first, second = (read_arrays(checkpoint_file(folder, newest, rank))[1] for rank in range(2))
    relay = [name for name in first if name.startswith("exploration/guide/")]
    assert {"exploration/guide/main_pi/0_kernel", "exploration/guide/Q_adam/step"} <= set(relay)
    for name in relay:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
    steps = 2 * 30  # of a rank: cycles, steps; all ranks' experience is averaged
    assert first["exploration/guide/o_stats/count"] == [1 + steps]
    assert first["exploration/guide/updates"] > 100, "the ranks have compared their weights"
    for name in ("buffer/observation", "exploration/held/held"):
        assert not np.array_equal(first[name], second[name]), "each has its own experience"
