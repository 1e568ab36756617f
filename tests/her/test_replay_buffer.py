"""The replay buffer."""

import multiprocessing

import numpy as np
import pytest

from baselines.her.replay_buffer import ReplayBuffer
from tests.her.numbered import SPEC, numbered_episodes, sparse_reward


def make_buffer(capacity, priority=None):
    return ReplayBuffer(SPEC, capacity, (0.8, 0.0), sparse_reward, np.random.default_rng(0), priority)


def stored(buffer):
    return sorted((buffer.achieved_goal[: buffer.num_episodes, 0, 0] / 100).tolist())


def resident_bytes():
    """Without pages of files (libraries), which the system drops and reads again as it likes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon")) * 1024


def test_a_full_buffer_forgets_the_priorities_of_what_was_overwritten():
    buffer = make_buffer(2 * SPEC.horizon, priority=lambda episodes: episodes.achieved_goal[:, 0, 0] + 1)
    buffer.store(numbered_episodes([6, 6]))  # priorities 1 and 101
    assert (buffer.sample(1, 2000).achieved_goal >= 100).mean() == pytest.approx(101 / 102, abs=0.02)
    buffer.store(numbered_episodes([6, 6, 6, 6]))  # 201 and 301 stay
    assert (buffer.sample(1, 2000).achieved_goal >= 300).mean() == pytest.approx(301 / 502, abs=0.05)


@pytest.mark.parametrize("at_once", [1, 2, 3, 4, 7, 12])
def test_the_oldest_episodes_are_overwritten_first(at_once):
    buffer = make_buffer(capacity=4 * SPEC.horizon + 5)
    for first in range(0, 12, at_once):
        count = min(at_once, 12 - first)
        buffer.store(numbered_episodes([6] * count, first))
        seen = first + count
        assert stored(buffer) == list(range(max(0, seen - 4), seen))


def test_samples_have_the_shape_of_all_batches_of_a_cycle():
    buffer = make_buffer(100)
    buffer.store(numbered_episodes([6, 3]))
    batch = buffer.sample(n_batches=5, batch_size=7)
    assert batch.observation.shape == (5, 7, 2) and batch.reward.shape == (5, 7)
    assert all(x.dtype == np.float32 for x in batch[:-1]) and batch.terminated.dtype == bool


def test_a_buffer_smaller_than_an_episode_still_keeps_one():
    buffer = make_buffer(1)
    buffer.store(numbered_episodes([6, 6]))
    assert stored(buffer) == [1]


def test_normalizer_transitions_are_as_many_as_the_steps_of_the_episodes():
    batch = make_buffer(100).sample_from(numbered_episodes([6, 1, 3]))
    assert len(batch.reward) == 10


def test_an_untouched_buffer_takes_no_memory():
    # In a process of its own: memory that earlier tests have freed would be cleared and used again.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        asked, taken = pool.apply(memory_of_an_untouched_buffer)
    assert asked > 500e6
    assert taken < 0.1 * asked


def memory_of_an_untouched_buffer():
    before = resident_bytes()
    buffer = make_buffer(50_000_000)
    asked = sum(x.nbytes for x in (buffer.observation, buffer.achieved_goal, buffer.desired_goal, buffer.action))
    return asked, resident_bytes() - before
