"""Hindsight relabelling (1707.01495, section 3 and 4.5, strategy `future`)."""

from typing import Protocol

import numpy as np

from baselines.envs.reward import RewardFunction
from baselines.her.types import EpisodeBatch, TransitionBatch

STEP_SECONDS = 0.04  # between two observations of the Fetch and Hand tasks


class StoredEpisodes(Protocol):
    """Some array fields of EpisodeBatch."""

    @property
    def observation(self) -> np.ndarray: ...
    @property
    def achieved_goal(self) -> np.ndarray: ...
    @property
    def desired_goal(self) -> np.ndarray: ...
    @property
    def action(self) -> np.ndarray: ...
    @property
    def length(self) -> np.ndarray: ...
    @property
    def terminated(self) -> np.ndarray: ...
    @property
    def info(self) -> np.ndarray: ...


def sample_relabelled(
    episodes: StoredEpisodes,
    rows: np.ndarray,
    times: np.ndarray,
    relabelled_p: tuple[float, float],
    compute_reward: RewardFunction,
    rng: np.random.Generator,
) -> TransitionBatch:
    """The transitions at `times` [...] of the episodes at `rows` [...], with some of their goals relabelled.

    With the first probability of `relabelled_p` a desired goal becomes the achieved goal of a time drawn uniformly from
    t+1 to the episode's end; with the second, the desired goal of any episode (`actual` of 2007.02832). Every reward is
    computed again from the goal that a transition ends up with, and the step's own info where it is read. The batch has
    the shape of `rows` in front.

    Example: t = 2 in an episode of length 5 has the achieved goals at 3, 4 and 5 to choose from.
    """
    length = episodes.length[rows]
    desired_goal = episodes.desired_goal[rows, times]  # [..., g]
    future = times + 1 + (rng.random(rows.shape) * (length - times)).astype(times.dtype)
    future_p, actual_p = relabelled_p
    draw = rng.random(rows.shape)
    relabelled = draw < future_p
    desired_goal[relabelled] = episodes.achieved_goal[rows[relabelled], future[relabelled]]
    if actual_p:
        actual = ~relabelled & (draw < future_p + actual_p)
        desired_goal[actual] = episodes.desired_goal[rng.integers(len(episodes.length), size=actual.sum()), 0]
    next_achieved_goal = episodes.achieved_goal[rows, times + 1]
    goals = (goal.reshape(-1, goal.shape[-1]) for goal in (next_achieved_goal, desired_goal))
    info_size = episodes.info.shape[-1]
    reward = compute_reward(*goals, *([episodes.info[rows, times].reshape(-1, info_size)] if info_size else []))
    return TransitionBatch(
        observation=episodes.observation[rows, times],
        achieved_goal=episodes.achieved_goal[rows, times],
        desired_goal=desired_goal,
        action=episodes.action[rows, times],
        reward=reward.reshape(rows.shape).astype(np.float32),
        next_observation=episodes.observation[rows, times + 1],
        next_achieved_goal=next_achieved_goal,
        terminated=episodes.terminated[rows] & (times + 1 == length),
    )


def sample_times(length: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Uniformly drawn transitions of episodes of `length` [B]: rows and times, both of `shape`.

    Draws from the B x max(length) grid, and again where an episode was over already: so a transition of a short
    episode is as likely as any other.
    """
    longest = int(length.max())
    rows = rng.integers(len(length), size=shape)
    times = rng.integers(longest, size=shape)
    while (over := times >= length[rows]).any():
        rows[over] = rng.integers(len(length), size=over.sum())
        times[over] = rng.integers(longest, size=over.sum())
    return rows, times


def sample_times_by_priority(
    length: np.ndarray, priority: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """As `sample_times`, with a transition as likely as its episode's `priority` [B] > 0 says."""
    upper = np.cumsum(priority * length)  # episode i takes the share from upper[i - 1] to upper[i]
    rows = np.searchsorted(upper, rng.random(shape) * upper[-1], side="right")
    rows = np.minimum(rows, len(length) - 1)  # where rounding reaches the last upper end
    return rows, (rng.random(shape) * length[rows]).astype(np.int64)


def movement(episodes: EpisodeBatch, floor: float, clip: float) -> np.ndarray:
    """How far each episode's achieved goal moved, [B]: sum over t of min(|ag(t+1) - ag(t)|, clip), plus `floor`.

    In the spirit of energy-based prioritisation (1810.01363), for goals of any kind. `clip` keeps an object that falls
    off the table from outweighing all that were pushed.
    """
    steps = np.linalg.norm(np.diff(episodes.achieved_goal, axis=1), axis=2)  # [B, T]
    happened = np.arange(steps.shape[1]) < episodes.length[:, None]
    return floor + np.where(happened, np.minimum(steps, clip), 0).sum(1)


def energy(episodes: EpisodeBatch, floor: float, clip: float) -> np.ndarray:
    """The work done on each episode's object, [B]: sum over t of E(t + 1) - E(t), each within [0, clip], plus `floor`.

    E = 9.81 z + v^2 / 2 of an object of 1 kg whose place (x, y, z) is the achieved goal (1810.01363, section 3.2). What
    falls does no work, and what is lifted counts several times as much as what is pushed as far.
    """
    steps = np.diff(episodes.achieved_goal, axis=1)  # [B, T, 3]
    kinetic = np.square(np.linalg.norm(steps, axis=2) / STEP_SECONDS) / 2
    before = np.concatenate([np.zeros_like(kinetic[:, :1]), kinetic[:, :-1]], axis=1)
    work = 9.81 * steps[..., 2] + kinetic - before
    happened = np.arange(work.shape[1]) < episodes.length[:, None]
    return floor + np.where(happened, np.clip(work, 0, clip), 0).sum(1)
