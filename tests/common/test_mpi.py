"""Workers: what a real mpirun starts, and what is refused."""

import os
import sys
import time

import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.common.mpi import Communicator, make_communicator
from baselines.common.seeding import env_seeds
from baselines.common.vec_env import make_vec_env
from tests.helpers import POINT_REACH_ID, mpirun


def test_a_rank_that_raises_ends_the_whole_job_with_its_message():
    start = time.monotonic()
    done = mpirun(2, "tests.common.mpi_worker", timeout=60)
    assert done.returncode != 0 and time.monotonic() - start < 60
    assert "rank 1 of 2 failed" in done.stderr and "the robot of rank 1 is on fire" in done.stderr


def test_bad_input_under_mpirun_is_said_once():
    done = mpirun(2, "baselines.run", "--batch_size=abc")
    assert done.returncode != 0
    assert done.stderr.count("batch_size: expected a whole number") == 1
    assert "Traceback" not in done.stderr


def test_under_mpirun_without_mpi4py_is_an_error_that_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(UserError, match=r"pip install mpi4py.*\.\[mpi\]"):
        make_communicator()


def test_an_mpi4py_of_an_mpi_that_is_not_the_launchers_is_refused(monkeypatch):
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


def test_environments_of_two_ranks_start_differently():
    first, second = (
        make_vec_env(POINT_REACH_ID, 2, env_seeds(0, rank, "train", 2), "sync").reset()["observation"]
        for rank in range(2)
    )
    assert not np.array_equal(first, second)
