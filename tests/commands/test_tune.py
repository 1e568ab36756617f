"""`python -m baselines.tune`: studies that several processes share, that go on, that prune, and that refuse."""

import gc
import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from baselines import run, tune
from baselines.common.errors import UserError
from baselines.common.settings import names_of
from baselines.her.experiment.config import SEARCH
from baselines.her.replay_buffer import ReplayBuffer
from baselines.runs.algorithms import Range, find
from baselines.runs.tuning import alive, storages
from baselines.runs.tuning.space import rounded, space_of
from tests.commands.doors import command_refused
from tests.helpers import POINT_REACH, ROOT, TINY, contents, rows, write_package

# An algorithm whose success is its setting x, but for the faults that other settings bring.
CHEAP = """
import dataclasses
import time
from baselines.runs.algorithms import Range
from baselines.common.errors import TrainingError, UserError
from baselines.common.settings import Settings, setting
from examples.cross_entropy import CrossEntropy

@dataclasses.dataclass(frozen=True)
class Config(Settings):
    x: float = setting(0.5, "the success rate", 0, 1)
    size: int = setting(8, "a number", 1, 1000)
    kind: str = setting("plain", "a word", choices=("plain", "salted"))
    only: str = setting("one", "a word", choices=("one",))
    flag: bool = setting(False, "yes or no")
    open: float = setting(1.0, "without an end", 0)
    wide: float = setting(1.0, "anything", 0, 1e30)
    word: str = setting("a", "any word")
    pause: float = setting(0.0, "seconds of an epoch", 0, 100)
    breaks: str = setting("never", "which values of x fail", choices=("never", "train", "config", "always", "nan"))
    logs: str = setting("success_rate", "what it is measured by")

    def __post_init__(self):
        super().__post_init__()
        if self.breaks == "config" and self.x > 0.6:
            raise UserError("x does not go with\\nthat")

SEARCH = {"x": Range(0.0, 1.0), "size": Range(2, 64, log=True)}

def learn(env, config, run):
    agent = CrossEntropy(env.spec)
    run.plan(1, env.num_env * env.spec.horizon)
    run.register(agent)
    run.logger._append_tensorboard = lambda *row: None  # for which each process would import TensorFlow
    for epoch in run.epochs():
        for _ in run.cycles():
            time.sleep(config.pause)
        if config.breaks == "always" or (config.breaks == "train" and config.x > 0.6):
            raise TrainingError("the loss is nan")
        steps = (epoch + 1) * env.num_env * env.spec.horizon
        x = float("nan") if config.breaks == "nan" else config.x
        run.end_epoch({f"test/{config.logs}": x, "total/timesteps": steps}, x)
    return agent
"""
ALG = "--alg=cheap_of_tune.algorithm"
EPOCHS = 4
CHEAP_STUDY = [ALG, POINT_REACH, "--vec_env=sync", f"--timesteps={EPOCHS * 30}", "--startup_trials=0"]
SQLITE, JOURNAL = "sqlite:///kept/study.db", "journal:kept/study.log"
NAME = "cheap_of_tune.algorithm-tests.environments-PointReach-v0"
pytestmark = pytest.mark.usefixtures("cwd", "cheap")


@pytest.fixture(scope="module")
def folder_of_cheap(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modules")
    write_package(folder, "cheap_of_tune", algorithm=CHEAP)
    return folder


@pytest.fixture
def cheap(folder_of_cheap, monkeypatch):
    """The algorithm, for this process and those that it starts."""
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.syspath_prepend(folder_of_cheap)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{folder_of_cheap}")


@pytest.fixture(scope="module")
def folder_of_begun(folder_of_cheap, tmp_path_factory):
    """A study of one trial in either kind of file."""
    folder = tmp_path_factory.mktemp("begun")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        patch.syspath_prepend(folder_of_cheap)
        patch.chdir(folder)
        for storage in (SQLITE, JOURNAL):
            tune.main(studied(storage=storage, n_trials=1))
    return folder


@pytest.fixture
def begun(folder_of_begun, cwd):
    """The same in the working directory."""
    shutil.copytree(folder_of_begun / "kept", cwd / "kept")


def studied(*words, storage=SQLITE, n_trials=4):
    """The words of a study's command."""
    return [*CHEAP_STUDY, f"--storage={storage}", f"--n_trials={n_trials}", *words]


def trials(storage=SQLITE, name=NAME):
    """What is in the storage, as Optuna itself reads it."""
    kept = storage
    if storage.startswith("journal:"):
        kept = optuna.storages.JournalStorage(JournalFileBackend(storage.removeprefix("journal:")))
    return optuna.load_study(study_name=name, storage=kept).trials


def counted(storage=SQLITE):
    return [t for t in trials(storage) if t.state != TrialState.FAIL or "error" in t.user_attrs]


def settings_of(found):
    return [t.user_attrs["settings"] for t in found]


def start(*words, **how):
    return subprocess.Popen([sys.executable, "-m", "baselines.tune", *studied(*words, **how)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)  # fmt: skip


def wait_for(path, seconds=60):
    end = time.monotonic() + seconds
    while not Path(path).exists():
        assert time.monotonic() < end, f"no {path} after {seconds} s"
        time.sleep(0.05)


# ---- one process ----


def test_a_study_prints_a_line_for_each_trial_and_the_command_line_of_the_best(capsys):
    tune.main(studied("--kind=salted", "--seed=3"))
    out, err = capsys.readouterr()
    first, *lines, best, command = out.splitlines()
    assert (
        first == (f"study {NAME} in {SQLITE}: 0 of 4 trials done; searching x, size; logs in runs/tune/{NAME}")
        and not err
    )
    found = trials()
    assert [t.number for t in found] == [0, 1, 2, 3]
    for line, trial in zip(lines, found, strict=True):
        x, size = trial.user_attrs["settings"].values()
        assert line.startswith(f"trial {trial.number}  {x:.4g}") and line.endswith(f"  x={x} size={size}")
    top = max((t for t in found if t.state == TrialState.COMPLETE), key=lambda t: t.value)
    x, size = top.user_attrs["settings"].values()
    assert best == f"best: trial {top.number}, test/success_rate {x:.4g} (mean of its last 3 epochs)"
    assert command == (
        f"python -m baselines.run {ALG} {POINT_REACH} --vec_env=sync --seed=3 --num_timesteps=120 --kind=salted "
        f"--x={x} --size={size}"
    )
    assert sorted(os.listdir(f"runs/tune/{NAME}")) == [f"trial-{n}" for n in range(4)]
    assert len(rows(f"runs/tune/{NAME}/trial-0")) == EPOCHS


def test_the_command_line_of_the_best_trains_what_the_trial_did(capsys):
    tune.main(studied())
    *_, best, command = capsys.readouterr().out.splitlines()
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "baselines.run"]
    run.main([*words[3:], "--log_path=again", "--quiet"])
    number = re.match(r"best: trial (\d+),", best)[1]
    log = f"runs/tune/{NAME}/trial-{number}"
    assert [row["test/success_rate"] for row in rows("again")] == [row["test/success_rate"] for row in rows(log)]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_trials_in_one_go_or_in_two(storage=JOURNAL):
    tune.main(studied(storage=storage, n_trials=13))  # beyond the ten that are drawn at random
    once = trials(storage)
    os.rename("kept", "before")
    tune.main(studied(storage=storage, n_trials=11))
    tune.main(studied(storage=storage, n_trials=13))
    twice = trials(storage)
    assert [(t.state, t.value) for t in once] == [(t.state, t.value) for t in twice]
    assert settings_of(once) == settings_of(twice)
    assert len({json.dumps(s) for s in settings_of(once)}) == 13
    assert os.path.isdir(f"runs/tune/{NAME}/trial-12-2")  # the second study's, which overwrote nothing
    os.rename("kept", "before2")
    tune.main(studied("--seed=1", storage=storage, n_trials=2))
    assert settings_of(trials(storage)) != settings_of(once[:2])


def test_a_trial_that_does_worse_than_half_of_those_before_is_ended_early(capsys):
    tune.main(studied("--startup_trials=1", "--warmup_epochs=1", n_trials=8))
    lines, found = capsys.readouterr().out.splitlines()[1:-2], trials()
    completed = []
    for trial, line in zip(found, lines, strict=True):
        x = trial.user_attrs["settings"]["x"]
        worse = bool(completed) and x < sorted(completed)[len(completed) // 2] and x < sum(completed) / len(completed)
        if trial.state == TrialState.PRUNED:
            assert len(trial.intermediate_values) == 2 and "pruned after 2 epochs" in line
            assert len(rows(f"runs/tune/{NAME}/trial-{trial.number}")) == 2
            assert x < max(completed)
        else:
            assert len(trial.intermediate_values) == EPOCHS and "pruned" not in line
            assert not worse or x >= sorted(completed)[(len(completed) - 1) // 2]
            completed.append(x)
    assert {t.state for t in found} == {TrialState.PRUNED, TrialState.COMPLETE}


def test_a_trial_that_would_be_ended_at_its_last_epoch_is_complete():
    tune.main(studied(f"--warmup_epochs={EPOCHS - 1}", n_trials=6))
    assert {t.state for t in trials()} == {TrialState.COMPLETE}


@pytest.mark.parametrize(("breaks", "message"), [("train", "the loss is nan"), ("config", "x does not go with that")])
def test_a_trial_that_fails_ends_with_its_line_and_not_the_study(breaks, message, capsys):
    tune.main(studied(f"--breaks={breaks}", n_trials=8))
    lines, found = capsys.readouterr().out.splitlines()[1:], trials()
    for line, trial in zip(lines, found, strict=False):
        failed = trial.user_attrs["settings"]["x"] > 0.6
        assert failed == (trial.state == TrialState.FAIL) == (f"failed: {message}  x=" in line)
    assert {t.state for t in found} >= {TrialState.FAIL, TrialState.COMPLETE}
    assert lines[-2].startswith("best: trial ")
    tune.main(studied(f"--breaks={breaks}", n_trials=8))
    assert len(trials()) == 8  # those that failed are not tried again


@pytest.mark.parametrize(("breaks", "why"), [("always", "the loss is nan"), ("nan", "its score is nan")])
def test_a_study_without_a_completed_trial_says_so(breaks, why, capsys):
    words = [] if breaks == "always" else ["--metric=test/success_rate"]
    with pytest.raises(SystemExit) as ended:
        tune.main(studied(f"--breaks={breaks}", *words, n_trials=2))
    out, err = capsys.readouterr()
    assert ended.value.code == 1 and out.count(f"failed: {why}") == 2
    assert err == f"error: no trial of 2 was completed; their logs are in runs/tune/{NAME}\n"


def test_the_score_is_the_success_rate_else_the_return_or_the_metric_that_is_named(capsys):
    tune.main(studied("--logs=mean_return", n_trials=1))
    assert "best: trial 0, test/mean_return 0." in capsys.readouterr().out
    os.rename("kept", "before")
    tune.main(studied("--logs=height", "--metric=test/height", n_trials=1))
    assert "best: trial 0, test/height 0." in capsys.readouterr().out
    os.rename("kept", "before2")
    with pytest.raises(SystemExit) as ended:
        tune.main(studied("--logs=height"))
    line = capsys.readouterr().err
    assert ended.value.code == 2 and line.count("\n") == 1
    assert line.startswith(
        "error: --metric: an epoch has no test/success_rate or test/mean_return; it has epoch, test/"
    )
    tune.main(studied("--logs=height", "--metric=test/height", n_trials=1))  # no trial had counted
    assert len(counted()) == 1


def test_her_and_ppo_are_tuned_by_their_own_tables(eagerly, capsys):
    tiny = [POINT_REACH, "--vec_env=sync", *TINY, "--num_env=1", "--preset=single"]
    tune.main([*tiny, "--n_trials=1", "--timesteps=30"])
    out = capsys.readouterr().out
    assert f"searching {', '.join(name for name in SEARCH if name != 'n_batches')};" in out
    command = shlex.split(out.splitlines()[-1])
    assert "--preset=single" in command and [w for w in command if w.startswith("--pi_lr=0.0")]
    run.main([*command[3:], "--num_timesteps=0", "--log_path=again"])
    ppo = ["--alg=ppo2", "--nsteps=30", "--nminibatches=1", "--noptepochs=1", "--n_cycles=1", "--n_test_episodes=1"]
    tune.main([POINT_REACH, "--vec_env=sync", *ppo, "--n_trials=1", "--timesteps=30"])
    out = capsys.readouterr().out
    assert "searching lr, gamma, lam, cliprange," in out and "best: trial 0, test/success_rate" in out
    run.main([*shlex.split(out.splitlines()[-1])[3:], "--num_timesteps=0", "--log_path=again2"])


# ---- several processes ----


@pytest.mark.slow
@pytest.mark.parametrize("storage", [SQLITE, JOURNAL])
def test_two_processes_share_the_trials_of_one_storage(storage):
    processes = [start("--pause=0.1", storage=storage, n_trials=10) for _ in range(2)]  # at once: both make it
    ended = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ended
    assert all(err == "" for _, err in ended)
    printed = [[int(n) for n in re.findall(r"^trial (\d+) ", out, re.M)] for out, _ in ended]
    found = counted(storage)
    assert len(found) == 10 and all(t.state in (TrialState.COMPLETE, TrialState.PRUNED) for t in found)
    assert sorted(printed[0] + printed[1]) == [t.number for t in found]  # none by both
    assert printed[0] and printed[1]
    assert len({json.dumps(s) for s in settings_of(found)}) == 10  # none tried twice


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_study_that_is_stopped_says_how_to_go_on_and_does(number, capsys):
    process = start("--pause=0.3", n_trials=3)
    wait_for(f"runs/tune/{NAME}/trial-1/progress.csv")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert re.fullmatch(r"stopped, \d of 3 trials done; the same command goes on\n", err), err
    stopped = [t for t in trials() if t.state == TrialState.FAIL]
    assert len(stopped) == 1 and not [t for t in trials() if t.state == TrialState.RUNNING]
    tune.main(studied("--pause=0.3", n_trials=3))
    assert len(counted()) == 3 and "best: " in capsys.readouterr().out


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_a_trial_that_does_not_count():
    process = start("--pause=0.5", n_trials=3)
    wait_for(f"runs/tune/{NAME}/trial-0/progress.csv")
    process.kill()
    process.communicate()
    assert [t.state for t in trials()] == [TrialState.RUNNING]
    tune.main(studied("--pause=0.5", n_trials=1))
    assert [t.state for t in trials()] == [TrialState.FAIL, TrialState.COMPLETE]


def test_a_trial_of_another_machine_runs_until_its_notes_end(monkeypatch, capsys):
    there = optuna.create_study(study_name=NAME, storage="sqlite:///far.db", direction="maximize")
    there.ask().set_user_attr("alive", {"place": "elsewhere", "process": 1, "at": time.time()})
    words = studied(storage="sqlite:///far.db", n_trials=1)
    assert "is not of python -m baselines.tune" in command_refused(capsys, tune.main, *words)
    tune.main([*words, "--study=mine"])
    mine = optuna.load_study(study_name="mine", storage="sqlite:///far.db")
    mine.ask().set_user_attr("alive", {"place": "elsewhere", "process": 1, "at": time.time()})
    capsys.readouterr()
    tune.main([*words, "--study=mine", "--n_trials=2"])
    assert "trials that still run in other processes: 1;" in capsys.readouterr().out
    monkeypatch.setattr(alive, "_LOST_AFTER", -1.0)
    monkeypatch.setattr(alive, "_EVERY", 0.01)
    tune.main([*words, "--study=mine", "--n_trials=2"])
    states = [t.state for t in trials("sqlite:///far.db", "mine")]
    assert states == [TrialState.COMPLETE, TrialState.FAIL, TrialState.COMPLETE]


def test_a_trial_that_another_process_gave_up_ends_with_a_line(monkeypatch, capsys):
    def give_up(given, fixed, log_path, number, settings, callback):
        if number == 0:
            other = optuna.load_study(study_name=NAME, storage=SQLITE)
            other.tell(0, state=TrialState.FAIL)
        return callback({"test/success_rate": 0.5}) or True

    monkeypatch.setattr(tune, "_train", give_up)
    tune.main(studied(n_trials=2))
    out = capsys.readouterr().out
    assert "trial 0  given up by another process" in out and "\ntrial 2  0.5  " in out


# ---- what is refused ----


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--seed=1"], "has --seed=0, this command --seed=1"),
     (["--timesteps=60"], "has --timesteps=120.0, this command --timesteps=60.0"),
     (["--kind=salted"], "has no --kind, this command --kind=salted"),
     (["--num_env=2"], "has no --num_env, this command --num_env=2"),
     (["--tuned=x"], "has --tuned=size,x, this command --tuned=x"),
     (["--metric=test/success_rate"], "has no --metric, this command --metric=test/success_rate"),
     (["--env=tests.environments:PointPush-v0", f"--study={NAME}"], "has --env=tests.environments:PointReach-v0, this"),
     (["--alg=her", f"--study={NAME}", *TINY], "has --alg=cheap_of_tune.algorithm, this command --alg=her")],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)  # fmt: skip
@pytest.mark.parametrize("storage", [SQLITE, JOURNAL])
def test_a_study_goes_on_with_what_it_began_with_alone(words, message, storage, begun, capsys):
    line = command_refused(capsys, tune.main, *studied(*words, storage=storage, n_trials=2))
    assert f"study {NAME} in {storage} {message}" in line and "or choose another --study=NAME" in line


def test_a_storage_has_room_for_several_studies(begun):
    before = settings_of(trials())
    tune.main(studied("--tuned=x", "--study=other", n_trials=1))
    assert [list(found) for found in settings_of(trials(name="other"))] == [["x"]]
    assert settings_of(trials()) == before


BAD_INPUT = {
    "unknown environment": (["--env=PointReech-v0"], ["nearest: PointReach-v0"]),
    "unknown algorithm": (["--alg=hr"], ["'hr'", "nearest: her"]),
    "unknown setting": (["--sice=3"], ["'sice'", "nearest: size"]),
    "unknown flag": (["--n_trial=3"], ["'n_trial'", "nearest: n_trials"]),
    "bad value": (["--x=2"], ["x: expected 0 to 1, got 2"]),
    "bad combination": (["--breaks=config", "--x=0.7"], ["x does not go with that"]),
    "unknown preset": (["--preset=single"], ["--preset=single", "has none"]),
    "no trials": (["--n_trials=0"], ["n_trials: expected 1 to"]),
    "no steps": (["--timesteps=0"], ["timesteps: expected 1 to"]),
    "stray word": (["more"], ["expected --flag=value, got 'more'"]),
    "nothing to search": (["--x=0.5", "--size=3"], ["nothing to search", "size and x given", "--tuned=NAME,NAME"]),
    "nothing named": (["--tuned=,"], ["--tuned: expected NAME or NAME,NAME, got nothing"]),
    "unknown setting to search": (["--tuned=x,sice"], ["'sice'", "nearest: size"]),
    "fixed and searched": (["--tuned=x", "--x=0.5"], ["--x is given, and searched"]),
    "no end to search": (["--tuned=open"], ["--tuned=open", "open has 0 to any", "with one: x, size"]),
    "too wide to search": (["--tuned=wide"], ["wide has 0 to 1e+30"]),
    "words to search": (["--tuned=word"], ["word has any word"]),
    "one choice to search": (["--tuned=only"], ["its only value is one"]),
    "policy that is not there": (["--load_path=nowhere"], ["nowhere"]),
    "back end without the task": (["--vec_env=envpool"], ["--vec_env=auto"]),
    "no module": (["--extra_import=no_such_module"], ["--extra_import=no_such_module"]),
    "no name": (["--study="], ["--study: expected a name"]),
    "logs below a file": (["--log_path=taken/logs"], ["cannot write", "taken"]),
    "database below a file": (["--storage=sqlite:///taken/s.db"], ["cannot write", "taken"]),
    "journal below a file": (["--storage=journal:taken/s.log"], ["cannot write", "taken"]),
    "database that is a folder": (["--storage=sqlite:///folder"], ["cannot write folder"]),
    "journal that is a folder": (["--storage=journal:folder"], ["cannot write folder"]),
    "no database": (["--storage=sqlite:///taken"], ["taken", "file is not a database"]),
    "damaged database": (["--storage=sqlite:///damaged.db"], ["damaged.db"]),
    "other database": (["--storage=sqlite:///other.db"], ["other.db is a database of something else (tables songs)"]),
    "half a database": (["--storage=sqlite:///half.db"], ["half.db"]),
    "no journal": (["--storage=journal:taken"], ["taken is no journal of Optuna's: line 1"]),
    "other JSON": (["--storage=journal:progress.json"], ["progress.json is no journal of Optuna's: line 1"]),
    "journal that was cut": (["--storage=journal:cut.log"], ["cut.log is no journal of Optuna's: line 2"]),
    "journal of nonsense": (["--storage=journal:nonsense.log"], ["cannot use --storage=journal:nonsense.log"]),
    "database in memory": (["--storage=sqlite://"], ["expected a file, sqlite:///FILE"]),
    "also in memory": (["--storage=sqlite:///:memory:"], ["expected a file, sqlite:///FILE"]),
    "no address": (["--storage=study.db"], ["expected sqlite:///FILE, postgresql://", "got 'study.db'"]),
    "other address": (["--storage=redis://localhost"], ["expected sqlite:///FILE, postgresql://"]),
    "journal without a name": (["--storage=journal:"], ["journal:FILE"]),
}


@pytest.mark.parametrize(("words", "parts"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_ends_with_one_line_before_any_trial_and_leaves_nothing_behind(words, parts, cwd, capsys):
    (cwd / "folder").mkdir()
    for name, tables in (("other.db", ["songs"]), ("half.db", ["studies"])):
        database = sqlite3.connect(name)
        for table in tables:
            database.execute(f"CREATE TABLE {table} (id INTEGER)")
        database.commit()
        database.close()
    (cwd / "damaged.db").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 20)
    (cwd / "progress.json").write_text('{"epoch": 0}\n')
    entry = '{"op_code": 0, "worker_id": "1", "study_name": "s", "directions": [2]}\n'
    (cwd / "cut.log").write_text(entry + entry[:20])
    (cwd / "nonsense.log").write_text('{"op_code": 0, "worker_id": "1"}\n')
    storage = [] if "--storage" in words[0] else [f"--storage={SQLITE}"]
    line = command_refused(capsys, tune.main, *CHEAP_STUDY, *storage, *words)
    assert [part for part in parts if part not in line] == []


def test_a_demonstration_file_that_is_not_there_is_refused_before_any_trial(capsys):
    assert "nowhere.npz" in command_refused(
        capsys, tune.main, POINT_REACH, *TINY, "--demo_batch_size=4", "--demo_file=nowhere.npz"
    )


def test_a_locked_database_is_refused_and_not_waited_for_forever(begun, monkeypatch, capsys):
    monkeypatch.setattr(storages, "_PATIENCE", 0.1)
    holder = sqlite3.connect("kept/study.db")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        assert "database is locked" in command_refused(capsys, tune.main, *studied(n_trials=2))
    finally:
        holder.close()


def test_a_storage_that_fails_later_ends_the_process_with_one_line(monkeypatch, capsys):
    def broken(*arguments, **named):
        raise OSError("the disk is full")

    monkeypatch.setattr(tune, "_train", broken)
    with pytest.raises(SystemExit) as ended:
        tune.main(studied())
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        f"error: the storage of study {NAME} fails: the disk is full; the same command goes on\n"
    )


@pytest.mark.parametrize(
    ("storage", "module", "package"),
    [("postgresql://me:secret@localhost/db", "psycopg2", "psycopg2-binary"),
     ("mysql://me:secret@localhost/db", "pymysql", "pymysql"),
     ("mysql+pymysql://me:secret@localhost/db", "pymysql", "pymysql")],
)  # fmt: skip
def test_a_missing_driver_is_named_and_no_password(storage, module, package, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    line = command_refused(capsys, tune.main, *studied(storage=storage))
    assert f"pip install {package}" in line and "secret" not in line


def test_without_optuna_one_line_says_how_to_install_it(monkeypatch, capsys):
    for name in [n for n in sys.modules if n.startswith("baselines.runs.tuning.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "optuna", None)
    line = command_refused(capsys, tune.main, *studied())
    assert line == "error: tuning needs Optuna (optuna is missing): pip install 'baselines-her[tune]'\n"


def test_mpirun_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(tune, "make_communicator", lambda: type("Two", (), {"size": 2}))
    assert "without mpirun" in command_refused(capsys, tune.main, *studied())


# ---- what is searched ----


def test_the_ranges_are_the_tables_else_the_settings_own():
    algorithm = find("cheap_of_tune.algorithm")
    assert {n: d.range for n, d in space_of(algorithm, None, ["size"]).items()} == {"x": Range(0.0, 1.0)}
    found = space_of(algorithm, "kind, flag,pause,size,x", [])
    assert list(found) == ["kind", "flag", "pause", "size", "x"]
    assert found["kind"].range == Range(choices=("plain", "salted"))
    assert found["flag"].range == Range(choices=(False, True))
    assert found["pause"].range == Range(0, 100) and not found["pause"].whole
    assert found["size"] == (Range(2, 64, log=True), True)
    her = space_of(find("her"), "hidden,layers,guide_eps,replay_strategy", [])
    assert her["hidden"] == (Range(1, 65536, log=True), True) and her["guide_eps"].range == Range(0, 1)
    assert her["layers"].range.log and her["replay_strategy"].range.choices == ("future", "none")


@pytest.mark.parametrize("alg", ["her", "ppo2"])
def test_every_algorithms_table_is_of_settings_that_take_its_ends(alg):
    algorithm = find(alg)
    assert 6 <= len(algorithm.SEARCH) <= 8 and set(algorithm.SEARCH) <= set(names_of(algorithm.Config))
    for end in ("low", "high"):
        algorithm.Config(**{n: getattr(r, end) for n, r in algorithm.SEARCH.items() if not r.choices})
    for name, where in algorithm.SEARCH.items():
        for choice in where.choices:
            algorithm.Config(**{name: choice})


def test_numbers_have_four_digits_and_stay_within_their_range():
    assert rounded(0.00123456, Range(1e-4, 1e-2)) == 0.001235
    assert rounded(0.99999, Range(0.9, 0.99995)) == 0.99995


def test_every_kind_of_setting_can_be_searched(capsys):
    tune.main(studied("--tuned=x,size,kind,flag", n_trials=5))
    for found in settings_of(trials()):
        assert type(found["x"]) is float and type(found["size"]) is int and type(found["flag"]) is bool
        assert found["kind"] in ("plain", "salted") and 2 <= found["size"] <= 64
    run.main([*shlex.split(capsys.readouterr().out.splitlines()[-1])[3:], "--num_timesteps=0", "--log_path=again"])


def test_words_of_the_command_line_are_quoted_for_the_shell():
    options = tune._completed(tune.TuneOptions(alg="her", env="A-v0", env_kwargs="{'size': 3}", timesteps=1e5))
    command = tune.command_line(options, {"demo_file": "my demos.npz", "word": "12"})
    words = shlex.split(command)[3:]
    assert "--env_kwargs={'size': 3}" in words and "--demo_file=my demos.npz" in words
    assert "--word='12'" in words and "--num_timesteps=100000" in words


def test_help_has_every_flag_and_what_is_searched(capsys):
    before = contents(".")
    tune.main(["--help"])
    text = capsys.readouterr().out
    assert text.startswith("usage: python -m baselines.tune") and contents(".") == before
    for name in names_of(tune.TuneOptions):
        assert f"\n  --{name} " in text
    assert "\n  pi_lr                   0.0001 to 0.01, log scale\n" in text
    with pytest.raises(UserError):
        space_of(find("her"), "demo_file", [])


def test_a_trial_leaves_no_agent_and_so_no_replay_buffer_in_memory(eagerly):
    tune.main([POINT_REACH, "--vec_env=sync", *TINY, "--n_trials=2", "--timesteps=30"])
    assert not [thing for thing in gc.get_objects() if isinstance(thing, ReplayBuffer)]
