"""Warnings about likely mistakes in an environment, and the offset of its rewards."""

from collections.abc import Iterator

import numpy as np

from baselines.common.specs import GOAL_KEYS
from baselines.envs.reward import GoalReward
from baselines.her.experiment.config import HERConfig
from baselines.her.types import Episodes

_FAR = 1e4  # beyond this ratio of distance from the origin to spread, float32 cannot tell goals apart


def reward_offset(config: HERConfig, compute_reward: GoalReward) -> float:
    """Return the reward at the goal, which is subtracted from all rewards where `clip_return` bounds returns by 0.

    A constant less at every step changes no policy, as long as the return after the end of an episode is less too (see
    `terminal_values`); and values begin at 0, where those of a goal are then. Raises UserError where compute_reward
    cannot be called.
    """
    at_goal = compute_reward.goal_rewards
    same = np.ptp(at_goal) <= 1e-6  # for all goals and infos
    return float(at_goal.max()) if config.clip_return and config.clip_pos_returns and same else 0.0


def terminal_values(config: HERConfig, offset: float, horizon: int) -> tuple[float, float]:
    """Return the returns after an episode terminated without and with success (`terminated_value`).

    No more rewards means 0 at every step, less the offset of all rewards.
    """
    if config.terminated_value == "by_success":
        return config.return_bounds(horizon)[0], 0.0
    value = -offset / (1 - config.discount(horizon))
    return value, value


def warnings(config: HERConfig, compute_reward: GoalReward, episodes: Episodes) -> Iterator[str]:
    """Yield one line for each likely mistake in the first episodes, with the setting or the entry that it is about."""
    offset, stepped = reward_offset(config, compute_reward), episodes.reward[episodes.valid]
    yield from list(_useless_rewards(compute_reward.table)) or _unbounded_rewards(stepped - offset, config)
    yield from _early_ends(episodes, config, offset)
    yield from _distant_goals(compute_reward.goals)
    for name in GOAL_KEYS:
        yield from _large_numbers(name, getattr(episodes, name)[:, : episodes.valid.shape[1]][episodes.valid], config)


def _useless_rewards(table: np.ndarray) -> Iterator[str]:
    """Yield why nothing can be learnt from rewards [n, n] for achieving goal i where j is desired."""
    spread = [float(np.ptp(table, axis).max(initial=0)) for axis in (0, 1)]  # over achieved, over desired goals
    away = (table.sum(0) - table.diagonal()) / max(1, len(table) - 1)  # [n]
    if min(spread) < 1e-6 < len(table) - 1:
        name = ("achieved_goal", "desired_goal")[int(np.argmin(spread))]
        yield (
            f"compute_reward ignores {name}: goals that occur all give the same, so relabelled goals teach nothing. It "
            "should compare its two arguments, with a tolerance that is less than the distances between goals"
        )
    elif np.mean(table.diagonal() < away - 1e-6) > 0.5:
        yield (
            f"compute_reward pays less at the goal ({table.diagonal().mean():g}) than elsewhere (on average "
            f"{away.mean():g}): the agent would learn to avoid its goals. Is the sign wrong?"
        )


def different_rewards(compute_reward: GoalReward, episodes: Episodes) -> str:
    """Return a warning where compute_reward disagrees with the rewards of the steps, else nothing."""
    valid = episodes.valid
    achieved, desired, info = episodes.achieved_goal[:, 1:][valid], episodes.desired_goal[valid], episodes.info[valid]
    stepped = episodes.reward[valid]
    different = np.arange(len(stepped))
    # Rounding to float32 may cross the tolerance, but not where goals are numbers of things.
    for scale in (1.0, 0.9999, 1.0001) if (achieved % 1).any() else (1.0,):
        if len(different):
            rows = different
            moved = desired[rows] + (achieved[rows] - desired[rows]) * np.float32(scale)
            computed = np.asarray(compute_reward(moved, desired[rows], info[rows])).astype(float)
            different = rows[~np.isclose(computed, stepped[rows], rtol=1e-3, atol=1e-3)]
    if not len(different):
        return ""
    first = different[0]
    computed = compute_reward(achieved[[first]], desired[[first]], info[[first]])
    environment, step = (int(axis[first]) for axis in np.nonzero(valid))
    return (
        f"compute_reward gives {float(computed[0]):g} where step returned {stepped[first]:g} (environment "
        f"{environment}, step {step + 1}; {len(different)} of {len(stepped)} steps differ). Relabelled goals are "
        "learnt with compute_reward, so both should be the same function of the goals"
    )


def _early_ends(episodes: Episodes, config: HERConfig, offset: float) -> Iterator[str]:
    failed, valid = episodes.terminated & ~episodes.success, episodes.valid
    pays = terminal_values(config, offset, valid.shape[1])[0] >= 0 and np.median(episodes.reward[valid] - offset) < 0
    if failed.any() and pays and config.terminated_value == "zero":
        yield (
            f"{failed.sum()} of {len(failed)} episodes ended without success, and most rewards are negative, so "
            "failing early is rewarded. Use --terminated_value=by_success, or penalise failure"
        )


def _unbounded_rewards(reward: np.ndarray, config: HERConfig) -> Iterator[str]:
    low, high = float(reward.min()), float(reward.max())
    if config.clip_return and config.clip_pos_returns and high > 1e-6:
        yield f"rewards reach {high:g}, but clip_return bounds returns by 0: add --clip_return=False"
    if config.clip_return and low < -1 - 1e-6:
        yield (
            f"rewards reach {-low:g} below the reward at the goal, but clip_return expects at most 1 below: add "
            "--clip_return=False, or divide the rewards"
        )


def _large_numbers(name: str, rows: np.ndarray, config: HERConfig) -> Iterator[str]:
    most = np.abs(rows).max(0)
    if (most > config.clip_obs).any():
        worst = int(most.argmax())
        yield (
            f"{name}[{worst}] reaches {most[worst]:g}, which clip_obs={config.clip_obs:g} cuts off: add "
            f"--clip_obs={2 * float(most[worst]):.0g}, or use larger units"
        )


def _distant_goals(goals: np.ndarray) -> Iterator[str]:
    distance, spread = np.abs(goals.mean(0, dtype=np.float64)), goals.std(0, dtype=np.float64)
    if spread.max() > 0 and distance.max() > _FAR * spread.max():
        worst = int(distance.argmax())
        yield (
            f"coordinate {worst} of goals is around {distance[worst]:g} and varies by {spread.max():g}: float32 cannot "
            "tell such goals apart. Subtract a constant from observations and goals in a wrapper"
        )
