"""Proximal policy optimisation: PPO with clipping (1707.06347), and advantages by GAE (1506.02438).

The face of the algorithm, as `baselines.runs.algorithms` describes it.
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
    """Train an agent; see `baselines.ppo2.ppo2`."""
    import_tensorflow()  # takes seconds: not before everything that was given is known to be sound
    from baselines.ppo2 import ppo2

    return ppo2.learn(env, config, run)
