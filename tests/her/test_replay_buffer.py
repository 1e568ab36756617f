"""The replay buffer: whole episodes in one record, the oldest overwritten first."""

import multiprocessing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.her import replay_buffer
from baselines.her.experiment.config import HERConfig
from baselines.her.replay_buffer import ReplayBuffer
from tests.her.numbered import SPEC, numbered_episodes, sparse_reward


def make_buffer(capacity, priority="none"):
    return ReplayBuffer(SPEC, HERConfig(), capacity, sparse_reward, np.random.default_rng(0), priority=priority)


def resident_bytes():
    """Without pages of files (libraries), which the system drops and reads again as it likes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon")) * 1024


def test_a_full_buffer_forgets_the_priorities_of_what_was_overwritten(monkeypatch):
    by_number = {"movement": lambda episodes, clip: episodes.achieved_goal[:, 0, 0] + 1}
    monkeypatch.setattr(replay_buffer, "PRIORITIES", by_number)
    buffer = make_buffer(2 * SPEC.horizon, "movement")
    buffer.store(numbered_episodes([6, 6]))  # priorities 1 and 101
    assert (buffer.sample(1, 2000).achieved_goal >= 100).mean() == pytest.approx(101 / 102, abs=0.02)
    buffer.store(numbered_episodes([6, 6, 6, 6]))  # 201 and 301 stay
    assert (buffer.sample(1, 2000).achieved_goal >= 300).mean() == pytest.approx(301 / 502, abs=0.05)


def test_samples_have_the_shape_of_all_batches_of_a_cycle():
    buffer = make_buffer(100)
    buffer.store(numbered_episodes([6, 3]))
    batch = buffer.sample(n_batches=5, batch_size=7)
    assert batch.observation.shape == (5, 7, 2) and batch.reward.shape == (5, 7)
    assert all(x.dtype == np.float32 for x in batch[:-2]) and batch.terminated.dtype == batch.success.dtype == bool

    assert len(buffer.sample_from(numbered_episodes([6, 1, 3])).reward) == 10, "normalizers see as many as there are"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(length=np.array([0, 6, 6])), "not within the buffer"),
        (dict(length=np.array([7, 6, 6])), "not within the buffer"),
        (dict(start=np.array([0, 6, 24])), "not within the buffer"),
        (dict(place=np.array([24, 0, 24])), "not within the buffer"),
        (dict(place=np.array([18, 0, 30])), "of another size"),
        (dict(length=np.full(5, 6)), r"start has the shape \[3\], expected \[5\]"),
        (dict(action=np.zeros((18, 2))), r"action has the shape \[18, 2\], expected \[18, 1\]"),
    ],
)
def test_a_state_of_another_buffer_is_refused(change, message):
    buffer = make_buffer(4 * SPEC.horizon)
    buffer.store(numbered_episodes([6, 6, 6]))
    with pytest.raises(ValueError, match=message):
        make_buffer(4 * SPEC.horizon).load_state({**buffer.state(), **change})


LENGTHS = st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=4), min_size=1, max_size=12)


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 30))
def test_the_latest_episodes_that_fit_are_kept_to_the_transition_whatever_their_lengths(stores, capacity):
    buffer, number, all_lengths = make_buffer(capacity), 0, []
    for lengths in stores:
        buffer.store(numbered_episodes(lengths, number))
        number += len(lengths)
        all_lengths += lengths
        kept = max(1, int((np.cumsum(all_lengths[::-1]) <= capacity).sum()))
        assert buffer.latest(number).length.tolist() == all_lengths[-kept:] == buffer.latest(kept).length.tolist()
        other = make_buffer(capacity)
        other.load_state({name: x.copy() for name, x in buffer.state().items()})
        for it in (buffer, other):
            latest = it.latest(number)
            for episode, length in enumerate(latest.length):
                expected = 100.0 * (number - kept + episode) + np.arange(length + 1)
                np.testing.assert_array_equal(latest.achieved_goal[episode, : length + 1, 0], expected)
            batch = it.sample(1, 50)
            np.testing.assert_array_equal(batch.next_achieved_goal, batch.achieved_goal + 1)
        np.testing.assert_array_equal(buffer.episodes.start, other.episodes.start)


def test_an_untouched_buffer_takes_no_memory():
    # In a process of its own: memory that earlier tests have freed would be cleared and used again.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        asked, taken = pool.apply(memory_of_an_untouched_buffer)
    assert asked > 500e6
    assert taken < 0.1 * asked


def memory_of_an_untouched_buffer():
    before = resident_bytes()
    buffer = make_buffer(50_000_000)
    asked = sum(x.nbytes for x in buffer.episodes)
    return asked, resident_bytes() - before
