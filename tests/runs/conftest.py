"""Fixtures of the tests of runs."""

import shutil
import signal
import time

import pytest

from baselines import run
from tests.helpers import uninterrupted
from tests.runs.helpers import LONGER, Launched, words


@pytest.fixture(autouse=True)
def interruptible(cwd, demos):
    """Let runs obey signals also where the tests are told to ignore them, as with `nohup` and `&`."""
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGHUP, hangup)
    signal.signal(signal.SIGINT, interrupt)


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """`whole(kind)`: the log and the policies of a run of four epochs that nothing interrupted."""
    return uninterrupted(tmp_path_factory.mktemp("whole"), words, n_epochs=4)


@pytest.fixture(scope="session")
def _three_epochs(tmp_path_factory):
    log = tmp_path_factory.mktemp("three") / "log"
    run.main(words("sync", "--n_epochs=3", f"--log_path={log}"))
    return log


@pytest.fixture
def log(_three_epochs, cwd):
    """A run of three epochs, to resume, in the folder `log` of the working directory."""
    shutil.copytree(_three_epochs, "log")
    return cwd / "log"


@pytest.fixture(scope="session")
def longer(forks, tmp_path_factory):
    """`longer(ranks)`: the log of a run of LONGER that nothing interrupted, and the seconds that it took.

    Those are the seconds until its first epoch had ended, and the seconds after that.
    """
    known = {}

    def run_of(ranks):
        if ranks not in known:
            log, begin = tmp_path_factory.mktemp("longer") / "log", time.monotonic()
            launched = Launched(forks, ranks, [*LONGER, f"--log_path={log}"], log.parent / "output.txt")
            assert launched.trains(), launched.output()
            first = time.monotonic()
            assert launched.process.wait(300) == 0, launched.output()
            known[ranks] = log, first - begin, time.monotonic() - first
        return known[ranks]

    return run_of
