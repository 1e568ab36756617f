"""The command line from end to end: what it refuses, what it prints, and what it leaves behind."""

import csv
import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import tensorflow as tf

from baselines import run
from baselines.common.errors import UserError
from baselines.common.logger import Logger
from baselines.her import her
from baselines.her.experiment.config import HERConfig
from baselines.her.her import learn
from tests.environments import PointReach

# These tests make many agents in one process, which TensorFlow takes for a function traced anew by mistake.
tf.get_logger().setLevel("ERROR")

ROOT = Path(__file__).parent.parent
POINT_REACH = "--env=tests.environments:PointReach-v0"
TINY = ["--n_cycles=2", "--n_batches=2", "--batch_size=16", "--hidden=8", "--layers=1", "--n_test_rollouts=1"]
TINY_SETTINGS = dict(n_cycles=2, n_batches=2, batch_size=16, hidden=8, layers=1, n_test_rollouts=1)
PROGRESS = """epoch test/success_rate test/mean_Q test/episode train/success_rate train/episode stats_o/mean
    stats_o/std stats_g/mean stats_g/std loss/critic loss/actor total/timesteps total/updates total/seconds
    time/rollout time/sample time/compile time/train time/evaluate fps""".split()
FLAGS = dict(help=None, alg="her", env="FetchReach-v1", num_timesteps="1e6", n_epochs=None,
             num_env="the preset's, else 1", vec_env="auto", seed="a new one", network="mlp", preset=None,
             demo_file=None, load_path=None, save_path=None, log_path="a new one", play=None, play_episodes="10",
             record_demos=None, save_video_interval="0", save_video_length="200")  # fmt: skip


@pytest.fixture
def cwd(tmp_path, monkeypatch):
    """An empty working directory, with a regular file `taken` that no folder can be made below."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    (folder / "taken").write_text("a file")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """A folder that Python imports from, outside of the working directory."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.fixture
def untrained(monkeypatch):
    """Everything but the training itself."""
    monkeypatch.setattr(her, "train", lambda *arguments, **named: None)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The log folder and the saved policies of a run of three epochs."""
    folder = tmp_path_factory.mktemp("finished")
    log, policies = folder / "log", folder / "policies"
    run.main([POINT_REACH, *TINY, "--num_timesteps=180", f"--log_path={log}", f"--save_path={policies}"])
    return log, policies


def contents(folder):
    """Every file's bytes, and None for every folder."""
    return {p.relative_to(folder): p.read_bytes() if p.is_file() else None for p in Path(folder).rglob("*")}


def refused(capsys, *argv, code=2):
    """The one line that the launcher ends with. Bad input (code 2) leaves nothing behind and trains nothing."""
    before = contents(".")
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        if code == 2:
            patch.setattr(her, "train", None)  # a call would fail
        run.main(list(argv))
    line = capsys.readouterr().err
    assert ended.value.code == code
    assert line.startswith("error") and line.endswith("\n") and line.count("\n") == 1, line
    assert "Traceback" not in line
    if code == 2:
        assert contents(".") == before
    return line


def write_package(folder, name, **modules):
    """A package with one file for each of `modules`; names differ between tests, as imports are kept."""
    (folder / name).mkdir()
    for module, text in {"__init__": "", **modules}.items():
        (folder / name / f"{module}.py").write_text(text)


def rows(log):
    with open(Path(log) / "progress.csv", newline="") as file:
        return list(csv.DictReader(file))


def document(log):
    return json.loads((Path(log) / "config.json").read_text())


def launch(log, *argv):
    """The rows of progress.csv without what differs in time."""
    run.main([*argv, f"--log_path={log}", *TINY])
    timed = re.compile("time/.*|total/seconds|fps")
    return [{key: value for key, value in row.items() if not timed.fullmatch(key)} for row in rows(log)]


# ---- bad input ----


BAD_INPUT = {
    "unknown algorithm": (["--alg=hr"], ["'hr'", "nearest: her"]),
    "unknown algorithm that resembles nothing": (["--alg=zzzz"], ["'zzzz'", "her"]),
    "algorithm without a name": (["--alg="], ["algorithm"]),
    "module that is no algorithm": (["--alg=os.path"], ["'os.path'", "learn"]),
    "module of baselines that is no algorithm": (["--alg=baselines.logger"], ["learn"]),
    "module beside an algorithm": (["--alg=baselines.her.losses", POINT_REACH], ["learn"]),
    "unknown environment": (["--env=FetchReech-v1"], ["'FetchReech-v1'", "FetchReach-v1"]),
    "unknown version": (["--env=FetchReach-v77"], ["FetchReach-v1", "FetchReach-v4"]),
    "no goal environment": (["--env=CartPole-v1"], ["achieved_goal", "desired_goal", "compute_reward", "continuous"]),
    "environment without a name": (["--env="], ["environment"]),
    "environment of two lines": (["--env=one\ntwo"], ["one"]),
    "environment of no module": (["--env=there_is_no_such_module:Id-v0"], ["there_is_no_such_module"]),
    "environment of a relative module": (["--env=..:Id-v0"], ["'..'"]),
    "environment that its module lacks": (["--env=tests.environments:PointReech-v0"], ["PointReach-v0"]),
    "back end that lacks the environment": ([POINT_REACH, "--vec_env=envpool"], ["envpool", "--vec_env=auto"]),
    "unknown back end": ([POINT_REACH, "--vec_env=threads"], ["'threads'", "'sync'"]),
    "unknown network": ([POINT_REACH, "--network=cnn"], ["--network=cnn", "mlp"]),
    "unknown key": ([POINT_REACH, "--bach_size=3"], ["'bach_size'", "nearest: batch_size"]),
    "misspelt flag": ([POINT_REACH, "--num_timestep=3"], ["'num_timestep'", "num_timesteps"]),
    "misspelt flag without a value": (["--num_timestep"], ["num_timesteps"]),
    "word for a number": ([POINT_REACH, "--batch_size=abc"], ["batch_size", "'abc'"]),
    "number out of range": ([POINT_REACH, "--polyak=1.5"], ["polyak", "1.5", "0 to 1"]),
    "no environments": (["--num_env=0"], ["--num_env", "at least 1"]),
    "more environments than memory": ([POINT_REACH, "--num_env=1000000000000000"], []),
    "negative steps": (["--num_timesteps=-1"], ["--num_timesteps", "'-1'"]),
    "steps that are no number": (["--num_timesteps=nan"], ["--num_timesteps", "'nan'"]),
    "endless steps": (["--num_timesteps=inf"], ["--num_timesteps", "'inf'"]),
    "broken epochs": (["--n_epochs=1.5"], ["--n_epochs", "'1.5'"]),
    "steps and epochs": (["--num_timesteps=10", "--n_epochs=1"], ["--num_timesteps", "--n_epochs"]),
    "negative seed": (["--seed=-1"], ["--seed"]),
    "stray word": ([POINT_REACH, "train"], ["'train'"]),
    "single dash": ([POINT_REACH, "-polyak=1"], ["'-polyak=1'"]),
    "flag without value": (["--env"], ["--env"]),
    "key without value": ([POINT_REACH, "--hidden"], ["--hidden"]),
    "key before a flag": ([POINT_REACH, "--hidden", "--layers=1"], ["--hidden"]),
    "switch with a value": (["--play=1"], ["--play"]),
    "no path": (["--load_path="], ["--load_path"]),
    "unknown preset": ([POINT_REACH, "--preset=demo"], ["demo", "demos"]),
    "cloning without demonstrations": ([POINT_REACH, "--bc_loss=True"], ["bc_loss", "--demo_file"]),
    "demonstrations that are not there": ([POINT_REACH, "--demo_file=nowhere.npz"], ["nowhere.npz"]),
    "demonstrations that are none": ([POINT_REACH, "--demo_file=taken"], ["taken"]),
    "policy that is not there": ([POINT_REACH, "--load_path=nowhere"], ["nowhere"]),
    "policy that is a file": ([POINT_REACH, "--load_path=taken"], ["taken"]),
    "save_path that is a file": ([POINT_REACH, "--save_path=taken"], ["taken"]),
    "save_path below a file": ([POINT_REACH, "--save_path=taken/policies"], ["taken/policies"]),
    "log_path that is a file": ([POINT_REACH, "--log_path=taken"], ["taken"]),
    "log_path below a file": ([POINT_REACH, "--log_path=taken/log"], ["taken/log"]),
    "log_path below a file, good save_path": ([POINT_REACH, "--log_path=taken/log", "--save_path=p"], ["taken/log"]),
    "save_path below a file, good log_path": ([POINT_REACH, "--log_path=log", "--save_path=taken/p"], ["taken/p"]),
}  # fmt: skip


@pytest.mark.parametrize(("argv", "words"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_ends_with_one_line_and_leaves_nothing_behind(argv, words, cwd, capsys):
    line = refused(capsys, *argv)
    assert [word for word in words if word not in line] == []


def test_a_module_of_the_users_without_learn_is_refused(cwd, modules, capsys):
    write_package(modules, "without_learn", algorithm="answer = 42")
    assert "learn" in refused(capsys, "--alg=without_learn.algorithm", POINT_REACH)


def test_a_setting_that_the_users_algorithm_does_not_take_is_refused(cwd, modules, capsys):
    write_package(modules, "picky", algorithm="def learn(env, seed, flavour='plain'):\n    pass")
    line = refused(capsys, "--alg=picky.algorithm", POINT_REACH, "--flavor=sweet")
    assert "'flavor'" in line and "flavour" in line


@pytest.mark.parametrize("text", ["def (", "import there_is_no_such_module"])
def test_an_environments_module_that_cannot_be_imported_is_refused(text, cwd, modules, capsys):
    name = "broken_" + str(len(text))
    write_package(modules, name, envs=text)
    assert f"{name}.envs" in refused(capsys, f"--env={name}.envs:Id-v0")


def test_a_folder_that_holds_no_policy_is_refused(cwd, capsys):
    (cwd / "empty").mkdir()
    (cwd / "foreign").mkdir()
    (cwd / "foreign" / "config.json").write_text('{"name": "something else"}')
    for folder in ("empty", "foreign"):
        assert folder in refused(capsys, POINT_REACH, f"--load_path={folder}")


def test_a_truncated_policy_is_refused(cwd, capsys, finished):
    for name in ("config.json", "arrays.npz"):
        whole = (finished[1] / "latest" / name).read_bytes()
        (cwd / "policy").mkdir(exist_ok=True)
        (cwd / "policy" / "config.json").write_bytes((finished[1] / "latest" / "config.json").read_bytes())
        (cwd / "policy" / name).write_bytes(whole[: len(whole) // 2])
        assert name in refused(capsys, POINT_REACH, "--load_path=policy")


def test_a_policy_of_another_environment_is_refused_with_the_sizes_that_differ(cwd, capsys, finished):
    line = refused(capsys, "--env=FetchReach-v1", f"--load_path={finished[1]}")
    assert "PointReach-v0" in line and "FetchReach-v1" in line
    assert "observation 2 against 10, goal 2 against 3, action 2 against 4" in line


@pytest.mark.parametrize("others", [[], ["--save_path=policies"], ["--save_video_interval=10"]], ids=" ".join)
def test_the_log_of_another_run_stays_as_it_is(others, cwd, capsys, monkeypatch, finished):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # processes that render import the environment too
    before = contents(finished[0])
    assert "another run" in refused(capsys, POINT_REACH, *TINY, f"--log_path={finished[0]}", *others)
    assert contents(finished[0]) == before


def test_a_real_process_ends_with_code_2_and_one_line(cwd):
    command = [sys.executable, "-m", "baselines.run", POINT_REACH, "--polyak=1.5"]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch("error: polyak.*\n", done.stderr)
    assert contents(cwd).keys() == {Path("taken")}


# ---- help ----


def described(text):
    """What --help says of each flag and setting; the usage in front is cut off."""
    pieces = re.split(r"\s--(?=\w)", " " + " ".join(text.partition("\noptions:")[2].split()))
    meanings = {}
    for piece in pieces:
        name, _, meaning = piece.partition(" ")
        meanings.setdefault(name.rstrip(","), meaning)  # a flag may be spoken of again in another one's meaning
    return meanings


def test_help_tells_every_flag_with_its_default(cwd, capsys):
    run.main(["--help"])
    meanings = described(capsys.readouterr().out)
    for flag, default in FLAGS.items():
        assert meanings[flag] and (default is None or f"(default: {default}" in meanings[flag]), flag
    assert contents(cwd).keys() == {Path("taken")}


def test_help_tells_every_setting_with_its_meaning_and_default(cwd, capsys):
    run.main(["--alg=her", "-h"])
    text = " ".join(capsys.readouterr().out.split())
    for setting in dataclasses.fields(HERConfig):
        assert f" --{setting.name} {setting.metadata['meaning']} (default: {setting.default})" in text


def test_help_tells_the_settings_of_the_users_algorithm(cwd, modules, capsys):
    text = "import dataclasses\n\n@dataclasses.dataclass\nclass Config:\n    flavour: str = 'plain'\n\n"
    write_package(modules, "helpful", algorithm=text + "def learn(env, flavour='plain'):\n    pass")
    run.main(["--alg=helpful.algorithm", "--help"])
    meanings = described(capsys.readouterr().out)
    assert "(default: plain)" in meanings["flavour"]
    assert "hidden" not in meanings


# ---- schedule ----


SCHEDULES = {  # PointReach has 30 steps, so that an epoch of 2 cycles has 60 of one environment
    "three epochs": (["--num_timesteps=180"], (3, 2, 30)),
    "rounded down": (["--num_timesteps=239"], (3, 2, 30)),
    "exponent": (["--num_timesteps=2.5e6"], (41666, 2, 30)),
    "default": ([], (16666, 2, 30)),
    "epochs": (["--n_epochs=4"], (4, 2, 30)),
    "two environments": (["--num_timesteps=250", "--num_env=2", "--vec_env=sync"], (2, 2, 60)),
    "one shortened epoch": (["--num_timesteps=59"], (1, 1, 30)),
    "at least one cycle": (["--num_timesteps=1"], (1, 1, 30)),
}


@pytest.mark.parametrize(("argv", "schedule"), SCHEDULES.values(), ids=SCHEDULES)
def test_the_schedule_is_printed_and_kept(argv, schedule, cwd, capsys, untrained):
    run.main([POINT_REACH, *TINY, "--log_path=log", *argv])
    printed = capsys.readouterr().out
    epochs, cycles, steps = schedule
    assert document("log")["schedule"] == {"n_epochs": epochs, "n_cycles": cycles, "steps_per_cycle": steps}
    whole = epochs * cycles * steps
    pattern = rf"training: {epochs} epochs x {cycles} cycles .*= {whole} steps per worker, {whole} over 1 worker"
    assert re.search(pattern, printed)
    assert ("shortened" in printed) == (cycles == 1)
    assert Path("log/log.txt").read_text() in printed


def test_fewer_steps_than_an_epoch_are_told_with_both_numbers(cwd, capsys, untrained):
    run.main([POINT_REACH, *TINY, "--num_timesteps=59"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "shortened" in line]
    assert "59 steps" in line and "60" in line


@pytest.mark.parametrize("nothing", ["--num_timesteps=0", "--n_epochs=0"])
def test_nothing_is_trained_where_nothing_is_asked_for(nothing, cwd, capsys, monkeypatch):
    monkeypatch.setattr(her, "train", None)  # a call would fail
    run.main([POINT_REACH, *TINY, nothing, "--save_path=policies", "--log_path=log"])
    assert "training: none" in capsys.readouterr().out
    assert not Path("log/progress.csv").exists()
    assert Path("policies/latest/arrays.npz").exists()


# ---- files ----


def test_a_run_logs_into_a_new_folder_below_runs(cwd, untrained):
    for _ in range(2):
        run.main([POINT_REACH, *TINY, "--seed=5"])
    folders = list((cwd / "runs").iterdir())
    assert len(folders) == 2
    for folder in folders:
        assert re.match(r"her-.*PointReach-v0-.*seed5", folder.name)
        assert document(folder)["seed"] == 5
    assert sorted(os.listdir()) == ["runs", "taken"]


def test_a_seed_that_nobody_chose_is_told_and_differs_between_runs(cwd, capsys, untrained):
    seeds = []
    for log in ("first", "second"):
        run.main([POINT_REACH, *TINY, f"--log_path={log}"])
        seeds.append(document(log)["seed"])
        assert f"seed: {seeds[-1]};" in capsys.readouterr().out
    assert seeds[0] != seeds[1]


def test_a_tilde_is_the_home_folder(cwd, tmp_path, monkeypatch, untrained):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    run.main([POINT_REACH, *TINY, "--num_timesteps=0", "--save_path=~/policies", "--log_path=~/log"])
    run.main([POINT_REACH, "--num_timesteps=0", "--load_path=~/policies", "--log_path=log"])
    assert (tmp_path / "home/policies/latest/arrays.npz").exists()
    assert (tmp_path / "home/log/log.txt").exists()
    assert document("log")["config"]["hidden"] == 8
    assert "~" not in os.listdir()


def test_every_log_has_a_row_for_each_epoch(finished):
    log, _ = finished
    table = rows(log)
    assert [row["epoch"] for row in table] == ["0", "1", "2"]
    assert set(PROGRESS) <= set(table[0])
    lines = [json.loads(line) for line in (log / "progress.json").read_text().splitlines()]
    for row, line in zip(table, lines, strict=True):
        assert list(row) == list(line)
        np.testing.assert_allclose([float(value) for value in row.values()], list(line.values()), rtol=1e-8)
    text = (log / "log.txt").read_text()
    assert re.findall(r"\| epoch +\| +(\d+) \|", text) == ["0", "1", "2"]
    assert "training: 3 epochs x 2 cycles" in text


def test_the_columns_count_what_was_done(finished):
    expected = {"total/timesteps": [60, 120, 180], "total/updates": [4, 8, 12], "train/episode": [2, 4, 6],
                "test/episode": [1, 2, 3]}  # fmt: skip
    table = rows(finished[0])
    for key, values in expected.items():
        assert [float(row[key]) for row in table] == values, key
    seconds = [float(row["total/seconds"]) for row in table]
    assert 0 < seconds[0] < seconds[1] < seconds[2]


def points_of_tensorboard(log):
    """Steps and values, in the order they were written, by metric."""
    shown = {}
    for path in sorted(Path(log).glob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                shown.setdefault(value.tag, []).append((event.step, float(tf.make_ndarray(value.tensor))))
    return shown


def test_tensorboard_has_the_same_numbers(finished):
    shown = points_of_tensorboard(finished[0])
    table = rows(finished[0])
    assert shown.keys() == table[0].keys()
    for key, points in shown.items():
        assert [step for step, _ in points] == [60, 120, 180]
        np.testing.assert_allclose([v for _, v in points], [float(row[key]) for row in table], rtol=1e-5, err_msg=key)


def test_config_json_tells_what_the_run_used(finished):
    told = document(finished[0])
    assert (told["alg"], told["env"], told["num_env"]) == ("her", "tests.environments:PointReach-v0", 1)
    assert told["config"] == {**told["config"], **TINY_SETTINGS, "gamma": 1 - 1 / 30, "polyak": 0.95}


def test_a_real_process_trains_and_saves(cwd):
    command = [sys.executable, "-m", "baselines.run", POINT_REACH, *TINY, "--n_epochs=1", "--log_path=log"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*command, "--save_path=p"], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == Path("log/log.txt").read_text()
    assert "Traceback" not in done.stderr and "WARNING" not in done.stderr
    assert sorted(os.listdir("p")) == ["best", "latest"]


# ---- algorithms of the user's own ----


def test_an_algorithm_of_the_users_own_runs(cwd, modules, capsys):
    text = """
def learn(env, total_timesteps, seed, logger, flavour="plain"):
    shape = env.reset().observation.shape
    logger.info(f"mine: {total_timesteps:g} steps, seed {seed}, {flavour}, {shape}, {env.spec.horizon}")
"""
    write_package(modules, "mine", algorithm=text)
    argv = ["--alg=mine.algorithm", POINT_REACH, "--num_env=3", "--vec_env=sync", "--num_timesteps=2e3", "--seed=7"]
    run.main([*argv, "--flavour=sweet"])
    assert capsys.readouterr().out == "mine: 2000 steps, seed 7, sweet, (3, 2), 30\n"
    (log,) = (cwd / "runs").glob("mine.algorithm-*/log.txt")
    assert log.read_text().startswith("mine: 2000 steps")


# ---- seeds ----


@pytest.mark.parametrize("env", [POINT_REACH, "--env=FetchReach-v1"])
def test_the_same_seed_gives_the_same_numbers_and_another_one_others(env, cwd):
    argv = [env, "--num_env=2", "--n_epochs=1", f"--vec_env={'envpool' if 'Fetch' in env else 'sync'}"]
    first = launch("first", *argv, "--seed=1")
    assert len(first) == 1
    assert launch("again", *argv, "--seed=1") == first
    assert launch("other", *argv, "--seed=2") != first


def test_a_seed_may_be_zero_and_may_be_large(cwd, untrained):
    for seed in (0, 10**17):
        run.main([POINT_REACH, *TINY, f"--seed={seed}", f"--log_path=log{seed}"])
        assert document(f"log{seed}")["seed"] == seed


# ---- from Python ----


class WidePointReach(PointReach):
    """PointReach with actions in [-100, 100]; keeps how far each environment's actions went."""

    farthest: dict[int, float] = {}

    def __init__(self, **settings):
        super().__init__(**settings)
        self.action_space = gymnasium.spaces.Box(-100, 100, (2,), np.float32)

    def step(self, action):
        self.farthest[id(self)] = max(self.farthest.get(id(self), 0), float(np.abs(action).max()))
        return super().step(action / 100)


def single():
    return gymnasium.make("PointReach-v0")


def vector(name="PointReach-v0"):
    return gymnasium.make_vec(name, num_envs=2, vectorization_mode="sync")


def test_learn_twice_from_python_gives_the_same_agent():
    states = []
    for _ in range(2):
        agent = learn(env=single(), n_epochs=1, seed=3, logger=Logger(quiet=True), **TINY_SETTINGS)
        states.append(agent.state())
    assert agent.updates == 4
    for name, array in states[0].items():
        np.testing.assert_array_equal(array, states[1][name], err_msg=name)


def test_learn_from_python_fills_every_log_from_a_vector_of_environments(cwd):
    agent = learn(env=vector(), total_timesteps=240, seed=3, logger=Logger("log"), **TINY_SETTINGS)
    assert [float(row["total/timesteps"]) for row in rows("log")] == [120, 240]
    assert agent.updates == 8
    assert document("log")["num_env"] == 2


def test_actions_of_another_range_are_scaled_in_training_and_in_evaluation():
    WidePointReach.farthest.clear()
    gymnasium.register("PointReach-wide-v0", WidePointReach, max_episode_steps=30)
    try:
        learn(env=vector("PointReach-wide-v0"), n_epochs=1, seed=0, logger=Logger(quiet=True), **TINY_SETTINGS)
    finally:
        del gymnasium.registry["PointReach-wide-v0"]
    farthest = list(WidePointReach.farthest.values())
    assert len(farthest) == 4, "two environments to train in, two to evaluate in"
    assert all(1 < far <= 100 for far in farthest), farthest


@pytest.mark.parametrize(
    ("arguments", "word"),
    [({}, "n_epochs"), (dict(n_epochs=1, total_timesteps=10), "n_epochs"), (dict(n_epochs=-1), "n_epochs"),
     (dict(total_timesteps=float("nan")), "num_timesteps"), (dict(n_epochs=1, hiden=8), "hidden"),
     (dict(n_epochs=1, network="cnn"), "network"), (dict(n_epochs=1.5), "n_epochs")],
)  # fmt: skip
def test_wrong_arguments_from_python_are_refused(arguments, word):
    with pytest.raises(UserError, match=word):
        learn(env=single(), seed=0, logger=Logger(quiet=True), **{**TINY_SETTINGS, **arguments})


# ---- runs that fail ----


def test_nan_from_an_environment_ends_the_run_with_its_index_step_and_a_remedy(cwd, capsys):
    argv = ["--env=tests.environments:PointReach-nan-v0", "--vec_env=sync", "--num_env=2", "--n_epochs=1"]
    line = refused(capsys, *argv, *TINY, code=1)
    assert "environment 0" in line and "step 5" in line and "NaN" in line
    assert "--max_u" in line and "--seed" in line


def test_an_environment_that_ends_early_is_trained_on(cwd):
    argv = ["--env=tests.environments:PointReach-end-v0", "--vec_env=sync", "--num_env=2", "--n_epochs=1"]
    (row,) = launch("log", *argv)
    assert float(row["total/timesteps"]) == 2 * 2 * 5
    assert float(row["train/episode"]) == 4
    assert np.isfinite([float(value) for value in row.values()]).all()


@pytest.mark.parametrize("name", ["latest", "best", "epoch_4"])
def test_policies_of_another_run_are_not_written_over(cwd, name, capsys):
    (Path(f"holds {name}") / name).mkdir(parents=True)
    error = refused(capsys, POINT_REACH, *TINY, f"--save_path=holds {name}")
    assert name in error and "choose another --save_path" in error


def test_a_loss_that_is_not_finite_ends_the_run_with_its_name_and_a_remedy(cwd, capsys):
    argv = [POINT_REACH, *TINY, "--n_epochs=3", "--Q_lr=1e30", "--pi_lr=1e30", "--save_path=policies"]
    line = refused(capsys, *argv, code=1)
    assert "loss/" in line and "update" in line
    assert "--Q_lr" in line and "--pi_lr" in line
    assert not os.path.exists("policies"), "weights that are lost are not kept"


def test_more_replay_than_memory_is_refused(cwd, capsys):
    assert "buffer_size" in refused(capsys, POINT_REACH, *TINY, "--n_epochs=1", "--buffer_size=1e15")


def test_interrupting_a_run_ends_it_without_a_traceback(cwd, capsys, monkeypatch):
    def interrupted(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(her, "train", interrupted)
    with pytest.raises(SystemExit) as ended:
        run.main([POINT_REACH, *TINY])
    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"
