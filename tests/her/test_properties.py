"""What must hold of relabelling and of pickles for any input, tried on inputs that Hypothesis makes up."""

import io
import math
import pickle

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from baselines.her.demonstrations.openai import _Unpickler
from baselines.her.sampling import sample_relabelled, sample_times
from tests.common.strategies import PLAIN, SEED
from tests.her.numbered import SPEC, numbered_episodes, sparse_reward

LENGTHS = st.lists(st.integers(1, SPEC.horizon), min_size=1, max_size=6)
# The probabilities of a later goal, and of another episode's.
RELABELLED = st.tuples(st.floats(0, 1), st.just(0.0) | st.floats(0, 1)).map(lambda p: (p[0], (1 - p[0]) * p[1]))


@given(LENGTHS, SEED, RELABELLED, st.booleans())
def test_a_relabelled_goal_lies_ahead_or_is_of_another_episode_and_the_reward_follows_it(lengths, seed, p, prioritized):
    episodes, rng, length = numbered_episodes(lengths), np.random.default_rng(seed), np.array(lengths)
    rows, times = sample_times(length, (3, 5), rng, rng.random(len(lengths)) + 1e-6 if prioritized else None)
    assert (times >= 0).all() and (times < length[rows]).all()
    batch = sample_relabelled(episodes.ragged(), rows, times, "future", p, sparse_reward, rng)
    own = batch.desired_goal == episodes.desired_goal[rows, times]
    episode, when = np.divmod(batch.desired_goal[..., 0], 100)
    ahead = (episode == rows) & (when > times) & (when <= length[rows])
    another = np.isin(batch.desired_goal, episodes.desired_goal)[..., 0] & (p[1] > 0)
    assert (own[..., 0] | ahead | another).all()
    assert np.array_equal(batch.reward, -(batch.next_achieved_goal != batch.desired_goal)[..., 0].astype(np.float32))
    assert not any(np.isnan(x).any() for x in batch), "nothing comes from after an episode's end"
    assert np.array_equal(batch.next_observation, batch.observation + 1)
    assert np.array_equal(batch.achieved_goal, batch.observation[..., :1])


@given(PLAIN, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_pickles_of_plain_data_come_back_equal(data, protocol):
    program = io.BytesIO(pickle.dumps(data, protocol))
    assert same(_Unpickler(program, encoding="latin1").load(), data)


def same(a, b):
    if isinstance(b, np.ndarray):
        return repr(a) == repr(np.atleast_1d(b).tolist())  # arrays come as lists
    if isinstance(b, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in b)
    return type(a) is type(b) and (a == b or math.isnan(a))
