"""What must hold for any input, tried on inputs that Hypothesis makes up and shrinks."""

import json
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from baselines.api import DEFAULTS
from baselines.common import cli
from baselines.common.errors import UserError
from baselines.common.mpi import Communicator
from baselines.common.settings import names_of
from baselines.her.experiment.config import HERConfig
from baselines.learning.normalizer import Normalizer
from baselines.runs.algorithms import find
from baselines.runs.checkpoints import checkpoint_file, checkpoint_numbers
from baselines.runs.options import Options
from baselines.runs.record import read_record, record_of, resumed_config, resumed_options
from baselines.runs.schedule import Schedule
from baselines.storage import read_arrays, write_arrays
from tests.common.strategies import ARRAYS, FINITE, JSON, NAMES


@given(arrays_of.arrays(np.float32, (12, 2), elements=st.floats(-100, 100, width=32)), st.sets(st.integers(1, 11)))
def test_statistics_do_not_depend_on_how_the_rows_arrive(rows, cuts):
    at_once, in_parts = (Normalizer(2, 0.01, Communicator()) for _ in range(2))
    at_once.update(rows)
    for part in np.split(rows, sorted(cuts)):
        in_parts.update(part)
    for name, x in at_once.state().items():
        np.testing.assert_allclose(in_parts.state()[name], x, rtol=1e-5, atol=1e-5)
    pooled = np.vstack([np.zeros((1, 2)), rows])  # the zero vector that the count begins with
    np.testing.assert_allclose(at_once.mean, pooled.mean(0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(at_once.std, np.maximum(0.01, pooled.std(0)), rtol=1e-3, atol=2e-3)


@given(st.dictionaries(st.text(), JSON, max_size=4), st.dictionaries(NAMES, ARRAYS, max_size=4), st.booleans())
def test_a_state_comes_back_to_the_bit(document, arrays, transposed):
    arrays = {k: x.T if transposed else x for k, x in arrays.items() if k not in ("document", "file")}
    with tempfile.TemporaryDirectory() as folder:
        write_arrays(checkpoint_file(folder, 3, 1), document, arrays)
        assert checkpoint_numbers(folder, 1) == [3] and checkpoint_numbers(folder, 0) == []
        found, loaded = read_arrays(checkpoint_file(folder, 3, 1))
    assert found == document and loaded.keys() == arrays.keys()
    for name, x in arrays.items():
        x = x.astype(x.dtype.newbyteorder("<"))
        assert (loaded[name].dtype, loaded[name].shape) == (x.dtype, x.shape)
        assert loaded[name].tobytes() == x.tobytes()


@given(st.lists(st.text(), max_size=5))
def test_any_words_are_taken_or_refused_in_words(words):
    try:
        given_options, settings, _ = cli.parse(words, Options)
        options = Options(**{**DEFAULTS, **given_options})
        find(options.alg).config("FetchReach-v1", settings, options.preset, flags=tuple(names_of(Options)))
    except UserError as error:
        assert str(error).strip()


FIELDS = {name: type(default) for name, default in vars(HERConfig()).items() if type(default) in (int, float, bool)}
VALUES = {int: st.integers(-(10**9), 10**9), float: FINITE, bool: st.booleans()}
SETTINGS = st.fixed_dictionaries({}, optional={name: VALUES[kind] for name, kind in FIELDS.items()})


@given(SETTINGS, st.integers(0, 2**31), st.integers(1, 100))
def test_a_command_line_says_what_was_given(chosen, seed, num_env):
    words = [f"--{name}={value}" for name, value in chosen.items()]
    options, settings, wants_help = cli.parse([*words, f"--seed={seed}", f"--num_env={num_env}"], Options)
    assert settings == chosen and options == {"seed": seed, "num_env": num_env} and not wants_help


SOUND = {name: st.just(default) for name, default in vars(HERConfig()).items()} | {
    "hidden": st.integers(1, 65536), "Q_lr": st.floats(0, 1e30), "polyak": st.floats(0, 1), "gamma": st.floats(0, 0.9),
    "clip_return": st.booleans(), "n_cycles": st.integers(1, 10**6),
    "replay_strategy": st.sampled_from(["future", "none"]),
    "demo_file": st.none() | st.just("demos.npz"), "norm_eps": st.floats(1e-9, 1e9),
}  # fmt: skip


@given(st.fixed_dictionaries(SOUND), st.integers(0, 2**31), st.integers(1, 100), st.integers(0, 2**40))
def test_the_kept_record_says_what_was_given(chosen, seed, num_env, n_epochs):
    config = HERConfig(**{**chosen, "bc_loss": None})
    options = Options(alg="her", env="FetchReach-v1", seed=seed, num_env=num_env, n_epochs=n_epochs, preset="demos")
    with tempfile.TemporaryDirectory() as folder:
        document = record_of(options, config, Schedule(n_epochs, 3, 60), 2)
        Path(folder, "config.json").write_text(json.dumps(document))
        record = read_record(folder)
        assert (record.options, record.schedule, record.workers) == (options, Schedule(n_epochs, 3, 60), 2)
        assert resumed_config(record, HERConfig, {}) == (config, config)
        resumed = resumed_options(record, {"resume": folder, "seed": seed})
    assert (resumed.seed, resumed.num_env, resumed.preset, resumed.log_path) == (seed, num_env, "demos", folder)
    assert resumed.n_epochs is resumed.num_timesteps is None  # the record's schedule is the length
