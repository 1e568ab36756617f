"""Finding the effector in the observation, and a model of what actions do to it, from transitions only."""

from typing import NamedTuple

import numpy as np

from baselines.her.types import Episodes

RIDGE = 1e-3  # weight of the squared coefficients, per transition
MOVED = 5e-3  # share of the usual distance between achieved and desired goal that counts as a movement of the goal
MOVES_BY_ITSELF = 0.5  # share of steps in which the goal moves, from which on no guide is needed
FEWEST_ONSETS = 5  # movements of the goal that must be seen before an effector is named
EXPLAINED = 0.3  # least R2 of the block's entries


class Found(NamedTuple):
    """The decision and its reason."""

    entries: slice  # empty: there is no effector to guide
    reason: str


def fit_effect(episodes: Episodes, entries: slice) -> tuple[np.ndarray, np.ndarray]:
    """Fit x(t+1) - x(t) = B a(t) + C a(t-1) + c by ridge regression, where x are `entries` of the observation.

    Returns B [g, u] and the R2 of each entry [g].
    """
    B, T, u = episodes.action.shape
    valid = np.arange(1, T) < episodes.length[:, None]  # [B, T - 1], steps that have one before
    X = np.concatenate([episodes.action[:, 1:], episodes.action[:, :-1], np.ones((B, T - 1, 1))], 2)[valid]
    x = episodes.observation[:, :, entries].astype(np.float64)
    Y = np.diff(x, axis=1)[:, 1:][valid]  # [n, g]
    gram = X.T @ X + RIDGE * len(X) * np.eye(X.shape[1])
    coefficients = np.linalg.solve(gram, X.T @ Y)  # [2u + 1, g]
    rest = np.square(Y - X @ coefficients).mean(0)
    spread = Y.var(0)
    return coefficients[:u].T, 1 - rest / np.where(spread > 0, spread, np.inf)


def find_effector(episodes: Episodes) -> Found | None:
    """Return the effector, or that there is none to guide; None while too little was seen.

    Compared are the blocks of as many consecutive entries as a goal has: the effector is near the achieved goal when
    that begins to move, and usually far from it, and all other blocks are twice as far.
    """
    g, T = episodes.achieved_goal.shape[2], episodes.reward.shape[1]
    valid = np.arange(T) < episodes.length[:, None]  # [n, T]
    steps = np.linalg.norm(np.diff(episodes.achieved_goal.astype(np.float64), axis=1), axis=2)  # [n, T]
    usual = np.median(np.linalg.norm(episodes.achieved_goal[:, :-1] - episodes.desired_goal, axis=2)[valid])
    moving = valid & (steps > MOVED * usual)
    share = moving.sum() / valid.sum()
    if share > MOVES_BY_ITSELF:
        return Found(slice(0, 0), f"none, because the achieved goal moves in {share:.0%} of the steps anyway")
    begins = moving[:, 1:] & ~moving[:, :-1]  # [n, T - 1]: at t = 1, 2, ...
    rows = np.flatnonzero(begins.any(1))
    if len(rows) < FEWEST_ONSETS:
        return None
    times = begins[rows].argmax(1) + 1  # the first movement of each episode: afterwards an object may coast
    blocks = []
    for k in range(episodes.observation.shape[2] - g + 1):
        distance = np.linalg.norm(
            episodes.observation[:, :-1, k : k + g].astype(np.float64) - episodes.achieved_goal[:, :-1], axis=2
        )
        blocks.append((np.median(distance[rows, times]), np.median(distance[valid]), k))
    # Copies of the goal itself are at distance 0 always, and follow the goal instead of leading to it.
    near = sorted(block for block in blocks if block[0] < 0.5 * block[1])
    if not near:
        return Found(slice(0, 0), "none, because no part of the observation is near the achieved goal when that moves")
    distance, otherwise, k = near[0]
    entries = slice(k, k + g)
    _, explained = fit_effect(episodes, entries)
    others = [d for d, _, other in blocks if abs(other - k) >= g and d > 0.1 * distance]
    apart = not others or min(others) > 2 * distance
    what = f"observation[{k}:{k + g}], which is {distance:.2g} from the achieved goal when that begins to move and "
    what += f"{otherwise:.2g} otherwise; actions explain its changes with R2 {explained.min():.2f} or more"
    if apart and explained.min() > EXPLAINED:
        return Found(entries, f"to the object with {what}")
    return Found(slice(0, 0), f"none, because no effector stands out (the best is {what})")
