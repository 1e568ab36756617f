"""`python -m baselines.tune`: trials, the best of them, studies that processes share and continue, and bad input."""

import contextlib
import errno
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
from baselines.common.cli import command_line
from baselines.common.errors import TrainingError, UserError
from baselines.common.settings import names_of
from baselines.her.experiment.config import SEARCH
from baselines.runs import tuning
from baselines.runs.algorithms import Range, find
from tests.commands.doors import command_refused
from tests.helpers import POINT_REACH, ROOT, TINY, rows, write_package

# An algorithm whose success rate is its setting x.
CHEAP = """
import dataclasses
from baselines.runs.algorithms import Range
from baselines.common.errors import TrainingError
from baselines.common.settings import Settings, setting
from examples.cross_entropy import CrossEntropy

@dataclasses.dataclass(frozen=True)
class Config(Settings):
    x: float = setting(0.5, "the success rate", 0, 1)
    size: int = setting(8, "a number", 1, 1000)
    kind: str = setting("plain", "a word", choices=("plain", "salted"))
    flag: bool = setting(False, "yes or no")
    open: float = setting(1.0, "without an end", 0)
    wide: float = setting(1.0, "anything", 0, 1e30)
    limit: float = setting(1.0, "the highest x that can be trained", 0, 1)

SEARCH = {"x": Range(0.0, 1.0), "size": Range(2, 64, log=True)}

def learn(env, config, run):
    agent = CrossEntropy(env.spec)
    agent.circle = agent
    run.plan(1, env.num_env * env.spec.horizon)
    run.register(agent)
    run.logger.sinks.clear()  # TensorBoard, for which each process would import TensorFlow
    for epoch in run.epochs():
        if config.x > config.limit:
            raise TrainingError("the loss is nan")
        steps = (epoch + 1) * env.num_env * env.spec.horizon
        run.end_epoch({"test/success_rate": config.x, "total/timesteps": steps}, config.x)
    return agent
"""
ALG = "--alg=cheap_of_tune.algorithm"
EPOCHS = 4
SQLITE, JOURNAL = "sqlite:///kept/study.db", "journal:kept/study.log"
NAME = "cheap_of_tune.algorithm-tests.environments-PointReach-v0"
FINISHED = ["--limit=0.8", "--seed=1", "--startup_trials=1", "--warmup_epochs=1"]
pytestmark = pytest.mark.usefixtures("cwd", "cheap")


@pytest.fixture(scope="module")
def folder_of_cheap(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modules")
    write_package(folder, "cheap_of_tune", algorithm=CHEAP)
    gc.collect()
    gc.freeze()  # which spares the collection after each trial the objects of other tests
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        patch.syspath_prepend(folder)
        yield folder
    gc.unfreeze()


@pytest.fixture
def cheap(folder_of_cheap, monkeypatch):
    """The algorithm, for this process and those that it starts."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{folder_of_cheap}")


@pytest.fixture(scope="module")
def folder_of_finished(folder_of_cheap, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        tune.main(studied(*FINISHED, n_trials=8))
    return folder


@pytest.fixture
def finished(folder_of_finished, cwd):
    """A study with completed, pruned and failed trials."""
    shutil.copytree(folder_of_finished, cwd, dirs_exist_ok=True)


@pytest.fixture
def quick(monkeypatch):
    """Trials without training, whose score in every epoch is x."""
    replace_training(monkeypatch, lambda number, settings: [settings["x"]] * EPOCHS)


def replace_training(monkeypatch, scores_of, metric="test/success_rate"):
    def train(options, settings, folder, callback):
        for score in scores_of(int(folder.rpartition("-")[2]), settings):
            callback({"epoch": 0, metric: score})

    monkeypatch.setattr(tune, "_train", train)
    monkeypatch.setattr(tuning, "draw", lambda study, folder: [])


def studied(*words, storage=SQLITE, n_trials=4):
    """The words of a study's command."""
    return [ALG, POINT_REACH, "--vec_env=sync", f"--timesteps={EPOCHS * 30}", f"--storage={storage}",
            f"--n_trials={n_trials}", *words]  # fmt: skip


def trials(storage=SQLITE, name=NAME):
    """The trials in the storage, as Optuna itself reads them."""
    if storage.startswith("journal:"):
        storage = optuna.storages.JournalStorage(JournalFileBackend(storage.removeprefix("journal:")))
    return optuna.load_study(study_name=name, storage=storage).trials


def settings_of(found):
    return [tuning.settings_of(t) for t in found]


# ---- trials ----


def test_a_study_prints_a_line_for_each_trial_and_the_command_line_of_the_best(finished, capsys):
    tune.main(studied(*FINISHED, n_trials=9))
    out, err = capsys.readouterr()
    first, searching, last, files, best, command = out.splitlines()
    assert not [thing for thing in gc.get_objects() if type(thing).__name__ == "CrossEntropy"]  # nor replay buffers
    assert first == f"study {NAME} in {SQLITE}: 8 of 9 trials done; logs in runs/tune/{NAME}" and not err
    assert searching == "searching x, size" and last.startswith("trial 8  ")
    found = trials()
    assert [t.number for t in found] == list(range(9)) and len({json.dumps(s) for s in settings_of(found)}) == 9
    assert {t.state for t in found} == {TrialState.PRUNED, TrialState.COMPLETE, TrialState.FAIL}
    completed = {}
    for number, (trial, settings) in enumerate(zip(found, settings_of(found), strict=True)):
        x, length = settings["x"], len(trial.intermediate_values)
        assert (trial.state == TrialState.FAIL) == (x > 0.8) == ("error" in trial.user_attrs)
        if trial.state == TrialState.PRUNED:  # worse than half of those before
            assert length == 2 and x < sorted(completed)[len(completed) // 2]
        if trial.state == TrialState.COMPLETE:
            completed[x] = number, settings
            assert length == EPOCHS == len(rows(f"runs/tune/{NAME}/trial-{number}")) and trial.value == pytest.approx(x)
    number, settings = completed[max(completed)]
    x, size = settings.values()
    assert best == f"best: trial {number}, test/success_rate {x:.4g} (mean of its last 3 epochs)"
    assert command == (
        f"python -m baselines.run {ALG} {POINT_REACH} --vec_env=sync --seed=1 --num_timesteps=120 --limit=0.8 --x={x} "
        f"--size={size}"
    )
    run.main([*shlex.split(command)[3:], "--log_path=again", "--quiet"])
    run.main([f"--config=runs/tune/{NAME}/best.json", "--log_path=file", "--quiet"])
    for log in ("again", "file"):
        assert [float(row["test/success_rate"]) for row in rows(log)] == [x] * EPOCHS
    pictures = ["history.png", "importances.png", "slices.png"]
    assert files == f"best.json (for --config), {', '.join(pictures)} in runs/tune/{NAME}"
    assert all(Path(f"runs/tune/{NAME}/{name}").read_bytes().startswith(b"\x89PNG") for name in pictures)


def test_the_same_seed_gives_the_same_trials_in_one_go_or_in_two(quick):
    tune.main(studied(storage=JOURNAL, n_trials=13))  # more than the ten that are drawn at random
    once = trials(JOURNAL)
    os.rename("kept", "before")
    tune.main(studied(storage=JOURNAL, n_trials=11))
    tune.main(studied(storage=JOURNAL, n_trials=13))
    twice = trials(JOURNAL)
    assert [(t.state, t.params) for t in once] == [(t.state, t.params) for t in twice]
    tune.main(studied("--seed=1", "--study=other", storage=JOURNAL, n_trials=2))
    assert settings_of(trials(JOURNAL, "other")) != settings_of(once[:2])


def test_a_trial_that_fails_ends_with_its_line_and_the_study_goes_on(monkeypatch, capsys):
    errors = [TrainingError("the loss\nis nan"), UserError("a < b"), MemoryError(), ConnectionError("it broke"),
              SystemExit(3)]  # fmt: skip
    reasons = ["the loss is nan", "a < b", "MemoryError: ", "ConnectionError: it broke", "SystemExit: 3",
               "its score is nan"]  # fmt: skip

    def scores_of(number, settings):
        if number < 5:
            raise errors[number]
        return [float("nan") if number == 5 else 0.5]

    replace_training(monkeypatch, scores_of)
    with pytest.raises(SystemExit) as ended:
        tune.main(studied(n_trials=6))
    out, err = capsys.readouterr()
    assert ended.value.code == 1 and err == "error: no trial of 6 was completed\n"
    assert [f"\ntrial {n}  failed: {reason}  x=" in out for n, reason in enumerate(reasons)] == [True] * 6
    tune.main(studied(n_trials=7))
    assert "\nbest: trial 6, test/success_rate 0.5 (mean of its last 1 epoch)\n" in capsys.readouterr().out
    assert len(trials()) == 7  # none is tried again


def test_the_score_is_the_success_rate_else_the_return_or_the_metric_that_is_named(monkeypatch, capsys):
    assert tuning._score({"test/mean_return": 2, "test/success_rate": float("nan")}, "") == ("test/mean_return", 2)
    replace_training(monkeypatch, lambda number, settings: [0.5], metric="test/height")
    with pytest.raises(SystemExit) as ended:
        tune.main(studied(n_trials=1))
    assert ended.value.code == 2 and capsys.readouterr().err == (
        "error: --metric: an epoch has no test/success_rate or test/mean_return; it has epoch, test/height\n"
    )
    tune.main(studied("--metric=test/height", n_trials=1))  # no trial had counted
    assert len(trials()) == 2 and "best: trial 1, test/height 0.5 " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "searched"),
    [([*TINY, "--preset=single"], [name for name in SEARCH if name != "n_batches"]),
     (["--alg=ppo2", "--nsteps=30", "--nminibatches=1", "--noptepochs=1", "--n_cycles=1", "--n_test_episodes=1"],
      ["lr", "gamma", "lam", "cliprange"])],
)  # fmt: skip
def test_her_and_ppo_are_tuned_by_their_own_tables(settings, searched, eagerly, capsys):
    tune.main([POINT_REACH, "--vec_env=sync", "--num_env=1", *settings, "--n_trials=1", "--timesteps=30"])
    out = capsys.readouterr().out
    assert f"searching {', '.join(searched)}" in out and "\nbest: trial 0, test/success_rate " in out
    run.main([*shlex.split(out.splitlines()[-1])[3:], "--num_timesteps=0", "--log_path=again"])


# ---- several processes, and stopping ----


@pytest.mark.slow
def test_two_processes_share_the_trials_of_one_storage():
    words = [sys.executable, "-m", "baselines.tune", *studied(n_trials=8)]
    both = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = [process.communicate(timeout=300) for process in both]  # at once: both create the database
    assert [process.returncode for process in both] == [0, 0] and all(err == "" for _, err in ended), ended
    printed = [int(n) for out, _ in ended for n in re.findall(r"^trial (\d+) ", out, re.M)]
    found = trials()
    assert len(found) in (8, 9) and sorted(printed) == [t.number for t in found]  # none by both
    assert len({json.dumps(s) for s in settings_of(found)}) == len(found)  # no settings are tried twice


@pytest.mark.parametrize(("number", "storage"), [(signal.SIGINT, SQLITE), (signal.SIGTERM, JOURNAL)])
def test_a_study_that_is_stopped_says_how_to_go_on_and_does(number, storage, monkeypatch, capsys):
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:
        replace_training(patch, lambda trial, settings: signal.raise_signal(number) if trial else [0.5])
        tune.main(studied(storage=storage, n_trials=3))
    assert ended.value.code == 128 + number
    assert capsys.readouterr().err == "stopped, 1 of 3 trials done; the same command goes on\n"
    assert [t.state for t in trials(storage)] == [TrialState.COMPLETE, TrialState.FAIL]
    replace_training(monkeypatch, lambda trial, settings: [0.5])
    tune.main(studied(storage=storage, n_trials=3))
    assert [t.state.name for t in trials(storage)] == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
def test_a_trial_whose_process_was_killed_does_not_count_and_fails_when_its_heartbeats_end(quick, monkeypatch):
    tune.main(studied(n_trials=1))
    monkeypatch.setattr(tuning, "_GRACE", 1)
    storage = tuning._open_storage(SQLITE)
    killed = optuna.load_study(study_name=NAME, storage=storage).ask()
    storage.record_heartbeat(killed._trial_id)
    tune.main(studied(n_trials=2))
    assert [t.state.name for t in trials()] == ["COMPLETE", "RUNNING", "COMPLETE"]
    time.sleep(2.1)
    tune.main(studied(n_trials=3))
    assert [t.state.name for t in trials()] == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]


# ---- bad input ----


@pytest.mark.parametrize(
    ("word", "message"),
    [("--seed=0", "--seed=1, not --seed=0"), ("--timesteps=60", "--timesteps=120, not --timesteps=60"),
     ("--kind=salted", "no --kind, not --kind=salted"), ("--tuned=x", "--tuned=size,x, not --tuned=x"),
     ("--env=tests.environments:PointPush-v0", "--env=tests.environments:PointReach-v0, not ")],
)  # fmt: skip
def test_a_study_that_exists_with_other_settings_is_refused(word, message, finished, capsys):
    line = command_refused(capsys, tune.main, *studied(*FINISHED, word, f"--study={NAME}", n_trials=9))
    assert line.startswith(f"error: study {NAME} has {message}") and line.endswith("or choose another --study=NAME\n")


BAD_INPUT = {
    "unknown setting": (["--sice=3"], ["'sice'", "nearest: size"]),
    "no trials": (["--n_trials=0"], ["n_trials: expected 1 to"]),
    "nothing to search": (["--x=0.5", "--size=3"], ["nothing to search", "--tuned=NAME,NAME"]),
    "unknown setting to search": (["--tuned=x,sice"], ["'sice'", "nearest: size"]),
    "fixed and searched": (["--tuned=x", "--x=0.5"], ["--x is fixed and also named by --tuned"]),
    "too wide to search": (["--tuned=wide"], ["--tuned=wide"]),
    "no end to search": (["--tuned=open"], ["--tuned=open", "too wide to search; others: x, size"]),
    "policy that is not there": (["--load_path=nowhere"], ["nowhere"]),
    "logs below a file": (["--log_path=taken/logs"], ["cannot write", "taken"]),
    "database below a file": (["--storage=sqlite:///taken/s.db"], ["cannot use --storage", "taken"]),
    "journal below a file": (["--storage=journal:taken/s.log"], ["cannot use --storage", "taken"]),
    "journal that is a folder": (["--storage=journal:folder"], ["Is a directory"]),
    "no database": (["--storage=sqlite:///taken"], ["taken", "file is not a database"]),
    "damaged database": (["--storage=sqlite:///damaged.db"], ["damaged.db"]),
    "database of another program": (["--storage=sqlite:///music.db"], ["music.db is not a database of Optuna"]),
    "no journal": (["--storage=journal:taken"], ["taken is not a journal of Optuna"]),
    "journal of nonsense": (["--storage=journal:nonsense.log"], ["cannot use --storage=journal:nonsense.log"]),
    "database in memory": (["--storage=sqlite:///:memory:"], ["expected sqlite:///FILE"]),
    "no address": (["--storage=me:secret@study.db"], ["expected sqlite:///FILE, postgresql://"]),
    "other address": (["--storage=redis://:secret@localhost"], ["cannot use --storage=redis://:***@localhost: "]),
    "no driver": (["--storage=mysql+pymysql://me:secret@localhost/db"], ["mysql+pymysql://me:***@localhost/db: "]),
}


@pytest.mark.parametrize(("words", "parts"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_refused_in_one_line_before_any_trial_and_leaves_nothing_behind(
    words, parts, cwd, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "pymysql", None)
    (cwd / "folder").mkdir()
    (cwd / "damaged.db").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 20)
    with contextlib.closing(sqlite3.connect("music.db")) as database:
        database.execute("CREATE TABLE songs (name TEXT)")
    (cwd / "nonsense.log").write_text('{"op_code":0,"worker_id":"1"}\n')
    line = command_refused(capsys, tune.main, *studied(storage="sqlite:///study.db"), *words)
    assert [part for part in parts if part not in line] == [] and "secret" not in line


def test_a_locked_database_is_refused_and_not_waited_for_forever(finished, monkeypatch, capsys):
    monkeypatch.setattr(tuning, "_LOCK_TIMEOUT", 0.1)
    with contextlib.closing(sqlite3.connect("kept/study.db")) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        assert "database is locked" in command_refused(capsys, tune.main, *studied())


@pytest.mark.parametrize("method", ["set_trial_user_attr", "set_trial_intermediate_value"])
def test_a_storage_that_fails_later_ends_the_process_with_one_line(method, monkeypatch, capsys):
    def fail(*arguments, **named):
        raise optuna.exceptions.StorageInternalError("the disk is full")

    replace_training(monkeypatch, lambda *_: [1])
    monkeypatch.setattr(optuna.storages.RDBStorage, method, fail)
    with pytest.raises(SystemExit) as ended:
        tune.main(studied())
    assert ended.value.code == 1
    assert capsys.readouterr().err.endswith(f"--storage={SQLITE}: StorageInternalError: the disk is full\n")


def test_a_full_disk_at_the_end_of_a_study_leaves_its_best_on_the_screen(finished, monkeypatch, capsys):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(SystemExit) as ended:
        tune.main(studied(*FINISHED, n_trials=8))
    out, err = capsys.readouterr()
    assert ended.value.code == 1 and out.splitlines()[-1].startswith("python -m baselines.run ")
    assert err == f"error: cannot write runs/tune/{NAME}/best.json: No space left on device\n"


def test_without_optuna_one_line_says_how_to_install_it(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "baselines.runs.tuning")
    monkeypatch.delattr("baselines.runs.tuning")
    monkeypatch.setitem(sys.modules, "optuna", None)
    line = command_refused(capsys, tune.main, *studied())
    assert line == "error: tuning needs Optuna (optuna is missing): pip install 'baselines-her[tune]'\n"


def test_mpirun_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(tune, "make_communicator", lambda: type("Two", (), {"size": 2}))
    assert "without mpirun" in command_refused(capsys, tune.main, *studied())


# ---- what is searched ----


def test_the_ranges_are_the_tables_else_the_settings_own():
    algorithm = find("cheap_of_tune.algorithm")
    assert tuning.search_space(algorithm, None, ["size"]) == {"x": Range(0.0, 1.0)}
    found = tuning.search_space(algorithm, "kind, flag,limit,size,x", [])
    assert list(found) == ["kind", "flag", "limit", "size", "x"]
    assert found["kind"] == Range(choices=("plain", "salted")) and found["flag"] == Range(choices=(False, True))
    assert found["limit"] == Range(0, 1) and found["size"] == Range(2, 64, log=True)
    assert isinstance(found["limit"].low, float) and isinstance(found["size"].low, int)
    her = tuning.search_space(find("her"), "hidden,replay_strategy", [])
    assert her["hidden"] == Range(1, 65536, log=True)
    assert her["replay_strategy"].choices == ("future", "final", "episode", "none")


@pytest.mark.parametrize("alg", ["her", "ppo2"])
def test_every_algorithms_table_is_of_settings_that_take_its_ends(alg):
    algorithm = find(alg)
    assert 6 <= len(algorithm.SEARCH) <= 8
    for name, range_ in algorithm.SEARCH.items():
        for value in range_.choices or (range_.low, range_.high):
            algorithm.Config(**{name: value})


def test_every_kind_of_setting_can_be_searched(quick, capsys):
    tune.main(studied("--tuned=x,size,kind,flag"))
    for found in settings_of(trials()):
        assert type(found["x"]) is float and type(found["size"]) is int and type(found["flag"]) is bool
        assert found["kind"] in ("plain", "salted") and 2 <= found["size"] <= 64 and len(str(found["x"])) <= 7
    run.main([*shlex.split(capsys.readouterr().out.splitlines()[-1])[3:], "--num_timesteps=0", "--log_path=again"])


def test_words_of_the_command_line_are_quoted_for_the_shell():
    given = {"env_kwargs": "{'size': 3}", "seed": None}
    command = command_line("baselines.run", given, {"file": "my demos.npz", "word": "12"})
    assert shlex.split(shlex.join(command))[3:] == ["--env_kwargs={'size': 3}", "--file=my demos.npz", "--word='12'"]


def test_help_has_every_flag_and_what_is_searched(capsys):
    tune.main(["--help"])
    text = capsys.readouterr().out
    assert text.startswith("usage: python -m baselines.tune") and re.search(r"\n  pi_lr +0.0001 to 0.01, log sc", text)
    assert [name for name in names_of(tune.TuneOptions) if f"\n  --{name} " not in text] == []
