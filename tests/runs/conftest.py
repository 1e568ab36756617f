"""Fixtures of the tests of runs."""

import shutil
import signal
import time

import pytest

from baselines import run
from baselines.her.ddpg import DDPG
from tests.runs.forks import Forks
from tests.runs.helpers import LONGER, Launched, words


@pytest.fixture(autouse=True)
def interruptible(cwd, demos):
    """Ctrl-C raises KeyboardInterrupt, which it does not in tests that run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def without_updates(monkeypatch):
    """Cycles that roll out and store, for what does not depend on what is learnt: nothing is compiled."""
    monkeypatch.setattr(DDPG, "train", lambda agent, batches, progress_remaining: dict.fromkeys(agent.metrics, 0.0))
    monkeypatch.setattr(DDPG, "end_cycle", lambda agent: None)


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """`whole(kind)`: the log and the policies of a run of four epochs that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")

    def run_of(kind):
        log, policies = folder / kind / "log", folder / kind / "policies"
        if not log.exists():
            run.main(words(kind, "--n_epochs=4", f"--log_path={log}", f"--save_path={policies}"))
        return log, policies

    return run_of


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
def forks(tmp_path_factory):
    """What starts runs in processes of their own without the seconds that imports take."""
    forks = Forks(tmp_path_factory.mktemp("forks"))
    yield forks
    forks.close()


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
