"""Show a policy: in a window, or as a video where there is no display."""

import os
import sys

import numpy as np

from baselines.common.errors import UserError
from baselines.common.logger import Logger
from baselines.common.seeding import env_seeds
from baselines.common.vec_env import gymnasium_env
from baselines.her.demonstrations import write_demonstrations
from baselines.her.episodes import concatenate, select
from baselines.her.policy import Policy
from baselines.her.rollout import roll_out
from baselines.her.types import EpisodeBatch


def play(
    policy: Policy,
    env_id: str,
    num_episodes: int,
    seed: int,
    logger: Logger,
    record_demos: str | None = None,
    keep_failures: bool = False,
) -> float:
    """Roll out `num_episodes` without noise, tell each one's return and success, and return the success rate.

    Videos go to the logger's folder; where nothing can render, the episodes are played all the same. With
    `record_demos` nothing is shown: the episodes, only successful ones unless `keep_failures`, are written to that file
    as demonstrations.
    """
    seeds = env_seeds(seed, 0, "play", 1)
    if record_demos:
        env = gymnasium_env.make(env_id, 1, seeds, asynchronous=False)
    else:
        env = _make_shown_env(env_id, seeds, logger)
    played = []
    for number in range(1, num_episodes + 1):
        episode = roll_out(env, lambda shown, _: policy.act(shown._asdict()))
        played.append(episode)
        outcome = "success" if episode.success[0] else "no success"
        logger.info(f"episode {number}: return {episode.reward.sum():.2f}, {outcome}")
    env.close()  # finishes the video
    episodes = concatenate(played)
    rate = float(np.mean(episodes.success))
    logger.info(f"played {num_episodes} episodes: success rate {rate:.3f}")
    if record_demos:
        _record(record_demos, episodes, env_id, seed, keep_failures, logger)
    return rate


def _make_shown_env(env_id: str, seeds: list[int], logger: Logger) -> gymnasium_env.GymnasiumVecEnv:
    if sys.platform != "linux" or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ:
        try:
            gymnasium_env.check_renders(env_id, "human")
            return gymnasium_env.make(env_id, 1, seeds, asynchronous=True, render_mode="human")
        except UserError as error:
            logger.info(f"playing without a window: {error}")
            if sys.platform == "linux" and os.environ.get("MUJOCO_GL") in (None, "", "glfw"):
                os.environ["MUJOCO_GL"] = "egl"
    try:
        gymnasium_env.check_renders(env_id)
    except UserError as error:
        logger.info(f"playing without a video: {error}")
        return gymnasium_env.make(env_id, 1, seeds, asynchronous=False)
    folder = logger.folder or "."
    logger.info(f"recording a video into {folder}")
    endless = 10**9  # one video of all episodes; closing the environment ends it
    video = gymnasium_env.Video(folder, endless, endless, "play")
    return gymnasium_env.make(env_id, 1, seeds, asynchronous=True, video=video)


def _record(path: str, episodes: EpisodeBatch, env_id: str, seed: int, keep_failures: bool, logger: Logger) -> None:
    kept = episodes if keep_failures else select(episodes, episodes.success)
    if not len(kept.length):
        raise UserError(f"no episode succeeded: nothing to write to {path}")
    write_demonstrations(path, kept, env_id, "trained policy", seed)
    logger.info(f"wrote {len(kept.length)} of {len(episodes.length)} episodes to {path}")
