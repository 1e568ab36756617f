"""Hindsight: which transitions are drawn, and which goals they get (1707.01495, sections 3.3 and 4.5)."""

from collections.abc import Callable

import numpy as np

from baselines.envs.reward import RewardFunction
from baselines.her.types import Episodes, RaggedEpisodes, Transitions

STEP_SECONDS = 0.04  # between two observations of the Fetch and Hand tasks
PRIORITY_FLOOR = 0.02  # added to each episode's priority, so that none is never drawn; in metres or joules


# ---- relabelling strategies: a new one is a function here and a name in STRATEGIES ----


def future(times: np.ndarray, length: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return times drawn uniformly from t + 1 to the episode's end.

    Example: t = 2 in an episode of length 5 has the achieved goals at 3, 4 and 5 to choose from.
    """
    return times + 1 + (rng.random(times.shape) * (length - times)).astype(times.dtype)


def final(times: np.ndarray, length: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the time at which the episode ended."""
    return length


def episode(times: np.ndarray, length: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return times drawn uniformly from 1 to the episode's end, before or after t."""
    return 1 + (rng.random(times.shape) * length).astype(times.dtype)


# (times [...], lengths of their episodes [...], rng) -> the times [...] whose achieved goals become the desired ones
STRATEGIES: dict[str, Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]] = {
    "future": future,
    "final": final,
    "episode": episode,
    "none": future,  # relabels with probability 0
}


def sample_relabelled(
    episodes: RaggedEpisodes,
    which: np.ndarray,
    times: np.ndarray,
    strategy: str,
    probabilities: tuple[float, float],
    compute_reward: RewardFunction,
    rng: np.random.Generator,
) -> Transitions:
    """Return the transitions at `times` [...] of the episodes `which` [...], some of their goals relabelled.

    Args:
        strategy: The function of STRATEGIES that picks the achieved goals.
        probabilities: Of a goal that the same episode achieved, and of another episode's desired goal (`actual` of
            2007.02832). All other transitions keep their own goal.
        compute_reward: Computes every reward again, from the goal that a transition ends up with and the step's info.
    """
    length, rows = episodes.length[which], episodes.rows(which, times)
    desired_goal = episodes.desired_goal[rows]  # [..., g]
    achieved_at = STRATEGIES[strategy](times, length, rng)
    achieved_p, actual_p = probabilities
    draw = rng.random(which.shape)
    relabelled = draw < achieved_p
    desired_goal[relabelled] = episodes.at("achieved_goal", which[relabelled], achieved_at[relabelled])
    if actual_p:
        actual = ~relabelled & (draw < achieved_p + actual_p)
        others = rng.integers(len(episodes.start), size=actual.sum())
        desired_goal[actual] = episodes.desired_goal[episodes.start[others]]
    next_achieved_goal = episodes.at("achieved_goal", which, times + 1)
    goals = (goal.reshape(-1, goal.shape[-1]) for goal in (next_achieved_goal, desired_goal))
    info_size = episodes.info.shape[-1]
    info = [episodes.info[rows].reshape(-1, info_size)] if info_size else []
    return Transitions(
        observation=episodes.observation[rows],
        achieved_goal=episodes.achieved_goal[rows],
        desired_goal=desired_goal,
        action=episodes.action[rows],
        reward=compute_reward(*goals, *info).reshape(which.shape).astype(np.float32),
        next_observation=episodes.at("observation", which, times + 1),
        next_achieved_goal=next_achieved_goal,
        terminated=episodes.terminated[which] & (times + 1 == length),
        success=episodes.success[which],
    )


# ---- which transitions ----


def sample_times(
    length: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator, priority: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return episodes and times, both of `shape`, drawn from all steps of episodes of `length` [B].

    Each step is as likely as the `priority` [B] > 0 of its episode; without one, all are equally likely.
    """
    if priority is None and (length == length[0]).all():
        return rng.integers(len(length), size=shape), rng.integers(length[0], size=shape)
    upper = np.cumsum(length if priority is None else priority * length)  # episode i has upper[i - 1] to upper[i]
    which = np.searchsorted(upper, rng.random(shape) * upper[-1], side="right")
    which = np.minimum(which, len(length) - 1)  # rounding may reach the last upper end
    return which, (rng.random(shape) * length[which]).astype(np.int64)


def movement_priority(episodes: Episodes, clip: float) -> np.ndarray:
    """Return how far each achieved goal moved, [B]: the sum over t of min(|ag(t+1) - ag(t)|, clip), plus the floor.

    This is energy-based prioritisation (1810.01363) for goals of any kind. `clip` keeps an object that falls off the
    table from outweighing all that were pushed.
    """
    steps = np.linalg.norm(np.diff(episodes.achieved_goal, axis=1), axis=2)  # [B, T]
    return PRIORITY_FLOOR + np.where(episodes.valid, np.minimum(steps, clip), 0).sum(1)


def energy_priority(episodes: Episodes, clip: float) -> np.ndarray:
    """Return the work on each object, [B]: the sum over t of E(t+1) - E(t), each within [0, clip], plus the floor.

    E = 9.81 z + v^2 / 2 of an object of 1 kg whose place (x, y, z) is the achieved goal (1810.01363, section 3.2). A
    falling object does no work, and lifting counts several times as much as pushing as far.
    """
    steps = np.diff(episodes.achieved_goal, axis=1)  # [B, T, 3]
    kinetic = np.square(np.linalg.norm(steps, axis=2) / STEP_SECONDS) / 2
    before = np.concatenate([np.zeros_like(kinetic[:, :1]), kinetic[:, :-1]], axis=1)
    work = 9.81 * steps[..., 2] + kinetic - before
    return PRIORITY_FLOOR + np.where(episodes.valid, np.clip(work, 0, clip), 0).sum(1)


PRIORITIES = {"movement": movement_priority, "energy": energy_priority}
