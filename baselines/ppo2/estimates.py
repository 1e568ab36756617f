"""What a rollout says about values: one function per equation, in NumPy."""

import numpy as np


def generalized_advantages(
    reward: np.ndarray,
    value: np.ndarray,
    terminated: np.ndarray,
    ended: np.ndarray,
    gamma: float,
    lam: float,
) -> np.ndarray:
    """A_t = delta_t + gamma lam (1 - ended_t) A_{t+1},  delta_t = r_t + gamma (1 - terminated_t) V_{t+1} - V_t

    (GAE, 1506.02438, eq. 16). Where a time limit cut an episode off, its last observation's value stands for all that
    would have followed; where it terminated, nothing does. `value` is [T + 1, B], of the observations; all else [T, B],
    as is the result. Rows that are not valid have advantages without meaning, which no valid row takes in.
    """
    assert value.shape == (len(reward) + 1, *reward.shape[1:]), "expected a value for each observation"
    delta = reward + np.float32(gamma) * ~terminated * value[1:] - value[:-1]
    kept = np.float32(gamma * lam) * ~ended
    advantage = np.empty_like(delta)
    after = np.zeros_like(delta[0])
    for t in reversed(range(len(reward))):
        advantage[t] = after = delta[t] + kept[t] * after
    return advantage


def discounted_sums(
    reward: np.ndarray, ended: np.ndarray, before: np.ndarray, gamma: float
) -> tuple[np.ndarray, np.ndarray]:
    """S_t = r_t + gamma S_{t-1} within an episode, whose spread is taken for that of returns (the original's
    VecNormalize).

    `reward` and `ended` are [T, B], `before` [B] is gamma S of the step before. Returns S [T, B] and the next `before`.
    """
    sums = np.empty_like(reward)
    for t in range(len(reward)):
        sums[t] = reward[t] + before
        before = np.float32(gamma) * sums[t] * ~ended[t]
    return sums, before


def explained_variance(value: np.ndarray, target: np.ndarray) -> float:
    """1 - Var(target - value) / Var(target): 1 is perfect, 0 as good as a constant; 0 where the target is one. [N]."""
    spread = float(np.var(target, dtype=np.float64))
    return 0.0 if spread == 0 else 1 - float(np.var(target - value, dtype=np.float64)) / spread
