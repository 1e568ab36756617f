"""More than 10,000 cases of broken and hostile input: each is taken or refused with a UserError, and nothing else.

Nothing else: no other exception, no file made, changed or lost, no memory beyond a bound.
"""

import json
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from baselines.her.checkpoints import Parts, Progress, capture, read_newest, read_run, restore

from baselines.common import cmd_util
from baselines.common.errors import UserError
from baselines.common.logger import Logger
from baselines.common.mpi import Communicator
from baselines.common.storage import state_files
from baselines.common.storage.npz import plain_array
from baselines.common.storage.policy_folder import read_document
from baselines.common.vec_env import make_vec_env
from baselines.her.ddpg import DDPG
from baselines.her.demonstrations import read_demonstrations, write_demonstrations
from baselines.her.experiment.config import PRESETS, HERConfig, make_config
from baselines.her.policy import read_policy, save_policy
from baselines.her.replay_buffer import NoDemonstrations, ReplayBuffer
from baselines.her.rollout import RolloutWorker, roll_out
from baselines.plot import read_column
from tests.test_launcher import contents
from tests.test_policy_files import CONFIG, SPEC, damaged

MOST_MEMORY = 64 << 20  # bytes; the files have about 20 kB

# What JSON documents and words are spoilt with.
ODD = [None, True, -1, 0, 1e308, float("nan"), float("inf"), 10**12, 10**400, "", "a", "../../etc", "__import__('os')",
       "\x00", "é" * 50, [], {}, [1, [2]], {"a": {"b": 1}}, "1e9", "None", "-0", "9" * 400]  # fmt: skip


@pytest.fixture
def case(tmp_path):
    """`case(count, spoil, use)`: both get a generator; `use` may raise UserError. Returns how often it did not."""

    def run(count, spoil, use):
        taken = 0
        for number in range(count):
            rng = np.random.default_rng(number)
            spoil(rng)
            before = contents(tmp_path)
            try:
                use(rng)
                taken += 1
            except UserError as error:
                assert str(error)
            except BaseException as error:
                raise AssertionError(f"case {number}: {type(error).__name__}: {error}") from error
            assert contents(tmp_path) == before, f"case {number} changed files"
        return taken

    tracemalloc.start()
    yield run
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < MOST_MEMORY, f"{most} bytes"


def spoilt(document, rng):
    """The JSON document with one to three of its values, at any depth, replaced, removed, renamed or copied."""
    document = json.loads(json.dumps(document))
    for _ in range(rng.integers(1, 4)):
        place = document
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = keys[rng.integers(len(keys))]
            if isinstance(place[key], (dict, list)) and place[key] and rng.random() < 0.7:
                place = place[key]
                continue
            kind = rng.integers(4)
            if kind == 0:
                del place[key]
            elif kind == 1 and isinstance(place, dict):
                place[str(key) + "x"] = place.pop(key)
            else:
                place[key] = ODD[rng.integers(len(ODD))]
            break
    return document


def test_3000_command_lines(case):
    flags = [a.option_strings[0] for a in cmd_util.make_parser()._actions]
    settings = [f"--{name}" for name in HERConfig.__dataclass_fields__]
    values = ["1", "0.5", "her", "FetchReach-v1", "True", *map(str, ODD), *PRESETS]
    words = []

    def spoil(rng):
        words.clear()
        for _ in range(rng.integers(1, 7)):
            name = (flags, settings, ["--", "-", "--x=", "word", "--=1"])[rng.choice(3, p=[0.45, 0.45, 0.1])]
            name, value = name[rng.integers(len(name))], values[rng.integers(len(values))]
            words.extend([[f"{name}={value}"], [name, value], [name]][rng.choice(3, p=[0.7, 0.2, 0.1])])
        if rng.random() < 0.3:
            at = rng.integers(len(words))
            words[at] = "".join(chr(rng.integers(1, 1000)) if rng.random() < 0.2 else c for c in words[at])

    def use(_):
        args, settings = cmd_util.parse(words)
        make_config("FetchReach-v1", settings, args.preset, flags=vars(args))
        cmd_util.words_to_keep(args, settings)

    assert 50 < case(3000, spoil, use) < 1500


@pytest.fixture
def policy(tmp_path):
    agent = DDPG(SPEC, CONFIG, np.random.default_rng(0), Communicator())
    save_policy(str(tmp_path / "policy"), SPEC, CONFIG, agent.state())
    return tmp_path / "policy"


def test_2000_documents_of_policies(case, policy):
    sound = json.loads((policy / "config.json").read_text())

    def spoil(rng):
        (policy / "config.json").write_text(json.dumps(spoilt(sound, rng)))

    assert 10 < case(2000, spoil, lambda _: read_policy(str(policy))) < 1000


def test_1000_files_of_policies(case, policy):
    sound = (policy / "arrays.npz").read_bytes()

    def spoil(rng):
        (policy / "arrays.npz").write_bytes(damaged(sound, rng))

    assert case(1000, spoil, lambda _: read_policy(str(policy))) < 500


@pytest.fixture
def state(tmp_path):
    """Parts of a small run of three episodes, and the log folder with its checkpoint."""
    env = make_vec_env("tests.environments:PointReach-v0", 1, [0], "sync")
    config = HERConfig(hidden=3, layers=1)
    agent = DDPG(env.spec, config, np.random.default_rng(0), Communicator())
    rng = np.random.default_rng(0)
    buffer = ReplayBuffer(env.spec, 150, 0.8, env.compute_reward, np.random.default_rng(0))
    parts = Parts(agent, RolloutWorker(env, rng), RolloutWorker(env), buffer, NoDemonstrations())
    for _ in range(3):
        buffer.store(parts.rollout_worker.generate(agent.policy()))
    document, arrays = capture(
        parts, Progress(epoch=1, cycle=3, losses=[{"loss/critic": 0.5, "loss/actor": 1.0}]), {"log.txt": 3}
    )
    log = tmp_path / "log"
    state_files.write(str(log / "checkpoint"), 7, 0, document, arrays)
    config_document = {"env": "PointReach-v0", "num_env": 1, "workers": 1, "seed": 0, "config": config.__dict__,
                       "schedule": {"n_epochs": 2, "n_cycles": 4, "steps_per_cycle": 30}}  # fmt: skip
    (log / "config.json").write_text(json.dumps(config_document))
    (log / "command.json").write_text(json.dumps({"words": ["--env=PointReach-v0", "--num_env=1", "--hidden=3"]}))
    return parts, document, arrays, log


def test_1000_files_of_checkpoints(case, state):
    *_, log = state
    path = log / "checkpoint" / "7-rank0.npz"
    sound = path.read_bytes()
    quiet = Logger(quiet=True)
    taken = case(
        1000,
        lambda rng: path.write_bytes(damaged(sound, rng)),
        lambda _: read_newest(str(log), 1, Communicator(), quiet),
    )
    assert taken < 200  # damage between the archive's members is none


def test_1000_documents_and_arrays_of_checkpoints(case, state):
    """As somebody would forge them: with sound checksums."""
    parts, document, arrays, _ = state
    forged = {}

    def spoil(rng):
        forged["document"] = spoilt(document, rng) if rng.random() < 0.7 else document
        forged["arrays"] = dict(arrays)
        if rng.random() < 0.5:
            name = list(arrays)[rng.integers(len(arrays))]
            odd = [np.zeros(0), np.zeros((2, 2), np.int8), np.array("x"), np.full((1, 1, 1, 1), np.nan), None]
            forged["arrays"][name] = odd[rng.integers(len(odd))]
            if forged["arrays"][name] is None:
                del forged["arrays"][name]

    assert 10 < case(1000, spoil, lambda _: restore(parts, forged["document"], forged["arrays"])) < 900


def test_1000_configs_and_commands_of_runs_to_resume(case, state):
    *_, log = state
    sound = {name: json.loads((log / name).read_text()) for name in ("config.json", "command.json")}

    def spoil(rng):
        for name, document in sound.items():
            text = json.dumps(spoilt(document, rng))
            (log / name).write_bytes(text.encode() if rng.random() < 0.7 else damaged(text.encode(), rng))

    def use(_):
        read_run(str(log))
        cmd_util.resumed([f"--resume={log}"], read_document(str(log), "command.json"), str(log))

    assert case(1000, spoil, use) < 500


def test_1000_demonstration_files(case, tmp_path):
    env = make_vec_env("tests.environments:PointReach-v0", 2, [0, 1], "sync")
    path = tmp_path / "demos.npz"
    write_demonstrations(str(path), roll_out(env, lambda *_: np.zeros((2, 2), np.float32)), "PointReach-v0")
    sound = path.read_bytes()
    case(1000, lambda rng: path.write_bytes(damaged(sound, rng)), lambda _: read_demonstrations(str(path), env.spec))


def test_1000_progress_files_given_to_the_plotter(case, tmp_path):
    sound = "epoch,test/success_rate\n" + "".join(f"{i},{i / 10}\n" for i in range(10))
    path = tmp_path / "progress.csv"

    def spoil(rng):
        data = damaged(sound.encode(), rng)
        if rng.random() < 0.3:
            lines = data.split(b"\n")
            lines.insert(rng.integers(len(lines)), str(ODD[rng.integers(len(ODD))]).encode() * rng.integers(1, 2000))
            data = b"\n".join(lines)
        path.write_bytes(data)

    assert 10 < case(1000, spoil, lambda _: read_column(str(tmp_path), "test/success_rate")) < 1000


@pytest.mark.parametrize("shape", ["(1000000000000,)", "(1000000, 1000000)"])
def test_a_header_that_claims_a_million_millions_is_refused_before_allocation(shape):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    tracemalloc.start()
    with pytest.raises(ValueError, match="promises"):
        plain_array(content + bytes(100))
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_checkpoint_names_no_file_outside_its_folder(tmp_path):
    """Names inside the archive are names of arrays, never of files."""
    folder = tmp_path / "log" / "checkpoint"
    state_files.write(str(folder), 1, 0, {"a": 1}, {"../../escaped": np.zeros(3)})
    state_files.read(str(folder), 1, 0)
    assert [p.name for p in Path(tmp_path).rglob("*") if p.is_file()] == ["1-rank0.npz"]
    shutil.rmtree(folder)
