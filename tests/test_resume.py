"""A run that was stopped, in whatever way, goes on as if it had not been."""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from baselines.her.checkpoints import read_newest

from baselines import run
from baselines.common.errors import UserError
from baselines.common.logger import Logger
from baselines.common.mpi import Communicator
from baselines.common.storage import state_files
from baselines.common.vec_env import make_vec_env
from baselines.her import train
from baselines.her.her import learn
from tests.test_config import demos  # noqa: F401
from tests.test_launcher import POINT_REACH, ROOT, TINY, contents, cwd, points_of_tensorboard, refused, rows  # noqa: F401
from tests.test_mpi import mpirun, mpirun_command

pytestmark = pytest.mark.usefixtures("cwd")
SYNC = [POINT_REACH, "--num_env=2", "--vec_env=sync"]
ENVPOOL = ["--env=FetchPush-v1", "--num_env=2", "--replay_priority=movement", "--target_interval=1"]
KINDS = {
    "sync": SYNC,
    "async": [POINT_REACH, "--num_env=2", "--vec_env=async"],
    "envpool": ENVPOOL,
    "demonstrations": [*SYNC, "--demo_file=demos.npz", "--demo_batch_size=4", "--batch_size=32"],
    "a small buffer": [*SYNC, "--buffer_size=100"],
    "episodes that end early": ["--env=tests.environments:PointReach-end-v0", "--num_env=2", "--vec_env=sync"],
}
TIMED = re.compile("time/.*|total/seconds|fps")


def words(kind, *more):
    return [*TINY, "--seed=0", "--policy_save_interval=2", *KINDS[kind], *more]


def timeless(log):
    """The text of progress.csv but for the columns of time."""
    return [{k: v for k, v in row.items() if not TIMED.fullmatch(k)} for row in rows(log)]


def checkpoints(log):
    return sorted(int(p.name.split("-")[0]) for p in Path(log, "checkpoint").iterdir())


def stop_after(monkeypatch, cycles, number=signal.SIGTERM):
    """Send this process a signal in the middle of that cycle."""
    real, count = train.train_cycle, []

    def train_cycle(*arguments):
        count.append(1)
        if len(count) == cycles:
            os.kill(os.getpid(), number)
        return real(*arguments)

    monkeypatch.setattr(train, "train_cycle", train_cycle)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_resumed_after_an_epoch_equals_one_never_interrupted(kind, demos):  # noqa: F811
    run.main(words(kind, "--n_epochs=4", "--log_path=whole", "--save_path=p1"))
    run.main(words(kind, "--n_epochs=2", "--log_path=parts", "--save_path=p2"))
    run.main(["--resume=parts", "--n_epochs=4"])
    assert timeless("parts") == timeless("whole") and len(timeless("whole")) == 4
    assert contents("p1") == contents("p2")  # latest, best and epoch_N, to the last bit
    assert len(Path("parts/progress.json").read_text().splitlines()) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_stopped_in_the_middle_of_an_epoch_goes_on_exactly(kind, demos, monkeypatch, capsys):  # noqa: F811
    run.main(words(kind, "--n_epochs=3", "--n_cycles=3", "--log_path=whole"))
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:
        stop_after(patch, cycles=5)
        run.main(words(kind, "--n_epochs=3", "--n_cycles=3", "--log_path=parts"))
    assert ended.value.code == 128 + signal.SIGTERM
    said = capsys.readouterr().err
    assert "to go on: python -m baselines.run --resume=parts" in said and "Traceback" not in said
    assert checkpoints("parts") == [4, 6]  # one a cycle and one an epoch
    assert len(rows("parts")) == 1
    run.main(["--resume=parts"])
    assert timeless("parts") == timeless("whole")


def test_ctrl_c_stops_in_order_and_a_second_one_at_once(monkeypatch, capsys):
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:
        stop_after(patch, cycles=2, number=signal.SIGINT)
        run.main(words("sync", "--n_epochs=3", "--log_path=once"))
    assert ended.value.code == 130 and checkpoints("once") == [2]  # after the last cycle, before the evaluation
    run.main(["--resume=once"])
    run.main(words("sync", "--n_epochs=3", "--log_path=whole"))
    assert timeless("once") == timeless("whole")
    capsys.readouterr()
    real = train.train_cycle

    def impatient(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)
        return real(*arguments)

    monkeypatch.setattr(train, "train_cycle", impatient)
    with pytest.raises(SystemExit) as ended:
        run.main(words("sync", "--n_epochs=3", "--log_path=twice"))
    assert ended.value.code == 130 and "interrupted" in capsys.readouterr().err
    assert not Path("twice/checkpoint").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler  # as before


def test_tensorboard_shows_epochs_that_had_to_be_done_again_once():
    run.main(words("sync", "--n_epochs=3", "--checkpoint_interval=2", "--log_path=log"))
    run.main(["--resume=log", "--n_epochs=4"])  # from the second epoch on
    assert len(rows("log")) == 4
    steps = [step for step, _ in points_of_tensorboard("log")["test/success_rate"]]
    assert steps == [int(row["total/timesteps"]) for row in rows("log")]


def test_a_run_without_checkpoints_writes_none():
    run.main(words("sync", "--n_epochs=2", "--log_path=log", "--checkpoint_interval=0"))
    assert not Path("log/checkpoint").exists()


@pytest.mark.parametrize(("interval", "kept"), [(1, [12, 15]), (2, [6, 12]), (3, [9])])
def test_checkpoints_are_written_at_the_interval_and_the_last_two_are_kept(interval, kept):
    run.main(words("sync", "--n_epochs=5", "--log_path=log", f"--checkpoint_interval={interval}"))
    assert checkpoints("log") == kept  # an epoch has 2 cycles


def test_a_finished_run_has_nothing_left_to_do_but_can_be_given_more():
    run.main(words("sync", "--n_epochs=2", "--log_path=log"))
    before = timeless("log")
    run.main(["--resume=log"])
    assert timeless("log") == before
    run.main(["--resume=log", "--num_timesteps=500"])  # 4 epochs of 120 steps
    run.main(words("sync", "--n_epochs=4", "--log_path=whole"))
    assert timeless("log") == timeless("whole")


def test_a_run_killed_before_its_first_checkpoint_begins_anew(monkeypatch):
    run.main(words("demonstrations", "--n_epochs=2", "--log_path=whole", "--hidden=4"))
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(train, "train_cycle", None)  # any death
        patch.setattr(run.sys, "excepthook", None)
        try:
            run.main(words("demonstrations", "--n_epochs=2", "--log_path=parts", "--hidden=4"))
        except TypeError:
            sys.exit(9)
    os.chdir("/")  # relative paths are those of then
    run.main([f"--resume={Path(os.environ['PWD_OF_TEST'])}/parts"])
    os.chdir(os.environ["PWD_OF_TEST"])
    assert timeless("parts") == timeless("whole")


@pytest.fixture(autouse=True)
def _here(cwd, monkeypatch, demos):  # noqa: F811
    monkeypatch.setenv("PWD_OF_TEST", str(cwd))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # for processes that are started in another folder
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which a test run in the background has not
    yield
    signal.signal(signal.SIGINT, before)


# ---- what may not differ ----


@pytest.mark.parametrize(
    "differs",
    ["--hidden=16", "--seed=1", "--num_env=3", "--env=FetchReach-v1", "--vec_env=async", "--preset=demos",
     "--save_path=elsewhere", "--log_path=elsewhere", "--n_batches=5", "--demo_file=demos.npz", "--load_path=elsewhere",
     "--clip_return=false", "--gamma=0.9"],
)  # fmt: skip
def test_what_differs_from_the_run_to_resume_is_refused_by_name(differs, capsys):
    run.main(words("sync", "--n_epochs=1", "--log_path=log"))
    line = refused(capsys, "--resume=log", differs)
    assert differs.partition("=")[0].strip("-") in line and "log" in line


def test_the_same_words_as_before_may_be_said_again():
    # However they are written: a gamma of 1 - 1 / T is what none stands for.
    same = ["--clip_return=true", f"--gamma={1 - 1 / 30}", "--norm_eps=1e-2"]
    run.main(words("sync", *same, "--n_epochs=1", "--log_path=log"))
    run.main(words("sync", *same, "--n_epochs=2", "--resume=log"))
    run.main(words("sync", "--n_epochs=2", "--log_path=whole"))
    assert timeless("log") == timeless("whole")


@pytest.mark.parametrize("name", ["discount", "nonsense"])
def test_what_is_no_setting_is_refused_from_python_too(name):
    run.main(words("sync", "--n_epochs=1", "--log_path=log"))
    env = make_vec_env("tests.environments:PointReach-v0", 2, [0, 1], "sync")
    with pytest.raises(UserError, match=name):
        learn(env=env, resume="log", **{name: None})


def test_logs_are_on_the_disk_before_a_state_that_counts_their_bytes(monkeypatch):
    real, order = os.fsync, []
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append(os.path.basename(_name(handle))), real(handle)))
    run.main(words("sync", "--n_epochs=1", "--log_path=log"))
    state = next(i for i, name in enumerate(order) if "rank0.npz" in name)
    assert {"log.txt", "progress.csv", "progress.json"} <= set(order[:state])
    assert any(name.startswith("events.out") for name in order[:state])


def test_fewer_epochs_than_there_were_train_nothing_more(capsys):
    run.main(words("sync", "--n_epochs=3", "--log_path=log"))
    before = timeless("log")
    line = refused(capsys, "--resume=log", "--n_epochs=2")
    assert "3" in line and "2" in line
    assert timeless("log") == before


def test_another_number_of_workers_is_refused(capsys):
    run.main(words("sync", "--n_epochs=1", "--log_path=log"))
    config = json.loads(Path("log/config.json").read_text())
    Path("log/config.json").write_text(json.dumps({**config, "workers": 2}))
    assert "workers 1 against 2" in refused(capsys, "--resume=log")


@pytest.mark.parametrize("missing", ["command.json", "config.json", "all"])
def test_a_folder_that_holds_no_run_is_refused(missing, capsys):
    run.main(words("sync", "--n_epochs=1", "--log_path=log"))
    Path("empty").mkdir()
    if missing != "all":
        Path("log", missing).unlink()
    folder = "empty" if missing == "all" else "log"
    assert folder in refused(capsys, f"--resume={folder}")


def test_a_run_that_kept_no_state_is_not_begun_anew_over_its_logs(capsys):
    run.main(words("sync", "--n_epochs=2", "--log_path=log", "--checkpoint_interval=0", "--save_path=saved"))
    before = contents("log") | contents("saved")
    assert "logged 2 epochs but holds no checkpoint" in refused(capsys, "--resume=log", "--n_epochs=3")
    assert contents("log") | contents("saved") == before


def test_states_of_another_run_are_in_the_way_of_a_new_one(capsys):
    run.main(words("sync", "--n_epochs=1", "--log_path=log"))
    for file in [f for f in Path("log").iterdir() if f.is_file()]:
        file.unlink()
    assert "holds files of another run" in refused(capsys, *words("sync", "--n_epochs=1", "--log_path=log"))


class Ranks(Communicator):
    """Of which the others answer what is set."""

    def __init__(self, **answers):
        self.answers = answers

    def all_gather(self, x):
        return self.answers.get(type(x).__name__, lambda x: [x])(x)


def test_a_first_checkpoint_that_not_all_workers_wrote_is_none():
    state_files.write("log/checkpoint", 3, 0, {}, {})
    quiet = Logger(quiet=True)
    assert read_newest("log", 1, Ranks(list=lambda mine: [mine, []]), quiet) is None
    Path("log/progress.csv").write_text("epoch\n0\n1\n")
    with pytest.raises(UserError, match="logged 2 epochs but holds no checkpoint of all workers"):
        read_newest("log", 1, Ranks(list=lambda mine: [mine, []]), quiet)


def test_all_ranks_log_into_the_folder_of_rank_0(monkeypatch):
    monkeypatch.setattr("baselines.run.new_run_folder", lambda *_: "runs/a-second-later")
    ranks = Ranks(str=lambda mine: ["runs/rank-0s", mine])
    run.run(words("sync", "--n_epochs=1"), ranks)
    assert Path("runs/rank-0s/checkpoint").exists() and not Path("runs/a-second-later").exists()


# ---- damage ----


def damage(path, how):
    data = bytearray(Path(path).read_bytes())
    if how == "cut":
        data = data[: len(data) // 2]
    elif how == "flipped":
        data[len(data) // 2] ^= 0x40
    else:
        data = b""
    Path(path).write_bytes(data)


@pytest.mark.parametrize("how", ["cut", "flipped", "emptied"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before_with_a_warning(how, capsys):
    run.main(words("sync", "--n_epochs=3", "--log_path=whole"))
    run.main(words("sync", "--n_epochs=3", "--log_path=log"))
    damage("log/checkpoint/9-rank0.npz", how)
    capsys.readouterr()
    run.main(["--resume=log"])
    assert "warning: cannot read log/checkpoint/9-rank0.npz" in capsys.readouterr().out
    assert timeless("log") == timeless("whole")


def test_damaged_checkpoints_without_a_sound_one_are_refused(capsys):
    run.main(words("sync", "--n_epochs=3", "--log_path=log"))
    for path in Path("log/checkpoint").iterdir():
        damage(path, "flipped")
    before = timeless("log")
    assert "no sound checkpoint" in refused(capsys, "--resume=log")
    assert timeless("log") == before


@pytest.mark.parametrize("fails", ["write", "fsync", "rename"])
def test_a_checkpoint_that_cannot_be_written_leaves_the_last_one_and_training_goes_on(fails, monkeypatch, capsys):
    real_write, real_fsync, real_rename, turn = np.savez, os.fsync, os.replace, []

    def maybe(real, applies):
        def call(*arguments, **named):
            if applies(*arguments) and (turn.append(1) or len(turn) >= 3):
                raise OSError(28, "No space left on device")
            return real(*arguments, **named)

        return call

    if fails == "write":
        monkeypatch.setattr(np, "savez", maybe(real_write, lambda *_: True))
    elif fails == "fsync":
        monkeypatch.setattr(os, "fsync", maybe(real_fsync, lambda handle: "rank0" in _name(handle)))
    else:
        monkeypatch.setattr(os, "replace", maybe(real_rename, lambda _, path: "rank0" in str(path)))
    run.main(words("sync", "--n_epochs=4", "--log_path=log"))
    assert "no checkpoint written (No space left on device); training goes on" in capsys.readouterr().out
    assert len(rows("log")) == 4
    assert sorted(p.name for p in Path("log/checkpoint").iterdir()) == ["3-rank0.npz", "6-rank0.npz"]
    monkeypatch.undo()
    os.chdir(Path("log").resolve().parent)


def _name(handle):
    return os.readlink(f"/proc/self/fd/{handle}")


def test_a_checkpoint_holds_no_python_objects():
    run.main(words("sync", "--n_epochs=1", "--log_path=log"))
    with np.load("log/checkpoint/3-rank0.npz", allow_pickle=False) as file:
        assert all(file[name].dtype.kind in "fiub" for name in file.files)
    document, arrays = state_files.read("log/checkpoint", 3, 0)
    assert document["progress"]["epoch"] == 1 and "buffer/observation" in arrays


# ---- signals to more than the main process ----

LONG = [*TINY, "--seed=0", "--n_epochs=300", "--log_path=log", "--num_env=2"]


def started(*words, **pipes):
    process = subprocess.Popen([sys.executable, "-m", "baselines.run", *words], start_new_session=True, **pipes)
    while not Path("log/checkpoint").exists():
        time.sleep(0.02)
        assert process.poll() is None
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_to_the_whole_job_leaves_the_environments_to_the_main_process(number, code):
    """As a terminal sends Ctrl-C, and `timeout`, Slurm and systemd SIGTERM."""
    process = started(POINT_REACH, "--vec_env=async", *LONG, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    os.killpg(process.pid, number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == code and b"to go on: python -m baselines.run --resume=log" in told, told
    with pytest.raises(ProcessLookupError):  # none of the environments is left
        for _ in range(100):
            os.killpg(process.pid, 0)
            time.sleep(0.1)


def test_the_state_is_written_even_if_nobody_reads_the_output_any_more():
    """As with `2>&1 | tee out.txt`: Ctrl-C ends tee at once."""
    process = started(POINT_REACH, "--vec_env=sync", *LONG, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    process.stdout.close()
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(60) == 130
    done = len(rows("log"))
    assert max(checkpoints("log")) >= 3 * done > 0
    run.main(["--resume=log", f"--n_epochs={done + 1}"])
    assert len(rows("log")) == done + 1


# ---- kill -9 ----

KILLED = [POINT_REACH, "--num_env=2", "--vec_env=sync", "--seed=0", "--n_epochs=20", "--n_cycles=12", "--n_batches=2",
          "--batch_size=16", "--hidden=8", "--layers=1", "--n_test_rollouts=1"]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_run_killed_20_times_at_random_moments_ends_with_the_numbers_of_one_never_killed(ranks):
    """Every fifth time while it starts or reads its state, else while it trains, which a fast and a slow machine reach
    at different times. Of two ranks, one is killed; the job must end within 60 s of it."""
    whole, begin = _launched(ranks, [*KILLED, "--log_path=whole"]), time.monotonic()
    assert _trains(whole)
    to_start, trained_from = time.monotonic() - begin, time.monotonic()
    assert whole.wait(300) == 0, Path("output.txt").read_text()
    to_train = time.monotonic() - trained_from
    rng, kills, resumed, log = random.Random(0), 0, 0, Path("chain")
    while kills < 20:
        at_start = kills % 5 == 4
        begun = (log / "command.json").exists() and (log / "config.json").exists()
        if not begun and log.exists():  # killed before anything was there to go on with
            log.rename(f"stillborn{kills}")
        process = _launched(ranks, [f"--resume={log}"] if begun else [*KILLED, f"--log_path={log}"])
        assert at_start or _trains(process) or process.wait() == 0, Path("output.txt").read_text()
        time.sleep(rng.uniform(0, to_start if at_start else to_train / 4))
        alive = [process.pid] if ranks == 1 else _ranks_of(process.pid)
        if alive and process.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it ended between being seen and being killed
                os.kill(rng.choice(alive), signal.SIGKILL)
                kills, resumed = kills + 1, resumed + begun
        if process.wait(60) == 0:  # the other rank does not hang; or it was through before
            assert timeless(log) == timeless("whole")
            log = Path(f"{log}+")
    assert resumed >= 10, "most kills hit a run that had been resumed"
    if log.exists():
        assert _launched(ranks, [f"--resume={log}"]).wait(300) == 0, Path("output.txt").read_text()
        assert timeless(log) == timeless("whole")


def _launched(ranks, argv):
    launcher = mpirun_command(ranks) if ranks > 1 else [sys.executable, "-m"]
    with open("output.txt", "w") as output:
        return subprocess.Popen([*launcher, "baselines.run", *argv], stdout=output, stderr=output)


def _trains(process):
    """Wait until it has said that training begins; False where it ended before."""
    while "environments:" not in Path("output.txt").read_text():
        time.sleep(0.02)
        if process.poll() is not None:
            return False
    return True


def _ranks_of(launcher):
    """Processes below the launcher that run Python."""
    found, wanted = [], {launcher}
    table = [
        line.split(None, 2)
        for line in subprocess.check_output(["ps", "-eo", "pid,ppid,args"], text=True).splitlines()[1:]
    ]
    for pid, parent, args in table * 3:  # children may be listed before their parents
        if int(parent) in wanted:
            wanted.add(int(pid))
            if "baselines.run" in args and "mpirun" not in args and "hydra" not in args and int(pid) not in found:
                found.append(int(pid))
    return found


# ---- many workers ----


@pytest.mark.slow
def test_two_workers_resume_together_and_only_two():
    common = ["baselines.run", *words("sync")]
    for argv in (["--n_epochs=4", "--log_path=whole"], ["--n_epochs=2", "--log_path=parts"]):
        done = mpirun(2, *common, *argv)
        assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in Path("parts/checkpoint").iterdir()) == [
        "3-rank0.npz", "3-rank1.npz", "6-rank0.npz", "6-rank1.npz"]  # fmt: skip
    alone = subprocess.run([sys.executable, "-m", "baselines.run", "--resume=parts"], capture_output=True, text=True)
    assert alone.returncode == 2 and "workers 1 against 2" in alone.stderr
    damage("parts/checkpoint/6-rank1.npz", "flipped")  # both go back
    done = mpirun(2, "baselines.run", "--resume=parts", "--n_epochs=4")
    assert done.returncode == 0, done.stderr
    assert timeless("parts") == timeless("whole")


@pytest.mark.slow
@pytest.mark.parametrize("to, number", [("one worker", signal.SIGTERM), ("mpirun", signal.SIGINT)])
def test_a_signal_to_one_worker_or_to_mpirun_stops_all_in_order(to, number):
    done = mpirun(2, "baselines.run", *KILLED, "--log_path=whole")
    assert done.returncode == 0, done.stderr
    command = [*mpirun_command(2), "baselines.run", *KILLED, "--log_path=parts"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while not Path("parts/checkpoint").exists():
        time.sleep(0.05)
        assert process.poll() is None, process.communicate()[0]
    os.kill(process.pid if to == "mpirun" else _ranks_of(process.pid)[-1], number)
    output, _ = process.communicate(timeout=60)
    assert "to go on: python -m baselines.run --resume=parts" in output and "Traceback" not in output
    assert len(rows("parts")) < 20
    done = mpirun(2, "baselines.run", "--resume=parts")
    assert done.returncode == 0, done.stderr
    assert timeless("parts") == timeless("whole")
