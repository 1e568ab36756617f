"""What environments do wrong ends the run with a line that names the environment."""

import contextlib
import errno
import multiprocessing
import os
import resource
import subprocess
import sys
from unittest import mock

import pytest

from baselines.common.errors import UserError
from baselines.envs import faults
from baselines.envs.faults import in_processes
from tests.environments import Variable
from tests.helpers import TINY, refused

pytestmark = pytest.mark.usefixtures("cwd")
TWO = ["--num_env=2", "--n_epochs=1", *TINY]


def faulty(kind):
    return f"--env=tests.environments:PointReach-{kind}-v0"


@pytest.mark.parametrize("back_end", ["sync", "async"])
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("raise", ["environment 0", "ValueError: the robot is on fire", "environments.py, line", "step 5"]),
        ("shape", ["environment 0", "'observation' of shape (1,), not (2,)", "step 5"]),
        ("nan", ["environment 0", "NaN", "step 5", "smaller actions", "--seed"]),
    ],
)
def test_a_faulty_environment_ends_the_run_with_its_index_and_step(capsys, back_end, fault, words):
    line = refused(capsys, faulty(fault), f"--vec_env={back_end}", *TWO, code=1)
    for word in words:
        # With processes the last of those that failed is named.
        assert word in line.replace("environment 1", "environment 0"), line


def test_an_environment_that_hangs_ends_the_run_after_the_timeout(capsys):
    line = refused(capsys, faulty("hang"), "--vec_env=async", "--step_timeout=1", *TWO, code=1)
    assert "environment 0 did not answer within 1 s" in line


@pytest.mark.parametrize("back_end", ["sync", "envpool"])
def test_a_timeout_without_processes_is_refused(capsys, back_end):
    line = refused(capsys, "--env=FetchReach-v1", f"--vec_env={back_end}", "--step_timeout=5")
    assert "--vec_env=async" in line


def test_a_process_that_dies_ends_the_run_with_its_environments_index(capsys):
    line = refused(capsys, faulty("die"), "--vec_env=async", *TWO, code=1)
    assert "the process of environment" in line and "died" in line


def test_processes_of_environments_end_without_a_traceback_when_the_main_process_is_killed():
    program = (
        "import os\n"
        "from baselines.envs.faults import in_processes\n"
        "from tests.environments import PointReach\n"
        "vector = in_processes(lambda _: PointReach(), 2, PointReach())\n"
        "vector.reset()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)  # waits for all of them
    assert done.returncode == -9 and "Traceback" not in done.stderr


def too_few_descriptors(monkeypatch):
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setattr(faults, "AsyncVectorEnv", None)  # is not reached
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 9, limits[1]))
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def full_memory(monkeypatch):
    monkeypatch.setattr(faults, "AsyncVectorEnv", mock.Mock(side_effect=OSError(errno.ENOSPC, "No space left")))


def daemon(monkeypatch):
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)


@pytest.mark.parametrize(
    ("lacking", "remedy"),
    [(too_few_descriptors, "ulimit -n"), (full_memory, "make room in /dev/shm"), (daemon, "ProcessPoolExecutor")],
)
def test_what_processes_lack_is_said_with_the_remedy(lacking, remedy, monkeypatch):
    undo = lacking(monkeypatch)
    try:
        with pytest.raises(UserError, match=f"{remedy}.*--vec_env=sync"):
            in_processes(lambda index: Variable(), 2, Variable())
    finally:
        if undo:
            undo()


def test_a_start_that_is_interrupted_leaves_no_process_for_which_python_would_wait(monkeypatch):
    def interrupted(*arguments, **named):
        raise KeyboardInterrupt

    before = set(multiprocessing.active_children())
    monkeypatch.setattr(faults.AsyncVectorEnv, "_check_spaces", interrupted)  # the processes have been started
    with pytest.raises(KeyboardInterrupt) as caught:  # whose traceback keeps their pipes open
        in_processes(lambda index: Variable(), 2, Variable())
    for process in set(multiprocessing.active_children()) - before:
        process.join(30)
        assert not process.is_alive()
    del caught


def test_environments_in_processes_know_the_variables_of_the_moment(monkeypatch):
    seen = []
    for value in ("first", "second"):  # the fork server, which makes both, was started before the second
        monkeypatch.setenv("SEEN", value)
        with contextlib.closing(in_processes(lambda _: Variable(), 2, Variable())) as vector:
            seen.append(vector.get_attr("seen"))
    monkeypatch.delenv("SEEN")
    with contextlib.closing(in_processes(lambda _: Variable(), 2, Variable())) as vector:
        seen.append(vector.get_attr("seen"))
    assert seen == [("first", "first"), ("second", "second"), (None, None)]
