"""Policies on disk: what comes back, what survives a crash, and what a hostile file can do (nothing)."""

import io
import json
import os
import re
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import tensorflow as tf

from baselines import run
from baselines.common.errors import UserError
from baselines.common.logger import Logger
from baselines.common.mpi import Communicator
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.her import learn
from baselines.her.policy import Policy, read_policy, save_policy
from baselines.her.types import GoalEnvSpec
from tests import test_launcher
from tests.environments import PointReach
from tests.test_launcher import POINT_REACH, ROOT, TINY, TINY_SETTINGS, contents, refused

SPEC = GoalEnvSpec("PointReach-v0", 2, 2, 2, 30)
CONFIG = HERConfig(hidden=3, layers=2, max_u=0.5, clip_obs=10)
cwd = test_launcher.cwd  # a fixture


class SecondEpisodeSucceeds(PointReach):
    """Tells success in its second episode only, whatever happens."""

    episode = 0

    def reset(self, **how):
        self.episode += 1
        return super().reset(**how)

    def step(self, action):
        *answer, info = super().step(action)
        return *answer, {"is_success": self.episode == 2}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """An agent, and the folder that its training of three epochs saved to."""
    folder = tmp_path_factory.mktemp("trained") / "policies"
    evaluated = gymnasium.wrappers.TimeLimit(SecondEpisodeSucceeds(), 30)
    settings = dict(TINY_SETTINGS, policy_save_interval=1, max_u=0.5, relative_goals=True)
    agent = learn(env=gymnasium.make("PointReach-v0"), eval_env=evaluated, n_epochs=3, seed=0, save_path=str(folder),
                  logger=Logger(quiet=True), **settings)  # fmt: skip
    return agent, folder


@pytest.fixture(scope="module")
def arrays():
    """The state of an agent after some observations."""
    rng = np.random.default_rng(0)
    agent = DDPG(SPEC, CONFIG, rng, Communicator())
    for stats in (agent.o_stats, agent.g_stats):
        stats.update(rng.normal(size=(50, 2)))
    return agent.state()


@pytest.fixture
def policy(tmp_path, arrays):
    """The folder of a small policy, to be spoilt."""
    folder = tmp_path / "policy"
    save_policy(str(folder), SPEC, CONFIG, arrays)
    return folder


def observations(count=20):
    rng = np.random.default_rng(1)
    return {key: rng.uniform(-1, 1, (count, 2)) for key in ("observation", "achieved_goal", "desired_goal")}


def assert_same(state, other):
    assert state.keys() == other.keys()
    for name, array in state.items():
        assert array.dtype == other[name].dtype, name
        np.testing.assert_array_equal(array, other[name], err_msg=name)


def load_refused(folder):
    """The message that a folder is refused with."""
    with pytest.raises(UserError) as error:
        Policy.load(str(folder))
    return str(error.value)


def loads(folder):
    """Whether a folder is a policy; another exception than UserError is for the test to fail with."""
    try:
        Policy.load(str(folder))
        return True
    except UserError:
        return False


def edit_document(folder, edit):
    """Rewrite config.json as `edit` leaves it, or as the text that `edit` returns."""
    file = folder / "config.json"
    document = json.loads(file.read_text())
    text = edit(document)
    file.write_text(json.dumps(document) if text is None else text)


def members(folder):
    with zipfile.ZipFile(folder / "arrays.npz") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_members(folder, parts, compression=zipfile.ZIP_STORED):
    """An archive with correct checksums, whatever its members hold."""
    with zipfile.ZipFile(folder / "arrays.npz", "w", compression) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)


def npy(array, **how):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **how)
    return file.getvalue()


def replace_member(folder, name, part):
    write_members(folder, {**members(folder), f"{name}.npy": part})


def with_header(header):
    """An .npy file of 12 floats of 0 under this header."""
    text = header.encode("latin1")
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(48)


# ---- there and back ----


def test_a_run_keeps_the_latest_the_best_and_every_nth_policy(trained):
    agent, folder = trained
    assert sorted(os.listdir(folder)) == ["best", "epoch_0", "epoch_1", "epoch_2", "latest"]
    for saved in folder.iterdir():
        assert sorted(os.listdir(saved)) == ["arrays.npz", "config.json"]
    assert_same(read_policy(str(folder / "latest"))[2], agent.state())
    assert_same(read_policy(str(folder / "epoch_2"))[2], agent.state())


def test_the_best_policy_is_that_of_the_epoch_with_most_successes(trained):
    kept = {name: read_policy(str(trained[1] / name))[2] for name in ("best", "epoch_0", "epoch_1", "epoch_2")}
    assert_same(kept["best"], kept["epoch_1"])
    for other in ("epoch_0", "epoch_2"):
        assert (kept["best"]["main_pi/0_kernel"] != kept[other]["main_pi/0_kernel"]).any()


@pytest.mark.parametrize("part", ["", "latest", "best", "epoch_0"])
def test_a_loaded_agent_has_the_weights_targets_and_normalizers_that_were_saved(part, trained):
    path = str(trained[1] / part)
    agent = learn(env=gymnasium.make("PointReach-v0"), load_path=path, n_epochs=0, seed=9, logger=Logger(quiet=True))
    assert_same(agent.state(), read_policy(str(trained[1] / (part or "latest")))[2])
    assert (agent.config.hidden, agent.config.max_u, agent.config.relative_goals) == (8, 0.5, True)
    np.testing.assert_array_equal(agent.policy().act(observations()), Policy.load(path).act(observations()))
    assert {name.partition("/")[0] for name in agent.state()} == {
        "main_pi", "main_Q", "target_pi", "target_Q", "o_stats", "g_stats"}  # fmt: skip


def test_the_document_tells_the_environment_and_the_settings(trained):
    spec, config, _ = read_policy(str(trained[1]))
    assert spec == GoalEnvSpec("PointReach-v0", 2, 2, 2, 30)
    assert config == trained[0].config


def test_training_goes_on_from_a_loaded_policy(trained):
    before = trained[0].state()
    agent = learn(env=gymnasium.make("PointReach-v0"), load_path=str(trained[1]), n_epochs=1, seed=9,
                  logger=Logger(quiet=True), **dict(TINY_SETTINGS, Q_lr=0, pi_lr=0))  # fmt: skip
    after = agent.state()
    np.testing.assert_array_equal(after["main_Q/0_kernel"], before["main_Q/0_kernel"])
    assert after["o_stats/count"] == before["o_stats/count"] + 2 * 30


def test_the_launcher_saves_and_loads(cwd):
    run.main([POINT_REACH, *TINY, "--num_timesteps=0", "--save_path=deep/policies", "--seed=1", "--log_path=1"])
    run.main([POINT_REACH, "--num_timesteps=0", "--load_path=deep/policies", "--save_path=copy", "--seed=2",
              "--log_path=2"])  # fmt: skip
    assert_same(read_policy("deep/policies")[2], read_policy("copy")[2])
    assert sorted(os.listdir("copy")) == ["latest"]


def test_a_policy_acts_like_the_networks_of_tensorflow_where_tensorflow_cannot_be_imported(trained, tmp_path):
    agent, folder = trained
    program = """
import json, sys
sys.modules["tensorflow"] = None  # importing it raises ImportError
import numpy as np
from baselines.her.policy import Policy
policy = Policy.load(sys.argv[1])
shown = {key: np.array(rows) for key, rows in json.load(sys.stdin).items()}
single = policy.act({key: rows[0] for key, rows in shown.items()})
print(json.dumps([policy.act(shown).tolist(), single.tolist()]))
"""
    shown = observations()
    done = subprocess.run([sys.executable, "-c", program, str(folder)], env={**os.environ, "PYTHONPATH": str(ROOT)},
                          input=json.dumps({key: rows.tolist() for key, rows in shown.items()}),
                          cwd=tmp_path, capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    many, one = json.loads(done.stdout)
    expected = agent.main.pi(*agent.inputs(*(tf.constant(rows, tf.float32) for rows in shown.values())))
    np.testing.assert_allclose(many, expected, atol=1e-5)
    np.testing.assert_allclose(one, many[0], atol=1e-6)
    assert 0 < np.abs(many).max() <= 0.5


# ---- written whole or not at all ----


class Crash(BaseException):
    """Not an Exception, as little as KeyboardInterrupt is."""


@pytest.mark.parametrize("error", [OSError("no space left on device"), Crash()], ids=["error", "crash"])
@pytest.mark.parametrize("earlier", [True, False])
def test_a_policy_that_cannot_be_written_to_its_end_leaves_no_trace(error, earlier, tmp_path, arrays, monkeypatch):
    folder = tmp_path / "policies" / "latest"
    folder.parent.mkdir()
    if earlier:
        save_policy(str(folder), SPEC, CONFIG, arrays)
    before = contents(tmp_path)

    def half(file, **_):
        file.write(b"half of the data")
        raise error

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(type(error)):
        save_policy(str(folder), SPEC, CONFIG, {name: x + 1 for name, x in arrays.items()})
    assert contents(tmp_path) == before
    assert loads(folder) == earlier


@pytest.mark.parametrize("failing", [1, 2])
def test_a_policy_can_be_read_whichever_renaming_the_machine_died_at(failing, policy, arrays, monkeypatch):
    rename, calls = os.rename, []

    def dying(*arguments):
        calls.append(arguments)
        if len(calls) == failing:
            raise Crash
        rename(*arguments)

    monkeypatch.setattr(os, "rename", dying)
    with pytest.raises(Crash):
        save_policy(str(policy), SPEC, CONFIG, {name: x + 1 for name, x in arrays.items()})
    assert_same(read_policy(str(policy))[2], arrays)


@pytest.mark.parametrize("path", ["", "latest"])
def test_the_earlier_policy_is_read_where_the_newer_one_did_not_arrive(path, tmp_path, arrays):
    save_policy(str(tmp_path / "latest"), SPEC, CONFIG, arrays)
    (tmp_path / "latest").rename(tmp_path / "latest.old")
    assert_same(read_policy(str(tmp_path / path))[2], arrays)
    newer = {name: x + 1 for name, x in arrays.items()}
    save_policy(str(tmp_path / "latest"), SPEC, CONFIG, newer)
    assert_same(read_policy(str(tmp_path / path))[2], newer)
    assert os.listdir(tmp_path) == ["latest"]


def test_a_newer_policy_takes_the_place_of_the_earlier_one_alone(policy, arrays):
    newer = {name: x + 1 for name, x in arrays.items()}
    save_policy(str(policy), SPEC, CONFIG, newer)
    assert_same(read_policy(str(policy))[2], newer)
    assert os.listdir(policy.parent) == ["policy"]


def test_others_may_read_a_policy(policy):
    assert policy.stat().st_mode & 0o777 == 0o755


# ---- hostile and damaged files ----


class Bomb:
    """Its pickle makes a folder when it is loaded."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_a_pickled_object_is_refused_and_not_executed(policy, tmp_path):
    bomb = np.array([[Bomb(tmp_path / "marker")] * CONFIG.hidden] * 4, dtype=object)
    for name in ("main_pi/0_kernel", "unasked"):
        replace_member(policy, name, npy(bomb, allow_pickle=True))
        load_refused(policy)
    assert not (tmp_path / "marker").exists()
    with np.load(policy / "arrays.npz", allow_pickle=True) as archive:
        archive["main_pi/0_kernel"]  # it does make the folder where pickles are allowed
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize("shape", ["(1000000000000,)", "(4, 1000000000000)", f"({10**30}, 3)", "(-4, 3)"])
def test_a_header_that_claims_a_huge_array_is_refused_before_anything_is_allocated(shape, policy):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    replace_member(policy, "main_pi/0_kernel", with_header(header))
    start = time.perf_counter()
    tracemalloc.start()
    load_refused(policy)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6 and time.perf_counter() - start < 2


HEADERS = {
    "open bracket": "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), ",
    "open string": "'''",
    "indentation": "  x\n y",
    "deep brackets": "(" * 9000,
    "deep signs": "-" * 9000 + "1",
    "unhashable key": "{[]: 1}",
    "no dictionary": "[]",
    "nothing": "",
    "other keys": "{'descr': '<f4'}",
    "type that is no type": "{'descr': 'f4,,', 'fortran_order': False, 'shape': (4, 3), }",
    "type of parts": "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4, 3), }",
    "type of odd parts": "{'descr': [('a',)], 'fortran_order': False, 'shape': (4, 3), }",
    "objects": "{'descr': '|O', 'fortran_order': False, 'shape': (4, 3), }",
    "other byte order": "{'descr': '>f4', 'fortran_order': False, 'shape': (4, 3), }",
    "call": "__import__('os').mkdir('marker')",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_header_that_makes_no_sense_is_refused(header, policy, cwd):
    replace_member(policy, "main_pi/0_kernel", with_header(header))
    load_refused(policy)
    assert os.listdir() == ["taken"]


def test_arrays_are_not_unpacked_to_more_than_the_size_of_the_file(policy):
    whole = members(policy)
    bomb = whole["main_pi/0_kernel.npy"] + bytes(10**8)
    write_members(policy, {**whole, "main_pi/0_kernel.npy": bomb}, zipfile.ZIP_DEFLATED)
    assert "it holds more than" in load_refused(policy)


def test_a_small_file_that_unpacks_to_a_large_one_takes_no_memory_even_where_its_document_claims_so(policy):
    edit_document(policy, setting("config", hidden=65536, layers=100))
    write_members(policy, {**members(policy), "main_pi/1_kernel.npy": bytes(2 * 10**8)}, zipfile.ZIP_DEFLATED)
    assert (policy / "arrays.npz").stat().st_size < 10**6
    tracemalloc.start()
    load_refused(policy)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10**8


def test_a_missing_and_an_extra_array_are_refused_with_their_names(policy):
    whole = members(policy)
    write_members(policy, {name: part for name, part in whole.items() if name != "g_stats/std.npy"})
    assert "g_stats/std" in load_refused(policy)
    write_members(policy, {**whole, "main_pi/7_kernel.npy": whole["main_pi/0_kernel.npy"]})
    assert "main_pi/7_kernel" in load_refused(policy)
    write_members(policy, {})
    load_refused(policy)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["main_pi/0_kernel", "target_Q/2_bias", "o_stats/sum", "g_stats/std"])
def test_a_value_that_is_not_finite_is_refused(name, value, policy, arrays):
    spoilt = arrays[name].copy()
    spoilt.flat[-1] = value
    replace_member(policy, name, npy(spoilt))
    assert name in load_refused(policy)


@pytest.mark.parametrize("name", ["main_pi/0_kernel", "main_Q/2_bias", "target_pi/1_kernel"])
@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32, np.complex64, bool, "S4"])
def test_an_array_of_another_type_is_refused(name, dtype, policy, arrays):
    replace_member(policy, name, npy(np.zeros(arrays[name].shape, dtype)))
    assert name in load_refused(policy)


@pytest.mark.parametrize("shape", [(3, 4), (4,), (12,), (4, 3, 1), (), (0, 3), (4, 4)])
def test_an_array_of_another_shape_is_refused(shape, policy, arrays):
    assert arrays["main_pi/0_kernel"].shape == (4, 3)
    replace_member(policy, "main_pi/0_kernel", npy(np.zeros(shape, np.float32)))
    assert "main_pi/0_kernel" in load_refused(policy)


@pytest.mark.parametrize(("name", "value"), [("std", 0), ("std", -1), ("count", 0), ("count", -1)])
def test_statistics_that_no_run_can_have_are_refused(name, value, policy, arrays):
    replace_member(policy, f"o_stats/{name}", npy(np.full_like(arrays[f"o_stats/{name}"], value)))
    assert f"o_stats/{name}" in load_refused(policy)


def setting(section, **values):
    return lambda document: document[section].update(values)


def text(content):
    return lambda document: content


DOCUMENTS = {
    "no JSON": text("hidden: 8"),
    "nothing": text(""),
    "a list": text("[]"),
    "a number": text("1"),
    "null": text("null"),
    "an empty object": text("{}"),
    "2 MB": lambda document: json.dumps(document) + " " * 2_000_000,
    "deep lists": text("[" * 200_000),
    "deep objects": text('{"format":' * 90_000),
    "deep and closed": text("[" * 90_000 + "]" * 90_000),
    "a number of 5000 digits": text('{"format": ' + "1" * 5000 + "}"),
    "another format": lambda document: document.update(format="baselines.her policy 999"),
    "a list as format": lambda document: document.update(format=[1]),
    "no environment": lambda document: document.pop("environment") and None,
    "no config": lambda document: document.pop("config") and None,
    "null as environment": lambda document: document.update(environment=None),
    "a list as environment": lambda document: document.update(environment=[1, 2, 3, 4, 5]),
    "a word as config": lambda document: document.update(config="default"),
    "an unknown setting": setting("config", hiden=8),
    "a setting out of range": setting("config", polyak=2),
    "a setting that is NaN": setting("config", polyak=float("nan")),
    "a setting beyond all floats": setting("config", clip_obs=10**400),
    "layers 10**9": setting("config", layers=10**9),
    "hidden 10**9": setting("config", hidden=10**9),
    "hidden 65536": setting("config", hidden=65536),
    "observation_size 10**9": setting("environment", observation_size=10**9),
    "observation_size 10**5": setting("environment", observation_size=10**5),
    "goal_size 10**400": setting("environment", goal_size=10**400),
    "action_size 0": setting("environment", action_size=0),
    "action_size -2": setting("environment", action_size=-2),
    "horizon true": setting("environment", horizon=True),
    "observation_size 2.5": setting("environment", observation_size=2.5),
    "goal_size '2'": setting("environment", goal_size="2"),
    "an environment without a name": setting("environment", env_id=None),
    "an environment whose name is an object": setting("environment", env_id={"a": []}),
    "more about the environment": setting("environment", colour="red"),
}


@pytest.mark.parametrize("edit", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_that_is_none_of_ours_is_refused_quickly(edit, policy):
    edit_document(policy, edit)
    start = time.perf_counter()
    load_refused(policy)
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("name", ["config.json", "arrays.npz"])
def test_a_file_that_is_missing_empty_or_a_folder_is_refused(name, policy):
    (policy / name).write_bytes(b"")
    assert name in load_refused(policy)
    (policy / name).unlink()
    assert name in load_refused(policy)
    (policy / name).mkdir()
    assert name in load_refused(policy)


def test_a_folder_of_something_else_is_refused(tmp_path):
    assert re.search("no policy|cannot read", load_refused(tmp_path))
    assert "no policy" in load_refused(tmp_path / "nowhere")


def test_bytes_that_are_no_text_are_refused(policy):
    (policy / "config.json").write_bytes(b"\xff\xfe\x00")
    load_refused(policy)


def test_what_a_hostile_file_makes_the_launcher_say_is_one_line(policy, cwd, capsys):
    write_members(policy, {**members(policy), "two\nlines.npy": b""})
    assert "lines" in refused(capsys, POINT_REACH, f"--load_path={policy}")


def damaged(data, rng):
    """`data` cut off, or with up to three bytes changed: to any value, to one of its own, or by one bit."""
    if rng.random() < 0.2:
        return data[: rng.integers(len(data))]
    data = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        at = rng.integers(len(data))
        data[at] = rng.choice([rng.integers(256), data[rng.integers(len(data))], data[at] ^ (1 << rng.integers(8))])
    return bytes(data)


@pytest.mark.parametrize("what", ["config.json", "arrays.npz", "a member of arrays.npz"])
def test_damaged_files_are_loaded_or_refused_and_nothing_else(what, policy):
    whole, parts = contents(policy), members(policy)
    outcomes = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        if what in ("config.json", "arrays.npz"):
            (policy / what).write_bytes(damaged(whole[Path(what)], rng))
        else:  # with a correct checksum, so that the damage arrives
            name = list(parts)[rng.integers(len(parts))]
            write_members(policy, {**parts, name: damaged(parts[name], rng)})
        try:
            outcomes.append(loads(policy))
        except Exception as error:
            raise AssertionError(f"case {seed} of {what}") from error
        for file, data in whole.items():
            (policy / file).write_bytes(data)
    assert set(outcomes) == {True, False}
    assert loads(policy)
