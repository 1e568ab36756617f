"""Advantages, discounted sums and explained variance of rollouts, in NumPy."""

import numpy as np


def generalized_advantages(
    reward: np.ndarray, value: np.ndarray, terminated: np.ndarray, ended: np.ndarray, gamma: float, lam: float
) -> np.ndarray:
    """Return the advantages [T, B] by GAE (1506.02438, eq. 16).

    A_t = delta_t + gamma lam (1 - ended_t) A_{t+1},  delta_t = r_t + gamma (1 - terminated_t) V_{t+1} - V_t

    Where a time limit cut an episode off, the value of its last observation stands for all later rewards. `value` is
    [T + 1, B], one for each observation; all else is [T, B]. Rows that are not valid get advantages without meaning,
    which no valid row uses.
    """
    assert value.shape == (len(reward) + 1, *reward.shape[1:]), "expected a value for each observation"
    delta = reward + np.float32(gamma) * ~terminated * value[1:] - value[:-1]
    weight = np.float32(gamma * lam) * ~ended  # of the next advantage
    advantage = np.empty_like(delta)
    following = np.zeros_like(delta[0])
    for t in reversed(range(len(reward))):
        advantage[t] = following = delta[t] + weight[t] * following
    return advantage


def discounted_sums(
    reward: np.ndarray, ended: np.ndarray, carried: np.ndarray, gamma: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return S_t = r_t + gamma S_{t-1} within each episode [T, B], and gamma S of the last step [B].

    Rewards are divided by the standard deviation of these sums (as in the original's VecNormalize). `reward` and
    `ended` are [T, B], `carried` is gamma S [B] of the rollout before.
    """
    sums = np.empty_like(reward)
    for t in range(len(reward)):
        sums[t] = reward[t] + carried
        carried = np.float32(gamma) * sums[t] * ~ended[t]
    return sums, carried


def explained_variance(value: np.ndarray, target: np.ndarray) -> float:
    """Return 1 - Var(target - value) / Var(target), of [N]: 1 is perfect, 0 is no better than a constant."""
    spread = float(np.var(target, dtype=np.float64))
    return 0.0 if spread == 0 else 1 - float(np.var(target - value, dtype=np.float64)) / spread
