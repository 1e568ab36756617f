"""Workers: what a real mpirun starts, and what is refused."""

import os
import subprocess
import sys
import time

import pytest

from baselines.common.errors import UserError
from baselines.common.mpi import Communicator, check_same_on_all, make_communicator
from tests.commands.doors import save
from tests.helpers import POINT_REACH, mpirun, mpirun_command


def test_a_rank_that_raises_ends_the_whole_job_with_its_message():
    start = time.monotonic()
    done = mpirun(2, "tests.common.mpi_worker", timeout=60)
    assert done.returncode != 0 and time.monotonic() - start < 60
    assert "rank 1 of 2 failed" in done.stderr and "the robot of rank 1 is on fire" in done.stderr


def test_a_rank_that_is_stopped_ends_the_whole_job_with_a_line_after_the_worker_timeout():
    start = time.monotonic()
    done = mpirun(2, "tests.common.mpi_worker", "stop", timeout=60)
    assert done.returncode != 0 and time.monotonic() - start < 30
    why = "has waited 2 s (--worker_timeout) for another worker, which hangs or was stopped; ending all workers"
    assert f"error (rank 0 of 2): {why}" in done.stderr and "Traceback" not in done.stderr


def test_bad_input_under_mpirun_is_said_once():
    done = mpirun(2, "baselines.run", "--batch_size=abc")
    assert done.returncode != 0
    assert done.stderr.count("batch_size: expected a whole number") == 1
    assert "Traceback" not in done.stderr


DIFFERENT = {
    "a seed and none": (["--seed=0"], [], "seed is 0 on rank 0 and not given on rank 1"),
    "settings": (["--hidden=8"], ["--hidden=9"], "hidden is 8 on rank 0 and 9 on rank 1"),
    "help": (["--help"], [], "--help is True on rank 0 and False on rank 1"),
}


@pytest.mark.parametrize(("first", "second", "message"), DIFFERENT.values(), ids=DIFFERENT)
def test_workers_that_were_given_different_things_are_refused_by_name_within_seconds(first, second, message, cwd):
    command = mpirun_command(1)
    words = [*command, "baselines.run", *first, ":", *command[1:], "baselines.run", *second]
    start = time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and time.monotonic() - start < 30
    assert done.stderr.count(f"all workers of a job need the same command, but {message}\n") == 1
    assert "Traceback" not in done.stderr and os.listdir() == ["taken"]


def test_a_folder_that_is_missing_on_one_host_ends_the_job(cwd):
    first, second = (["env", f"HOME={cwd}/{folder}"] for folder in ("home", "nowhere"))
    save(cwd / "home" / "policy")
    command, words = mpirun_command(1), ["baselines.run", POINT_REACH, "--load_path=~/policy", "--seed=0"]
    all_words = [*command[:3], *first, *command[3:], *words, ":", *command[1:3], *second, *command[3:], *words]
    done = subprocess.run(all_words, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "rank 1 of 2): no policy at" in done.stderr and not os.path.exists("runs")


def test_a_worker_alone_is_never_compared_and_what_is_equal_passes():
    check_same_on_all(Communicator(), {"seed": object()})
    check_same_on_all(Gathered({"x": 1, "y": 3, "z": float("nan")}), {"x": 1, "y": 3, "z": float("nan")})
    for other in ({"x": 2}, {}, {"x": None}, {"x": 1, "y": None}):
        with pytest.raises(UserError, match="all workers of a job need the same command"):
            check_same_on_all(Gathered(other), {"x": 1})


class Gathered(Communicator):
    """Of two workers."""

    size = 2

    def __init__(self, other):
        self._other = other

    def all_gather(self, x):
        return [x, {name: repr(value) for name, value in self._other.items()}]


def test_from_python_too_workers_that_were_given_different_things_end_within_seconds(cwd):
    program = cwd / "program.py"
    program.write_text(
        "import sys, baselines\n"
        "baselines.train(env='tests.environments:PointReach-v0', seed=int(sys.argv[1]), n_epochs=1)\n"
    )
    command = mpirun_command(1)[:-1]
    words = [*command, str(program), "0", ":", *command[1:], str(program), "1"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "seed is 0 on rank 0 and 1 on rank 1" in done.stderr


def test_under_mpirun_without_mpi4py_is_an_error_that_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(UserError, match=r"pip install mpi4py.*baselines-her\[mpi\]"):
        make_communicator()


@pytest.mark.parametrize(
    ("variable", "said"), [("PMI_SIZE=1", ""), ("SLURM_STEP_NUM_TASKS=4", "4 processes that know")]
)
def test_a_worker_that_is_alone_needs_no_mpi4py_and_is_told_of_others_that_it_cannot_reach(
    variable, said, monkeypatch, capsys
):
    monkeypatch.setenv(*variable.split("="))
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert make_communicator().size == 1
    line = capsys.readouterr().err
    assert said in line and line.count("warning: srun") == bool(said)


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
