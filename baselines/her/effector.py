"""Finding the effector in the observation, and a model of what actions do to it, from transitions only."""

from typing import NamedTuple

import numpy as np

from baselines.her.types import Episodes

RIDGE = 1e-3  # weight of the squared coefficients, per transition
MOVED = 5e-3  # share of the usual distance between achieved and desired goal that counts as a movement of the goal
MOVES_BY_ITSELF = 0.5  # share of steps in which the goal moves, from which on no guide is needed
FEWEST_ONSETS = 5  # movements of the goal that must be seen before the effector is certain
EXPLAINED = 0.1  # least R2 of the block's entries; contact and joint angles leave little more
COPY = 0.01  # share of the usual distance; entries nearer than this to the achieved goal are the goal itself
LASTS = 0.5  # least share of an action's effect that is still there a step later: a velocity's effect is not


class Found(NamedTuple):
    """The decision and its reason."""

    entries: slice  # empty: there is no effector to guide
    certain: bool  # False: a guess that more episodes may change
    reason: str


class Effect(NamedTuple):
    """The model x(t+1) - x(t) = B a(t) + C a(t-1) + c of n entries x of the observation."""

    B: np.ndarray  # [n, u]
    C: np.ndarray  # [n, u]
    explained: np.ndarray  # [n] R2

    @property
    def lasting(self) -> np.ndarray:
        """The whole change by an action, [n, u]: of a place some of it comes a step later, of a velocity it is gone."""
        return self.B + self.C


def fit_effect(episodes: Episodes, entries: slice) -> Effect:
    """Fit what actions do to `entries` of the observation by ridge regression."""
    T, u = episodes.action.shape[1:]
    valid = np.arange(1, T) < episodes.length[:, None]  # [B, T - 1], steps that have one before
    ones = np.ones((*valid.shape, 1))
    X = np.concatenate([episodes.action[:, 1:], episodes.action[:, :-1], ones], 2)[valid].astype(np.float64)
    x = episodes.observation[:, :, entries].astype(np.float64)
    Y = np.diff(x, axis=1)[:, 1:][valid]  # [rows, n]
    gram = X.T @ X + RIDGE * max(1, len(X)) * np.eye(X.shape[1])
    coefficients = np.linalg.solve(gram, X.T @ Y)  # [2u + 1, n]
    rest = np.square(Y - X @ coefficients).sum(0)
    spread = np.square(Y - Y.sum(0) / max(1, len(Y))).sum(0)
    explained = 1 - rest / np.where(spread > 0, spread, np.inf)
    return Effect(coefficients[:u].T, coefficients[u : 2 * u].T, np.where(spread > 0, explained, 0))


def find_effector(episodes: Episodes) -> Found:
    """Return the block of entries that is the effector's place, or that there is none to guide.

    Candidates are all blocks of as many consecutive entries as a goal has, on which actions have an effect that lasts.
    The effector is the one nearest to the achieved goal: in the steps in which that begins to move, once a few were
    seen, where it must be much nearer than usually and than all others.
    """
    g, T = episodes.achieved_goal.shape[2], episodes.reward.shape[1]
    valid = np.arange(T) < episodes.length[:, None]  # [n, T]
    steps = np.linalg.norm(np.diff(episodes.achieved_goal.astype(np.float64), axis=1), axis=2)  # [n, T]
    usual = np.median(np.linalg.norm(episodes.achieved_goal[:, :-1] - episodes.desired_goal, axis=2)[valid])
    moving = valid & (steps > MOVED * usual)
    share = moving.sum() / valid.sum()
    if share > MOVES_BY_ITSELF:
        return _none(f"the achieved goal moves in {share:.0%} of the steps anyway")
    effect = fit_effect(episodes, slice(None))
    lasts = np.linalg.norm(effect.lasting, axis=1) > LASTS * np.linalg.norm(effect.B, axis=1)
    moved = lasts & (effect.explained > EXPLAINED)  # [o]
    starts = [k for k in range(len(moved) - g + 1) if moved[k : k + g].all()]
    begins = moving[:, 1:] & ~moving[:, :-1]  # [n, T - 1]: at t = 1, 2, ...
    onsets = np.flatnonzero(begins.any(1))
    certain = len(onsets) >= FEWEST_ONSETS
    blocks = []
    for k in starts:
        away = np.linalg.norm(
            episodes.observation[:, :-1, k : k + g].astype(np.float64) - episodes.achieved_goal[:, :-1], axis=2
        )
        otherwise = np.median(away[valid])
        if otherwise < COPY * usual:
            continue
        distance = otherwise
        if certain:  # the first movement of each episode: afterwards an object may coast
            distance = np.median(away[onsets, begins[onsets].argmax(1) + 1])
        blocks.append((distance, otherwise, k))
    if not blocks:
        return _none("actions move no part of the observation that is as long as a goal", certain)
    distance, otherwise, k = min(blocks)
    entries, what = slice(k, k + g), f"observation[{k}:{k + g}]"
    explained = f"actions explain its changes with R2 {effect.explained[entries].min():.2f} or more"
    if not certain:
        return Found(entries, False, f"to the object with {what} for now, because {explained}")
    what += f", which is {distance:.2g} from the achieved goal when that begins to move and {otherwise:.2g} otherwise"
    others = [d for d, _, other in blocks if abs(other - k) >= g]
    if distance < 0.5 * otherwise and (not others or min(others) > 2 * distance):
        return Found(entries, True, f"to the object with {what}; {explained}")
    return _none(f"no effector stands out (the best is {what})")


def _none(reason: str, certain: bool = True) -> Found:
    return Found(slice(0, 0), certain, f"none, because {reason}")
