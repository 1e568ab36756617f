"""How TensorFlow gets into a program that has other things to do."""

import subprocess
import sys

import pytest

from tests.helpers import POINT_REACH, TINY, refused

pytestmark = pytest.mark.slow
PROGRAM = """
import os, random, sys, threading
import baselines
from baselines.common.errors import UserError
from baselines.learning.quiet import import_tensorflow

def fork():
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        import_tensorflow()
        os._exit(0)
    except UserError as error:
        os._exit(3 if "spawn" in str(error) else 4)

before = random.getstate(), os.fstat(2)
threads = [threading.Thread(target=import_tensorflow) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert (random.getstate(), os.fstat(2)) == before
import tensorflow as tf
unused = fork()
tf.zeros(1)
print(unused, fork(), "errors arrive", file=sys.stderr)
"""


def test_two_threads_import_it_in_silence_and_a_fork_after_its_first_use_is_refused():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "0 3 errors arrive\n")


@pytest.mark.parametrize("name", ["XLA_FLAGS", "TF_XLA_FLAGS"])
def test_flags_that_would_end_the_process_are_refused_before_anything_is_written(name, cwd, monkeypatch, capsys):
    monkeypatch.setenv(name, "--xla_of_another_version=1")
    line = refused(capsys, POINT_REACH, *TINY, "--n_epochs=1", "--log_path=log", "--save_path=policies")
    assert line.startswith(f"error: {name}=--xla_of_another_version=1 ends TensorFlow (Unknown flag in {name}: ")
