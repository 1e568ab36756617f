"""What the first episodes say about an environment that would not learn, or not as its user thinks."""

from collections.abc import Iterator

import numpy as np

from baselines.envs.reward import GoalReward
from baselines.her.experiment.config import HERConfig
from baselines.her.types import EpisodeBatch

_FAR = 1e4  # times its movement: a goal so far from the origin has no digits left to be told from another


def reward_shift(config: HERConfig, compute_reward: GoalReward) -> float:
    """What the goal pays, which is subtracted from all rewards where `clip_return` bounds returns by 0.

    A constant less at every step changes no policy, as long as what follows the end of an episode is less too (see
    `end_value`); and values begin at 0, where those of a goal are then.
    """
    bounded = config.clip_return and config.clip_pos_returns and not compute_reward.varies
    return compute_reward.goal_reward if bounded else 0.0


def end_value(config: HERConfig, compute_reward: GoalReward, horizon: int) -> float:
    """What an episode that ended by itself is worth from then on: 0 at every step, less what all rewards are less."""
    return -reward_shift(config, compute_reward) / (1 - config.discount(horizon))


def warnings_of(episodes: EpisodeBatch, config: HERConfig, compute_reward: GoalReward) -> Iterator[str]:
    """A line for each thing that is odd, with the setting or the entry that it is about."""
    valid = np.arange(episodes.reward.shape[1]) < episodes.length[:, None]  # [B, T]
    yield from _rewards_that_differ(episodes, valid, compute_reward)
    yield from _ends(episodes, valid, config, compute_reward)
    yield from _bounds(episodes.reward[valid] - reward_shift(config, compute_reward), config)
    before = {"observation": episodes.observation, "achieved_goal": episodes.achieved_goal,
              "desired_goal": episodes.desired_goal}  # fmt: skip
    for name, entry in before.items():
        rows = entry[:, : valid.shape[1]][valid]  # [n, size]
        yield from _beyond_clip(name, rows, config)
        if name != "observation":
            yield from _far_away(name, rows)


def _rewards_that_differ(episodes: EpisodeBatch, valid: np.ndarray, compute_reward: GoalReward) -> Iterator[str]:
    """Goals are relabelled with compute_reward, which should be what `step` pays."""
    info = [episodes.info[valid]] if compute_reward.info_size else []
    goals = episodes.achieved_goal[:, 1:][valid], episodes.desired_goal[valid]
    computed = np.asarray(compute_reward(*goals, *info), float)
    paid = episodes.reward[valid]
    odd = np.flatnonzero(~np.isclose(computed, paid, rtol=1e-3, atol=1e-3))
    if len(odd):
        episode, step = (int(axis[odd[0]]) for axis in np.nonzero(valid))
        yield (
            f"compute_reward gives {computed[odd[0]]:g} where step returned {paid[odd[0]]:g} (environment {episode}, "
            f"step {step + 1}; {len(odd)} of {len(paid)} steps differ): relabelled goals are learnt with the first, so "
            "both should be the same function of the goals"
        )


def _ends(episodes: EpisodeBatch, valid: np.ndarray, config: HERConfig, compute_reward: GoalReward) -> Iterator[str]:
    """Where every step costs something, an end without success saves it."""
    failed = episodes.terminated & ~episodes.success
    costs = episodes.reward[valid] - reward_shift(config, compute_reward)
    saves = end_value(config, compute_reward, valid.shape[1]) >= 0 and np.median(costs) < 0
    if failed.any() and saves and not config.bootstrap_terminated:
        yield (
            f"{failed.sum()} of {len(failed)} episodes ended without success, and most steps are paid less than 0, so "
            "to fail soon pays: add --bootstrap_terminated=True, which learns as if they went on, or pay failures less"
        )


def _bounds(reward: np.ndarray, config: HERConfig) -> Iterator[str]:
    low, high = float(reward.min()), float(reward.max())
    if config.clip_return and config.clip_pos_returns and high > 1e-6:
        yield f"rewards go up to {high:g}, but clip_return bounds returns by 0: add --clip_return=False"
    if config.clip_return and low < -1 - 1e-6:
        yield (
            f"rewards go down to {-low:g} below that of the goal, but clip_return bounds returns as if it were 1: add "
            "--clip_return=False, or divide the rewards"
        )


def _beyond_clip(name: str, rows: np.ndarray, config: HERConfig) -> Iterator[str]:
    most = np.abs(rows).max(0)
    if (most > config.clip_obs).any():
        worst = int(most.argmax())
        yield (
            f"{name}[{worst}] reaches {most[worst]:g}, which clip_obs={config.clip_obs:g} cuts off: add "
            f"--clip_obs={2 * float(most[worst]):.0g}, or show it in larger units"
        )


def _far_away(name: str, rows: np.ndarray) -> Iterator[str]:
    place, movement = np.abs(rows.mean(0, dtype=np.float64)), rows.std(0, dtype=np.float64)
    if movement.max() > 0 and place.max() > _FAR * movement.max():
        worst = int(place.argmax())
        yield (
            f"{name}[{worst}] is around {place[worst]:g} and differs by {movement.max():g}: too far from 0 to be told "
            "apart. Subtract a constant from observations and goals in a wrapper"
        )
