"""Show a policy: in a window, or as a video where there is no display."""

import os

import numpy as np

from baselines.common.errors import UserError
from baselines.common.seeding import env_seeds
from baselines.common.vec_env import gymnasium_env
from baselines.her.policy import Policy
from baselines.logger import Logger


def play(policy: Policy, env_id: str, num_episodes: int, seed: int, logger: Logger) -> float:
    """Roll out `num_episodes` without noise, tell each one's return and success, and return the success rate.

    Videos go to the logger's folder; where nothing can render, the episodes are played all the same.
    """
    env = _make_env(env_id, num_episodes, env_seeds(seed, 0, "play", 1), logger)
    successes = [_episode(policy, env, i, logger) for i in range(num_episodes)]
    env.close()  # finishes the video
    rate = float(np.mean(successes))
    logger.info(f"played {num_episodes} episodes: success rate {rate:.3f}")
    return rate


def _make_env(env_id: str, num_episodes: int, seeds: list[int], logger: Logger) -> gymnasium_env.GymnasiumVecEnv:
    if "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ:
        return gymnasium_env.make(env_id, 1, seeds, asynchronous=True, render_mode="human")
    try:
        gymnasium_env.check_renders(env_id)
    except UserError as error:
        logger.info(f"playing without a video: {error}")
        return gymnasium_env.make(env_id, 1, seeds, asynchronous=False)
    folder = logger.folder or "."
    logger.info(f"no display: recording a video into {folder}")
    endless = 10**9  # one video of all episodes; closing the environment ends it
    video = gymnasium_env.Video(folder, endless, endless, "play")
    return gymnasium_env.make(env_id, 1, seeds, asynchronous=True, video=video)


def _episode(policy: Policy, env: gymnasium_env.GymnasiumVecEnv, number: int, logger: Logger) -> bool:
    shown, episode_return, success = env.reset(), 0.0, False
    for _ in range(env.spec.horizon):
        step = env.step(policy.act(shown._asdict()))
        shown, success = step.observation, bool(step.success[0])
        episode_return += float(step.reward[0])
        if step.ended[0]:
            break
    logger.info(f"episode {number + 1}: return {episode_return:.2f}, {'success' if success else 'no success'}")
    return success
