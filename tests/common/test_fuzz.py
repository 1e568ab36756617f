"""More than 10,000 cases of broken and hostile input: each is taken or refused with a UserError, and nothing else.

Nothing else: no other exception, no file made, changed or lost, no memory beyond a bound.
"""

import json
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from baselines.her.her import make_buffer

from baselines.api import DEFAULTS
from baselines.common import cli
from baselines.common.errors import UserError
from baselines.common.mpi import Communicator
from baselines.common.seeding import RngStreams
from baselines.common.settings import names_of
from baselines.envs import parse_arguments
from baselines.her.ddpg import DDPG
from baselines.her.demonstrations import read_demonstrations, write_demonstrations
from baselines.her.experiment.config import PRESETS, HERConfig
from baselines.her.exploration import Exploration, NoGuide
from baselines.her.replay_buffer import Demonstrations
from baselines.her.rollout import RolloutWorker, roll_out
from baselines.her.types import GoalEnvSpec
from baselines.plot import read_column
from baselines.policies.policy import read_policy
from baselines.run import AfterTraining, LauncherOptions
from baselines.runs.algorithms import find
from baselines.runs.checkpoints import FORMAT, checkpoint_file, read_newest
from baselines.runs.clock import Clock
from baselines.runs.logger import Logger
from baselines.runs.options import Options
from baselines.runs.record import read_record, record_of, resumed_config, resumed_options
from baselines.runs.schedule import Schedule
from baselines.runs.state import Progress, RunState, Saved
from baselines.storage import npz, read_arrays, write_arrays
from tests.common.spoilt import ODD, spoilt
from tests.helpers import contents, damaged, point_reach

MOST_MEMORY = 64 << 20  # bytes; the files have about 20 kB
SPEC = GoalEnvSpec("PointReach-v0", 2, 2, 2, 30)


@pytest.fixture
def case(tmp_path):
    """`case(count, spoil, use)`: both get a generator; `use` may raise UserError. Returns how often it did not."""

    def run(count, spoil, use):
        taken = 0
        for number in range(count):
            rng = np.random.default_rng(number)
            spoil(rng)
            before = contents(tmp_path)
            tracemalloc.start()
            try:
                use(rng)
                taken += 1
            except UserError as error:
                assert str(error)
            except BaseException as error:
                raise AssertionError(f"case {number}: {type(error).__name__}: {error}") from error
            finally:
                most = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
            assert most < MOST_MEMORY, f"case {number} took {most} bytes"
            assert contents(tmp_path) == before, f"case {number} changed files"
        return taken

    return run


def taken_in_order(given, settings):
    """What the launcher does with words before anything is made."""
    AfterTraining(**{name: given.pop(name) for name in names_of(AfterTraining) if name in given})
    given.pop("extra_import", None)  # which would import what a case says
    options = Options(**{**DEFAULTS, **given})
    parse_arguments(options.env_kwargs, options.max_episode_steps)
    config = find(options.alg).config("FetchReach-v1", settings, options.preset, flags=tuple(names_of(Options)))
    record_of(options, config.for_env(GoalEnvSpec("FetchReach-v1", 10, 3, 4, 50).env_spec()), Schedule(1, 1, 1), 1)


@pytest.mark.slow
def test_3000_command_lines(case):
    flags = [f"--{name}" for name in ("help", *names_of(LauncherOptions))]
    settings = [f"--{name}" for name in names_of(HERConfig)]
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
        given, settings, wants_help = cli.parse(words, LauncherOptions)
        if not wants_help:
            taken_in_order(given, settings)

    assert 50 < case(3000, spoil, use) < 1500


# ---- policies ----


@pytest.fixture
def agent(tmp_path):
    agent = DDPG(SPEC, HERConfig(hidden=3, layers=2, max_u=0.5), np.random.default_rng(0), Communicator())
    agent.save(str(tmp_path / "policy"))
    return tmp_path / "policy.safetensors"


@pytest.mark.slow
def test_1000_documents_of_policies(case, policy):
    sound, arrays = read_arrays(str(policy))

    def spoil(rng):
        write_arrays(str(policy), spoilt(sound, rng), arrays)

    assert 10 < case(1000, spoil, lambda _: read_policy(str(policy))) < 500


@pytest.mark.slow
def test_1000_files_of_policies(case, policy):
    sound = policy.read_bytes()
    assert case(1000, lambda rng: policy.write_bytes(damaged(sound, rng)), lambda _: read_policy(str(policy))) < 500


# ---- runs to resume ----


@pytest.fixture
def state(tmp_path):
    """The state of a small run of four episodes, its document and arrays, and the log folder with its checkpoint."""
    env = point_reach(1, name="tests.environments:PointReach-end-v0")  # 5 steps that resuming has to repeat
    config = HERConfig(hidden=3, layers=1, buffer_size=150)
    streams = RngStreams(0, 0)
    agent = DDPG(SPEC, config, streams.rng("weights"), Communicator())
    exploration = Exploration(config, 1, SPEC.action_size, streams.rng("exploration"), NoGuide())
    worker = RolloutWorker(env, exploration, streams.seeds_for("train", 1))
    buffer = make_buffer(env, config, config.buffer_size, streams.rng("replay"))
    demonstrations = Demonstrations(lambda n: make_buffer(env, config, n * 30, streams.rng("demonstrations")), 4)
    worker.start_epoch(1)
    for _ in range(3):
        buffer.store(worker.generate(agent.policy()))
    demonstrations.store(worker.generate(agent.policy()))
    state = RunState(streams)
    state.losses = agent.metrics
    state.progress = Progress(epoch=1, cycle=3, best=0.5, timesteps=120, losses=[dict.fromkeys(agent.metrics, 0.5)])
    state.parts = dict(agent=agent, rollout_worker=worker, evaluator=RolloutWorker(env), exploration=exploration,
                       buffer=buffer, demonstrations=demonstrations)  # fmt: skip
    document, arrays = state.capture()
    document = {"format": FORMAT, **document, "positions": {"log.txt": 3}}
    log = tmp_path / "log"
    write_arrays(checkpoint_file(str(log / "checkpoint"), 7, 0), document, arrays)
    options = Options(alg="her", env="PointReach-v0", num_env=1, seed=0)
    record = record_of(options, config.for_env(env.spec), Schedule(2, 4, 30), 1)
    (log / "config.json").write_text(json.dumps(record))
    return state, document, arrays, log


@pytest.mark.slow
def test_1000_files_of_checkpoints(case, state):
    *_, log = state
    path = log / "checkpoint" / "7-rank0.safetensors"
    sound = path.read_bytes()
    quiet = Logger(quiet=True)
    taken = case(
        1000,
        lambda rng: path.write_bytes(damaged(sound, rng)),
        lambda _: read_newest(str(log), 1, Communicator(), quiet),
    )
    assert taken < 20  # a byte may be replaced by itself


@pytest.mark.slow
def test_1000_documents_and_arrays_of_checkpoints(case, state):
    """As somebody would forge them: with sound checksums."""
    state, document, arrays, _ = state
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

    def use(_):
        state.restore(Saved(**forged))
        done = state.progress
        # What the run does next with what it restored.
        Clock(0.0, done.seconds).seconds()
        max(0.0, 0.0 if done.best is None else done.best)
        done.losses.append(dict.fromkeys(state.losses, 0.5))
        np.mean([row[key] for row in done.losses for key in state.losses])
        json.dumps(state.capture().document)

    assert 10 < case(1000, spoil, use) < 900


def test_1000_configs_of_runs_to_resume(case, state):
    *_, log = state
    sound = json.loads((log / "config.json").read_text())

    def spoil(rng):
        text = json.dumps(spoilt(sound, rng)).encode()
        (log / "config.json").write_bytes(text if rng.random() < 0.7 else damaged(text, rng))

    def use(rng):
        record = read_record(str(log))
        given = [{}, {"n_epochs": 5}, {"seed": 0}][rng.integers(3)]
        options = resumed_options(record, {"resume": str(log), **given})
        _, config = resumed_config(record, find(options.alg).Config, {})
        config.for_env(SPEC.env_spec())

    assert 10 < case(1000, spoil, use) < 500


# ---- other files ----


def test_1000_demonstration_files(case, tmp_path):
    env = point_reach(2)
    path = tmp_path / "demos.npz"
    write_demonstrations(str(path), roll_out(env, lambda *_: np.zeros((2, 2), np.float32)), "PointReach-v0")
    sound = path.read_bytes()
    case(1000, lambda rng: path.write_bytes(damaged(sound, rng)), lambda _: read_demonstrations(str(path), SPEC))


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
        npz.plain_array(content + bytes(100))
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_checkpoint_names_no_file_outside_its_folder(tmp_path):
    """Names inside the file are names of arrays, never of files."""
    folder = tmp_path / "log" / "checkpoint"
    write_arrays(checkpoint_file(str(folder), 1, 0), {"a": 1}, {"../../escaped": np.zeros(3)})
    read_arrays(checkpoint_file(str(folder), 1, 0))
    assert [p.name for p in Path(tmp_path).rglob("*") if p.is_file()] == ["1-rank0.safetensors"]
    shutil.rmtree(folder)
