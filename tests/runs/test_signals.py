"""Signals to real processes: the whole job, one worker of several, and mpirun."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from baselines import run
from baselines.runs.checkpoints import checkpoint_numbers
from tests.helpers import POINT_REACH, TINY, checkpoints, damage, mpirun_command, refused, rows, timeless
from tests.runs.helpers import LONGER, Launched

pytestmark = pytest.mark.slow


def wait_for_state(log, process, before=()):
    """Until there is a state that was not there before."""
    while not set(checkpoint_numbers(f"{log}/checkpoint", 0)) - set(before):
        time.sleep(0.02)
        assert process.poll() is None, process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_the_whole_job_leaves_the_environments_to_the_main_process(number):
    """As `timeout`, Slurm and systemd send SIGTERM, a terminal that closes SIGHUP, and Ctrl-C SIGINT.

    With `2>&1 | tee out.txt`, Ctrl-C ends tee at once, and nobody reads the output any more.
    """
    command = [sys.executable, "-m", "baselines.run", POINT_REACH, *TINY, "--vec_env=async", "--seed=0",
               "--n_epochs=300", "--log_path=log", "--num_env=2"]  # fmt: skip
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait_for_state("log", process)
    if number == signal.SIGINT:
        process.stdout.close()
        os.killpg(process.pid, number)
    else:
        os.killpg(process.pid, number)
        said, _ = process.communicate(timeout=60)
        assert b"to continue: python -m baselines.run --resume=log" in said, said
    assert process.wait(60) == 128 + number
    with pytest.raises(ProcessLookupError):  # none of the environments is left
        for _ in range(1000):
            os.killpg(process.pid, 0)
            time.sleep(0.01)
    done = len(rows("log"))
    assert max(checkpoints("log")) >= 3 * done > 0
    run.main(["--resume=log", f"--n_epochs={done + 1}"])
    assert len(rows("log")) == done + 1


# ---- two workers ----


def finish(launched):
    assert launched.process.wait(300) == 0, launched.output()


def test_a_signal_to_one_worker_or_to_mpirun_stops_all_in_order(forks, longer):
    epochs = []
    for to, number in (("one worker", signal.SIGTERM), ("mpirun", signal.SIGINT)):
        words = ["--resume=parts"] if epochs else [*LONGER, "--log_path=parts"]
        before = checkpoints("parts") if epochs else ()
        command = [*mpirun_command(2), "baselines.run"] if to == "mpirun" else [*mpirun_command(2)[:3], *forks.command]
        process = subprocess.Popen([*command, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env=forks.environment)  # fmt: skip
        wait_for_state("parts", process, before)
        os.kill(process.pid if to == "mpirun" else forks.runs()[-1], number)
        output, _ = process.communicate(timeout=60)
        assert "to continue: python -m baselines.run --resume=parts" in output and "Traceback" not in output
        epochs.append(len(rows("parts")))
    assert epochs[0] < epochs[1] < 20
    finish(Launched(forks, 2, ["--resume=parts"]))
    assert timeless("parts") == timeless(longer(2)[0]) and len(timeless("parts")) == 20


def test_two_workers_resume_together_and_only_two(forks, longer, capsys):
    finish(Launched(forks, 2, [*LONGER, "--n_epochs=2", "--log_path=parts"]))
    assert sorted(p.name for p in Path("parts/checkpoint").iterdir()) == [
        "13-rank0.safetensors", "13-rank1.safetensors", "26-rank0.safetensors", "26-rank1.safetensors"]  # fmt: skip
    assert "workers=2, not 1" in refused(capsys, "--resume=parts")
    damage("parts/checkpoint/26-rank1.safetensors", "flipped")  # both go back
    finish(Launched(forks, 2, ["--resume=parts", "--n_epochs=4"]))
    assert timeless("parts") == timeless(longer(2)[0])[:4] and len(timeless("parts")) == 4
