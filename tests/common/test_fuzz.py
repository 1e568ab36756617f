"""Thousands of cases of broken and hostile input: each is taken, or refused with a UserError.

No other exception, no file made, changed or lost, no memory beyond a bound.
"""

import json
import shutil
import tracemalloc

import numpy as np
import pytest

from baselines import run
from baselines.api import DEFAULTS
from baselines.common import cli
from baselines.common.errors import UserError
from baselines.common.settings import names_of
from baselines.envs import parse_arguments
from baselines.her.experiment.config import PRESETS, HERConfig
from baselines.policies.policy import read_policy, save_policy
from baselines.results.logs import read_column
from baselines.run import AfterTraining, LauncherOptions
from baselines.runs.algorithms import find
from baselines.runs.options import Options
from baselines.runs.record import read_record, record_of, resumed_config, resumed_options
from baselines.runs.schedule import Schedule
from baselines.runs.state import RunState, Saved
from baselines.storage import read_arrays, write_arrays
from tests.commands.doors import POINT_REACH_SIZES, servo
from tests.common.spoilt import ODD, spoilt
from tests.helpers import contents, damaged, goal_spec

MOST_MEMORY = 64 << 20  # bytes; the files have about 20 kB


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
        """Do what the launcher does before anything is made."""
        given, settings, wants_help = cli.parse(words, LauncherOptions)
        if wants_help:
            return
        AfterTraining(**{name: given.pop(name) for name in names_of(AfterTraining) if name in given})
        given.pop("extra_import", None)  # which would import what a case says
        options = Options(**{**DEFAULTS, **given})
        parse_arguments(options.env_kwargs, options.max_episode_steps)
        config = find(options.alg).config("FetchReach-v1", settings, options.preset, flags=tuple(names_of(Options)))
        record_of(options, config.for_env(goal_spec("FetchReach-v1", 10, 3, 4, 50)), Schedule(1, 1, 1), 1)

    assert 50 < case(3000, spoil, use) < 1500


@pytest.mark.slow
def test_1000_documents_of_policies(case, tmp_path):
    path = str(tmp_path / "policy.safetensors")
    save_policy(path, servo())
    sound, arrays = read_arrays(path)
    spoil = lambda rng: write_arrays(path, spoilt(sound, rng), arrays)  # noqa: E731
    assert 10 < case(1000, spoil, lambda _: read_policy(path)) < 500


@pytest.mark.slow
def test_1000_documents_and_arrays_of_checkpoints(case, cwd, finished, untrained, monkeypatch):
    """As somebody would forge them: with sound checksums."""
    restore, seen = RunState.restore, []
    monkeypatch.setattr(RunState, "restore", lambda *state_and_saved: seen.extend(state_and_saved))
    shutil.copytree(finished[0], "log")
    run.main(["--resume=log", "--n_epochs=4"])
    shutil.rmtree("log")
    state, (document, arrays) = seen
    document["progress"]["losses"] = [dict.fromkeys(state.losses, 0.5)]
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
        restore(state, Saved(**forged))
        done = state.progress  # what the run does next with it:
        assert max(0.0, done.seconds, 0.0 if done.best is None else done.best) >= 0
        done.losses.append(dict.fromkeys(state.losses, 0.5))
        np.mean([row[key] for row in done.losses for key in state.losses])
        json.dumps(state.capture().document)

    assert 10 < case(1000, spoil, use) < 900


def test_1000_configs_of_runs_to_resume(case, tmp_path, finished):
    sound = json.loads((finished[0] / "config.json").read_text())

    def spoil(rng):
        text = json.dumps(spoilt(sound, rng)).encode()
        (tmp_path / "config.json").write_bytes(text if rng.random() < 0.7 else damaged(text, rng))

    def use(rng):
        record = read_record(str(tmp_path))
        given = [{}, {"n_epochs": 5}, {"seed": 0}][rng.integers(3)]
        options = resumed_options(record, {"resume": str(tmp_path), **given})
        config = resumed_config(record, find(options.alg).Config, {})
        config.for_env(POINT_REACH_SIZES)

    assert 10 < case(1000, spoil, use) < 500


def test_1000_progress_files_given_to_the_plotter(case, tmp_path):
    sound = "epoch,test/success_rate\n" + "".join(f"{i},{i / 10}\n" for i in range(10))

    def spoil(rng):
        data = damaged(sound.encode(), rng)
        if rng.random() < 0.3:
            lines = data.split(b"\n")
            lines.insert(rng.integers(len(lines)), str(ODD[rng.integers(len(ODD))]).encode() * rng.integers(1, 2000))
            data = b"\n".join(lines)
        (tmp_path / "progress.csv").write_bytes(data)

    assert 10 < case(1000, spoil, lambda _: read_column(str(tmp_path), "test/success_rate")) < 1000
