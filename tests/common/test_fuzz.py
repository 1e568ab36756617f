"""Broken and hostile input: each case is taken, or refused with a UserError of one printable line.

No other exception, no file made, changed or lost, no memory or time beyond a bound, which are measured by case.
"""

import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines import run
from baselines.api import DEFAULTS
from baselines.common import cli
from baselines.common.mpi import Communicator
from baselines.common.settings import names_of
from baselines.envs.arguments import parse_arguments
from baselines.envs.lockstep import run_episodes
from baselines.her.demonstrations import read_demonstrations, write_demonstrations
from baselines.her.experiment.config import PRESETS, HERConfig
from baselines.policies.policy import read_policy, save_policy
from baselines.results.logs import read_column
from baselines.run import AfterTraining, LauncherOptions
from baselines.runs.algorithms import find
from baselines.runs.checkpoints import read_newest
from baselines.runs.logger import Logger
from baselines.runs.options import Options
from baselines.runs.record import read_record, record_of, resumed_config, resumed_options
from baselines.runs.schedule import Schedule, time_left
from baselines.runs.state import RunState, Saved
from baselines.storage import checksum, read_arrays, write_arrays
from tests.commands.doors import POINT_REACH_SIZES, servo
from tests.common.strategies import ODD, damaged, spoilt
from tests.helpers import goal_spec, point_reach, straight, within_bounds
from tests.her.demonstrations.files import SPEC, zipped


@pytest.fixture(scope="module")
def sound(tmp_path_factory, finished):
    """A folder with a sound file for each reader; and a run's own state, with what it restored."""
    folder = tmp_path_factory.mktemp("sound")
    save_policy(str(folder / "policy"), servo())
    log, seen, restore = folder / "log", [], RunState.restore
    shutil.copytree(finished[0], log)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunState, "restore", lambda *state_and_saved: seen.extend(state_and_saved))
        patch.setattr("baselines.her.train.train", lambda *arguments, **named: None)
        run.main([f"--resume={log}", "--n_epochs=4"])
    seen[1].document["progress"]["losses"] = [dict.fromkeys(seen[0].losses, 0.5)]
    write_demonstrations(str(folder / "demos.npz"), run_episodes(point_reach(2), straight), SPEC)
    return folder, restore, *seen


def safetensors(draw, path, document, arrays):
    """Write the file as somebody would forge it, with sound checksums, or damage its header or its bytes."""
    write_arrays(path, draw(spoilt(document)) if draw(st.booleans()) else document, arrays)
    data = Path(path).read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    way = draw(st.sampled_from(["none", "header", "bytes"]))
    if way == "header":
        header = json.dumps(draw(spoilt(json.loads(data[8:end])))).encode()
        data = len(header).to_bytes(8, "little") + header + data[end:]
    Path(path).write_bytes(draw(damaged(data)) if way == "bytes" else data)


@given(data=st.data())
@settings(max_examples=300)
def test_policies(data, sound, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "fuzz-policies"
    folder.mkdir(exist_ok=True)
    safetensors(data.draw, str(folder / "policy.safetensors"), *read_arrays(str(sound[0] / "policy.safetensors")))
    with within_bounds(folder):
        read_policy(str(folder))


@given(data=st.data())
@settings(max_examples=300)
def test_checkpoints(data, sound, tmp_path_factory):
    _, restore, state, saved = sound
    folder = tmp_path_factory.getbasetemp() / "fuzz-checkpoints"
    (folder / "checkpoint").mkdir(parents=True, exist_ok=True)
    arrays = dict(saved.arrays)
    odd = [np.zeros(0), np.zeros((2, 2), np.int8), np.full((1, 1, 1, 1), np.nan), None]
    for name in data.draw(st.sets(st.sampled_from(sorted(arrays)), max_size=1)):
        arrays[name] = data.draw(st.sampled_from(odd))
    arrays = {name: x for name, x in arrays.items() if x is not None}
    safetensors(data.draw, str(folder / "checkpoint/9-rank0.safetensors"), saved.document, arrays)
    with within_bounds(folder):
        read = read_newest(str(folder), 1, Communicator(), Logger(silent=True))
        restore(state, Saved(*read))
        done = state.progress  # what the run does next with it:
        assert max(0.0, 0.0 if done.best is None else done.best) >= 0 and time_left(0.5, done.seconds)
        done.losses.append(dict.fromkeys(state.losses, 0.5))
        np.mean([row[key] for row in done.losses for key in state.losses])
        json.dumps(state.capture().document)


@given(data=st.data(), given=st.sampled_from([{}, {"n_epochs": 5}, {"seed": 0}]))
@settings(max_examples=500)
def test_records_of_runs(data, given, sound, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "fuzz-records"
    folder.mkdir(exist_ok=True)
    document = data.draw(spoilt(json.loads((sound[0] / "log/config.json").read_text())))
    if isinstance(document, dict) and data.draw(st.booleans()):
        document.pop("crc32", None)
        document["crc32"] = checksum(document)
    text = json.dumps(document).encode()
    (folder / "config.json").write_bytes(data.draw(damaged(text)) if data.draw(st.booleans()) else text)
    with within_bounds(folder):
        record = read_record(str(folder))
        options = resumed_options(record, {"resume": str(folder), **given})
        config = resumed_config(record, find(options.alg).Config, {})
        config.for_env(POINT_REACH_SIZES)


@given(data=st.data())
@settings(max_examples=300)
def test_rows(data, tmp_path_factory):
    """Of the plotter, and of a run that is resumed with checksums of an unknown file."""
    folder = tmp_path_factory.getbasetemp() / "fuzz-rows"
    folder.mkdir(exist_ok=True)
    rows = b"epoch,test/success_rate\n" + b"".join(b"%d,%f\n" % (i, i / 10) for i in range(10))
    odd = data.draw(st.sampled_from([b"", *(str(x).encode() * 2000 for x in ODD)]))
    (folder / "progress.csv").write_bytes(data.draw(damaged(rows)) + odd)
    with within_bounds(folder):
        read_column(str(folder), "test/success_rate")
    positions = {"progress.csv": data.draw(st.sampled_from([*ODD, [10, 7], [10, None], 10, [0, 0]]))}
    logger = Logger(str(folder), resume=True, silent=True)
    with within_bounds():
        logger.truncate(positions)
    logger.close()


@given(data=st.data())
@settings(max_examples=300)
def test_demonstrations(data, sound, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "fuzz.npz"
    whole = (sound[0] / "demos.npz").read_bytes()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        members = {name.removesuffix(".npy"): archive.read(name) for name in archive.namelist()}
    name = data.draw(st.sampled_from(sorted(members)))
    end = members[name].index(b"\n") + 1  # of the header, where shape and type are
    shape = data.draw(st.sampled_from([b"True", b"2.0", b"-1", b"1" * 30, b"(2", b"'2'", b"None"]))
    ways = {
        "archive": lambda: data.draw(damaged(whole)),
        "member": lambda: zipped({**members, name: data.draw(damaged(members[name]))}),
        "header": lambda: zipped({**members, name: data.draw(damaged(members[name][:end])) + members[name][end:]}),
        "shape": lambda: zipped({**members, name: members[name].replace(b"(2", b"(" + shape)}),
    }
    path.write_bytes(ways[data.draw(st.sampled_from(sorted(ways)))]())
    with within_bounds():
        read_demonstrations(str(path), SPEC)


@pytest.mark.slow
def test_3000_command_lines():
    flags = [f"--{name}" for name in ("help", *names_of(LauncherOptions))]
    settings = [f"--{name}" for name in names_of(HERConfig)]
    values = ["1", "0.5", "her", "FetchReach-v1", "True", *map(str, ODD), *PRESETS]
    taken = 0
    for number in range(3000):
        rng, words = np.random.default_rng(number), []
        for _ in range(rng.integers(1, 7)):
            name = (flags, settings, ["--", "-", "--x=", "word", "--=1"])[rng.choice(3, p=[0.45, 0.45, 0.1])]
            name, value = name[rng.integers(len(name))], values[rng.integers(len(values))]
            words.extend([[f"{name}={value}"], [name, value], [name]][rng.choice(3, p=[0.7, 0.2, 0.1])])
        if rng.random() < 0.3:
            at = rng.integers(len(words))
            words[at] = "".join(chr(rng.integers(1, 1000)) if rng.random() < 0.2 else c for c in words[at])
        with within_bounds():
            # What the launcher does before anything is made.
            given, settings_given, wants_help = cli.parse(words, LauncherOptions)
            if not wants_help:
                AfterTraining(**{name: given.pop(name) for name in names_of(AfterTraining) if name in given})
                given.pop("extra_import", None)  # which would import what a case says
                options = Options(**{**DEFAULTS, **{name: given[name] for name in names_of(Options) if name in given}})
                parse_arguments(options.env_kwargs, options.max_episode_steps)
                config = find(options.alg).config("FetchReach-v1", settings_given, options.preset)
                record_of(options, config.for_env(goal_spec("FetchReach-v1", 10, 3, 4, 50)), Schedule(1, 1, 1), 1)
            taken += 1
    assert 50 < taken < 1500
