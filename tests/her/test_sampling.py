"""Hindsight relabelling, and which transitions are drawn."""

import numpy as np
import pytest

from baselines.her.sampling import (
    PRIORITY_FLOOR,
    STRATEGIES,
    energy_priority,
    movement_priority,
    sample_relabelled,
    sample_times,
)
from tests.her.numbered import numbered_episodes, sparse_reward


def draw(episodes, achieved_p, actual_p=0.0, strategy="future", seed=0, size=4000):
    rng = np.random.default_rng(seed)
    rows, times = sample_times(episodes.length, (size,), rng)
    probabilities = achieved_p, actual_p
    return rows, times, sample_relabelled(episodes.ragged(), rows, times, strategy, probabilities, sparse_reward, rng)


def slow_twin(episodes, rows, times, strategy, achieved_p, actual_p, rng):
    """Return the goals of the same draws, one transition at a time."""
    offsets = np.zeros(len(rows)) if strategy == "final" else rng.random(len(rows))
    goals = []
    for row, t, offset, coin in zip(rows, times, offsets, rng.random(len(rows)), strict=True):
        length = episodes.length[row]
        when = {
            "future": t + 1 + int(offset * (length - t)),
            "final": length,
            "episode": 1 + int(offset * length),
        }[strategy]
        if coin < achieved_p:
            goals.append(episodes.achieved_goal[row, when])
        elif coin < achieved_p + actual_p:
            goals.append(episodes.desired_goal[rng.integers(len(episodes.length)), 0])
        else:
            goals.append(episodes.desired_goal[row, t])
    return np.array(goals)


@pytest.mark.parametrize("strategy", ["future", "final", "episode"])
@pytest.mark.parametrize("relabelled_p", [(0.8, 0.0), (0.4, 0.4), (0.0, 0.5), (0.3, 0.7)])
def test_vectorised_relabelling_equals_its_slow_twin(relabelled_p, strategy):
    episodes = numbered_episodes([6, 2, 5])
    rows, times = sample_times(episodes.length, (500,), np.random.default_rng(1))
    rng, twins = np.random.default_rng(2), np.random.default_rng(2)
    batch = sample_relabelled(episodes.ragged(), rows, times, strategy, relabelled_p, sparse_reward, rng)
    np.testing.assert_array_equal(batch.desired_goal, slow_twin(episodes, rows, times, strategy, *relabelled_p, twins))
    assert rng.bit_generator.state == twins.bit_generator.state, "it draws no more: without other goals none for them"
    assert np.array_equal(batch.reward, -(batch.next_achieved_goal != batch.desired_goal)[:, 0].astype(np.float32))
    assert np.array_equal(batch.next_observation, batch.observation + 1), "and nothing comes from after an end"
    assert np.array_equal(batch.achieved_goal, batch.observation[:, :1])


@pytest.mark.parametrize(
    ("strategy", "expected"), [("future", [3, 4, 5]), ("final", [5]), ("episode", [1, 2, 3, 4, 5])]
)
def test_a_worked_example_of_each_strategy(strategy, expected):
    """At step 2 of an episode of 5 steps, whose achieved goals are their times; all that may be are equally likely."""
    rows, times, batch = draw(numbered_episodes([5, 6]), 1.0, strategy=strategy, size=60000)
    goals, counts = np.unique(batch.desired_goal[(rows == 0) & (times == 2), 0], return_counts=True)
    assert goals.tolist() == expected
    assert counts / counts.sum() == pytest.approx([1 / len(expected)] * len(expected), abs=0.03)
    assert set(STRATEGIES) == {"future", "final", "episode", "none"}


@pytest.mark.parametrize("priority", [None, np.array([1.0, 2.0, 0.5])])
def test_transitions_are_as_likely_as_their_episodes_priority_says(priority):
    rows, times = sample_times(np.array([6, 1, 3]), (100, 500), np.random.default_rng(0), priority)
    assert rows.shape == times.shape == (100, 500)
    which, counts = np.unique(rows * 10 + times, return_counts=True)
    assert which.tolist() == [0, 1, 2, 3, 4, 5, 10, 20, 21, 22]
    expected = np.ones(10) / 10 if priority is None else np.array([1.0] * 6 + [2.0] + [0.5] * 3) / 9.5
    assert counts / 50000 == pytest.approx(expected, abs=0.01)


def test_movement_is_the_clipped_path_of_the_achieved_goal_until_the_episodes_end():
    rng = np.random.default_rng(0)
    episodes = numbered_episodes([6, 1, 3])
    noise = rng.normal(size=episodes.achieved_goal.shape).astype(np.float32)
    episodes = episodes._replace(achieved_goal=noise + 0 * episodes.achieved_goal)  # NaN stays beyond the end
    expected = []
    for goals, length in zip(episodes.achieved_goal, episodes.length, strict=True):
        path = PRIORITY_FLOOR
        for t in range(length):
            path += min(0.7, float(np.linalg.norm(goals[t + 1] - goals[t])))
        expected.append(path)
    np.testing.assert_allclose(movement_priority(episodes, clip=0.7), expected, rtol=1e-6)


def flight(*places):
    """One episode with an object at these heights, or places (x, y, z), one after the other."""
    episode = numbered_episodes([len(places) - 1])
    path = np.full((1, episode.reward.shape[1] + 1, 3), np.nan, np.float32)
    path[0, : len(places)] = [p if isinstance(p, tuple) else (0, 0, p) for p in places]
    return episode._replace(achieved_goal=path)


def test_energy_is_the_work_done_on_an_object_of_one_kilogram():
    lift = energy_priority(flight(0, 0.01, 0.02, 0.03), clip=10)
    # 0.03 m high, and still on the move at 0.01 m in 0.04 s.
    np.testing.assert_allclose(lift, PRIORITY_FLOOR + 9.81 * 0.03 + 0.25**2 / 2, rtol=1e-4)
    push = energy_priority(flight((0, 0, 0), (0.01, 0, 0), (0.02, 0, 0), (0.03, 0, 0)), clip=10)
    np.testing.assert_allclose(push, PRIORITY_FLOOR + 0.25**2 / 2, rtol=1e-4)


def test_what_falls_has_no_work_done_on_it_and_a_step_counts_at_most_the_clip():
    fall = [0.4 - 0.5 * 9.81 * (0.04 * t) ** 2 for t in range(6)]
    assert energy_priority(flight(*fall), clip=10)[0] < PRIORITY_FLOOR + 0.1
    assert energy_priority(flight(0, 1, 2), clip=0.5)[0] == pytest.approx(PRIORITY_FLOOR + 2 * 0.5)
    assert energy_priority(flight(0, 0, 0), clip=0.5)[0] == pytest.approx(PRIORITY_FLOOR) == 0.02
