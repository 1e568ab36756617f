"""What must hold for any input, tried on inputs that Hypothesis makes up and shrinks."""

import math
import pickle
import string
import tempfile

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from baselines.common import cmd_util
from baselines.common.errors import UserError
from baselines.common.mpi import Communicator
from baselines.common.normalizer import Normalizer
from baselines.common.storage import state_files
from baselines.her.demonstrations.safe_unpickle import unpickle
from baselines.her.experiment.config import HERConfig, make_config
from baselines.her.her_sampler import sample_relabelled, sample_times, sample_times_by_priority
from tests.test_her_sampler import SPEC, numbered_episodes, sparse_reward

settings.register_profile("ours", deadline=None, derandomize=True)  # the same cases every time, however slow a machine
settings.load_profile("ours")

LENGTHS = st.lists(st.integers(1, SPEC.horizon), min_size=1, max_size=6)
SEED = st.integers(0, 2**32)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = st.one_of(arrays_of.integer_dtypes(), arrays_of.floating_dtypes(sizes=(16, 32, 64)), st.just(np.dtype(bool)))
ARRAYS = arrays_of.arrays(NUMBERS, arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
NAMES = st.text(string.ascii_letters + string.digits + "_/", min_size=1, max_size=20)


@given(LENGTHS, SEED, st.floats(0, 1), st.booleans())
def test_a_relabelled_goal_lies_ahead_in_its_episode_and_the_reward_follows_it(lengths, seed, future_p, prioritized):
    episodes, rng, length = numbered_episodes(lengths), np.random.default_rng(seed), np.array(lengths)
    if prioritized:
        rows, times = sample_times_by_priority(length, rng.random(len(lengths)) + 1e-6, (3, 5), rng)
    else:
        rows, times = sample_times(length, (3, 5), rng)
    assert (times >= 0).all() and (times < length[rows]).all()
    batch = sample_relabelled(episodes, rows, times, future_p, sparse_reward, rng)
    own = batch.desired_goal == episodes.desired_goal[rows, times]
    episode, when = np.divmod(batch.desired_goal[..., 0], 100)
    ahead = (episode == rows) & (when > times) & (when <= length[rows])
    assert (own[..., 0] | ahead).all()
    assert np.array_equal(batch.reward, -(batch.next_achieved_goal != batch.desired_goal)[..., 0].astype(np.float32))
    assert not any(np.isnan(x).any() for x in batch), "nothing comes from after an episode's end"


@given(arrays_of.arrays(np.float32, (12, 2), elements=st.floats(-100, 100, width=32)), st.sets(st.integers(1, 11)))
def test_statistics_do_not_depend_on_how_the_rows_arrive(rows, cuts):
    at_once, in_parts = (Normalizer(2, 0.01, Communicator()) for _ in range(2))
    at_once.update(rows)
    for part in np.split(rows, sorted(cuts)):
        in_parts.update(part)
    for name, x in at_once.arrays().items():
        np.testing.assert_allclose(in_parts.arrays()[name], x, rtol=1e-5, atol=1e-5)
    pooled = np.vstack([np.zeros((1, 2)), rows])  # the zero vector that the count begins with
    np.testing.assert_allclose(at_once.mean, pooled.mean(0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(at_once.std, np.maximum(0.01, pooled.std(0)), rtol=1e-3, atol=2e-3)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**200), 2**200) | FINITE | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4), st.dictionaries(NAMES, ARRAYS, max_size=4), st.booleans())
def test_a_state_comes_back_to_the_bit(document, arrays, transposed):
    arrays = {k: x.T if transposed else x for k, x in arrays.items() if k not in ("document", "file")}
    with tempfile.TemporaryDirectory() as folder:
        state_files.write(folder, 3, 1, document, arrays)
        assert state_files.numbers(folder, 1) == [3] and state_files.numbers(folder, 0) == []
        found, loaded = state_files.read(folder, 3, 1)
    assert found == document and loaded.keys() == arrays.keys()
    for name, x in arrays.items():
        assert (loaded[name].dtype, loaded[name].shape) == (x.dtype, x.shape)
        assert loaded[name].tobytes() == x.tobytes()


@given(st.lists(st.text(), max_size=5))
def test_any_words_are_taken_or_refused_in_words(words):
    try:
        args, given_settings = cmd_util.parse(words)
        make_config("FetchReach-v1", given_settings, args.preset, flags=vars(args))
    except UserError as error:
        assert str(error).strip()


FIELDS = {name: type(default) for name, default in vars(HERConfig()).items() if type(default) in (int, float, bool)}
VALUES = {int: st.integers(-(10**9), 10**9), float: FINITE, bool: st.booleans()}
SETTINGS = st.fixed_dictionaries({}, optional={name: VALUES[kind] for name, kind in FIELDS.items()})


@given(SETTINGS, st.integers(0, 2**31), st.integers(1, 100))
def test_the_kept_command_says_what_was_said(chosen, seed, num_env):
    words = [f"--{name}={value}" for name, value in chosen.items()]
    args, read = cmd_util.parse([*words, f"--seed={seed}", f"--num_env={num_env}"])
    assert read == chosen
    args_again, read_again = cmd_util.parse(cmd_util.words_to_keep(args, read))
    assert read_again == chosen and (args_again.seed, args_again.num_env) == (seed, num_env)


PLAIN = st.recursive(
    st.booleans() | st.integers(-(2**70), 2**70) | FINITE | st.text() | ARRAYS,
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(PLAIN, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_pickles_of_plain_data_come_back_equal(data, protocol):
    assert same(unpickle(pickle.dumps(data, protocol)), data)


def same(a, b):
    if isinstance(b, np.ndarray):
        a = np.asarray(a)  # of the reader's own stand-in for an array
        return (a.dtype, a.shape) == (b.dtype, b.shape) and a.tobytes() == b.tobytes()
    if isinstance(b, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in b)
    return type(a) is type(b) and (a == b or math.isnan(a))
