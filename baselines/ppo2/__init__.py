"""Proximal policy optimisation: PPO with clipping (1707.06347) and advantages by GAE (1506.02438).

These are the names that the launcher uses; `baselines.algorithm` describes them.
"""

from typing import TYPE_CHECKING

from baselines.learning.quiet import import_tensorflow
from baselines.ppo2.config import ENV_DEFAULTS as ENV_DEFAULTS
from baselines.ppo2.config import PRESETS as PRESETS
from baselines.ppo2.config import SEARCH as SEARCH
from baselines.ppo2.config import PPOConfig as Config

if TYPE_CHECKING:
    from baselines.envs.base import VecEnv
    from baselines.ppo2.ppo import PPO
    from baselines.runs.run import Run


def learn(env: "VecEnv", config: Config, run: "Run") -> "PPO":
    """Train an agent; see `baselines.ppo2.train`."""
    import_tensorflow()  # takes seconds, so not before all input has been checked
    from baselines.ppo2 import train

    return train.learn(env, config, run)
