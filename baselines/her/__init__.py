"""Hindsight Experience Replay: DDPG + HER (1707.01495, 1802.09464), with demonstrations (1709.10089).

These are the names that the launcher uses; `baselines.algorithm` describes them.
"""

from typing import TYPE_CHECKING

from baselines.her.experiment.config import ENV_DEFAULTS as ENV_DEFAULTS
from baselines.her.experiment.config import PRESETS as PRESETS
from baselines.her.experiment.config import SEARCH as SEARCH
from baselines.her.experiment.config import HERConfig as Config
from baselines.learning.quiet import import_tensorflow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baselines.common.specs import EnvSpec
    from baselines.envs.base import VecEnv
    from baselines.envs.lockstep import Episode
    from baselines.her.ddpg import DDPG
    from baselines.runs.run import Run


def learn(env: "VecEnv", config: Config, run: "Run") -> "DDPG":
    """Train an agent; see `baselines.her.train`."""
    import_tensorflow()  # takes seconds, so not before all input has been checked
    from baselines.her import train

    return train.learn(env, config, run)


def write_demonstrations(path: str, episodes: "Sequence[Episode]", spec: "EnvSpec", generator: str, seed: int) -> None:
    """Write played episodes as demonstrations; `generator` says who acted. Raises UserError."""
    from baselines.her import demonstrations

    demonstrations.write_demonstrations(path, episodes, spec, generator, seed)
