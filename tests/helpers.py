"""What several test files share: command lines, what a run leaves behind, and training from Python."""

import contextlib
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import baselines
from baselines import run
from baselines.common.errors import UserError
from baselines.common.specs import EnvSpec
from baselines.envs import make_vec_env
from baselines.envs.lockstep import run_episodes
from baselines.her import train as her_train
from baselines.her.types import Episodes

ROOT = Path(__file__).parent.parent
POINT_REACH_ID = "tests.environments:PointReach-v0"
POINT_REACH = f"--env={POINT_REACH_ID}"
POINT_PUSH_ID = "tests.environments:PointPush-v0"
HORIZON = 30  # steps of an episode of PointReach
TINY_SETTINGS = dict(n_cycles=2, n_batches=2, batch_size=16, hidden=8, layers=1, n_test_rollouts=1)
TINY = [f"--{name}={value}" for name, value in TINY_SETTINGS.items()]
TIMED = re.compile("time/.*|total/seconds|fps")  # columns of progress.csv


# ---- what there is in folders ----


def contents(folder):
    """Every file's bytes, and None for every folder."""
    return {p.relative_to(folder): p.read_bytes() if p.is_file() else None for p in Path(folder).rglob("*")}


def rows(log):
    """The rows of progress.csv."""
    with open(Path(log) / "progress.csv", newline="") as file:
        return list(csv.DictReader(file))


def timeless(log):
    """The same but for the columns of time."""
    return [{k: v for k, v in row.items() if not TIMED.fullmatch(k)} for row in rows(log)]


def document(log):
    """config.json of a run."""
    return json.loads((Path(log) / "config.json").read_text())


def checkpoints(log):
    """The numbers of the states that are kept."""
    return sorted(int(p.name.split("-")[0]) for p in Path(log, "checkpoint").iterdir())


def write_package(folder, name, **modules):
    """A package with one file for each of `modules`; names differ between tests, as imports are kept."""
    (folder / name).mkdir()
    for module, text in {"__init__": "", **modules}.items():
        (folder / name / f"{module}.py").write_text(text)


def damage(path, how):
    """Cut a file in half, flip one bit of it, or empty it."""
    data = bytearray(Path(path).read_bytes())
    if how == "cut":
        data = data[: len(data) // 2]
    elif how == "flipped":
        data[len(data) // 2] ^= 0x40
    else:
        data = b""
    Path(path).write_bytes(data)


def damaged(data, rng):
    """`data` cut off, or with up to three bytes changed: to any value, to one of its own, or by one bit."""
    if rng.random() < 0.2:
        return data[: rng.integers(len(data))]
    data = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        at = rng.integers(len(data))
        data[at] = rng.choice([rng.integers(256), data[rng.integers(len(data))], data[at] ^ (1 << rng.integers(8))])
    return bytes(data)


def points_of_tensorboard(log):
    """Steps and values, in the order in which they were written, by metric."""
    points = {}
    for path in sorted(Path(log).glob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                if value.tag.startswith("_hparams_/") or value.HasField("image"):
                    continue
                points.setdefault(value.tag, []).append((event.step, float(tf.make_ndarray(value.tensor))))
    return points


# ---- strangers' files ----


MOST_MEMORY, SECONDS = 64, 10  # MiB and seconds of a case; the files have about 20 kB


def memory(which):
    """VmRSS or VmHWM of this process: what it has now, or the most it had, in MiB."""
    return int(Path("/proc/self/status").read_text().split(f"{which}:")[1].split()[0]) >> 10


@contextlib.contextmanager
def within_bounds(folder=None):
    """A case that may be refused."""
    files = folder and contents(folder)
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
    before, begin = memory("VmRSS"), time.monotonic()
    try:
        yield
    except UserError as error:
        assert str(error).isprintable() and 0 < len(str(error)) <= 2000
    assert memory("VmHWM") - before < MOST_MEMORY and time.monotonic() - begin < SECONDS
    assert files is None or contents(folder) == files


# ---- running ----


def refused(capsys, *argv, code=2):
    """The one line that the launcher ends with. Bad input (code 2) leaves nothing behind and trains nothing."""
    before = contents(".")
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        if code == 2:
            patch.setattr(her_train, "train", None)  # a call would fail
        run.main(list(argv))
    line = capsys.readouterr().err
    assert ended.value.code == code
    assert line.startswith("error") and line.endswith("\n") and line.count("\n") == 1, line
    assert "Traceback" not in line
    if code == 2:
        assert contents(".") == before
    return line


def point_reach(num_env=4, back_end="sync", name=POINT_REACH_ID):
    """Environments that the caller closes, or the test's process at its end."""
    return make_vec_env(name, num_env, list(range(num_env)), back_end)


def goal_spec(env_id="any", observation=2, goal=2, action=2, horizon=HORIZON):
    """Return the spec of a goal environment of these sizes."""
    sizes = dict(observation=observation, achieved_goal=goal, desired_goal=goal)
    return EnvSpec(env_id, sizes, action, horizon, has_reward_function=True)


def play_episodes(env, act):
    """Return one whole episode of each environment; `act(observation)` is in the environment's units."""
    return Episodes.of(run_episodes(env, act), env.spec, env.compute_reward.info_size)


def train_rows(**settings):
    """The rows of a run on PointReach from Python, without files."""
    seen = []
    baselines.train(**{"env": point_reach(), "seed": 0, "callback": seen.append, **settings})
    return seen


def straight(observation):
    """A perfect demonstrator of PointReach."""
    return np.clip(10 * (observation["desired_goal"] - observation["achieved_goal"]), -1, 1)


def mpirun_command(ranks):
    """What starts a module on so many ranks. The launcher is of this Python's environment, else the system's."""
    beside_python = os.path.dirname(sys.executable)
    launcher = shutil.which("mpirun", path=os.pathsep.join([beside_python, os.environ["PATH"]]))
    assert launcher, "no mpirun: pip install -e '.[test]' brings one"
    return [launcher, "-np", str(ranks), sys.executable, "-m"]


def mpirun(ranks, *words, timeout=300):
    """The finished process."""
    return subprocess.run([*mpirun_command(ranks), *words], capture_output=True, text=True, timeout=timeout)


def uninterrupted(folder, words, n_epochs):
    """Return a function from a kind of run to its log and policies; `words(kind, *more)` is the command."""

    def run_of(kind):
        log, policies = folder / kind / "log", folder / kind / "policies"
        if not log.exists():
            run.main(words(kind, f"--n_epochs={n_epochs}", f"--log_path={log}", f"--save_path={policies}"))
        return log, policies

    return run_of
