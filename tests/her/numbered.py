"""Episodes of numbers, which say of every goal where and when it was achieved."""

import numpy as np

from baselines.common.specs import EnvSpec
from baselines.her.types import Episodes, Transitions

SPEC = EnvSpec("numbers", dict(observation=2, achieved_goal=1, desired_goal=1), 1, 6, has_reward_function=True)


def numbered_episodes(lengths, first=0):
    """Episode e has the achieved goal 100 e + t at time t, the desired goal -e - 1, and NaN after its end."""
    B, T = len(lengths), SPEC.horizon
    number = first + np.arange(B)
    achieved = (100.0 * number[:, None] + np.arange(T + 1))[..., None]
    for i, length in enumerate(lengths):
        achieved[i, length + 1 :] = np.nan
    return Episodes(
        observation=np.repeat(achieved, 2, axis=2).astype(np.float32),
        achieved_goal=achieved.astype(np.float32),
        desired_goal=np.broadcast_to(-1.0 - number[:, None, None], (B, T, 1)).astype(np.float32),
        action=achieved[:, :-1].astype(np.float32),
        reward=np.zeros((B, T), np.float32),
        length=np.array(lengths, np.int32),
        success=np.zeros(B, bool),
        terminated=np.zeros(B, bool),
        info=np.zeros((B, T, 0)),
    )


def random_transitions(spec, front, rng):
    """Transitions [*front, ...] of random numbers, after none of which an episode ended."""
    o, g, u = (spec.observation_size,), (spec.goal_size,), (spec.action_size,)
    columns = (rng.normal(size=(*front, *size)).astype(np.float32) for size in (o, g, g, u, (), o, g))
    return Transitions(*columns, terminated=np.zeros(front, bool), success=np.zeros(front, bool))


def sparse_reward(achieved, desired):
    return -(np.abs(achieved - desired)[:, 0] > 0).astype(np.float32)
