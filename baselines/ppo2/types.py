"""Shapes that travel through PPO, and the two records that carry them.

    B  environments stepped in lockstep     T  steps of a rollout (nsteps)
    N  rows of a minibatch                  o, u  sizes of observation and action

Arrays are float32 unless a line says otherwise. Where actions are discrete, [.., u] is [..], of whole numbers.

An environment whose episode has ended ignores the next action and shows the first observation of a new one. This row is
not `valid`, and nothing is learnt from it. So observation[t + 1] always follows from row t, if row t is valid.
"""

from typing import NamedTuple

import numpy as np


class Rollout(NamedTuple):
    """T steps of B environments; episodes begin and end anywhere in it."""

    observation: np.ndarray  # [T + 1, B, o], as the environments returned it
    action: np.ndarray  # [T, B, u], before it is clipped to [-1, 1]
    reward: np.ndarray  # [T, B], 0 where not valid
    terminated: np.ndarray  # [T, B] bool: the environment itself ended the episode
    ended: np.ndarray  # [T, B] bool: terminated, or cut off by a time limit
    valid: np.ndarray  # [T, B] bool
    discounted: np.ndarray  # [T, B]: sums of the episode's rewards so far, see `estimates.discounted_sums`


class Batch(NamedTuple):
    """The rows of a rollout, or of a minibatch, as the networks are trained on them."""

    observation: np.ndarray  # [N, o], normalised
    action: np.ndarray  # [N, u]
    value: np.ndarray  # [N]: V(o) before the update
    advantage: np.ndarray  # [N]
    target: np.ndarray  # [N]: what the value should be
    valid: np.ndarray  # [N]: 1 or 0
