"""Hindsight Experience Replay: DDPG + HER (1707.01495, 1802.09464), with demonstrations (1709.10089).

The face of the algorithm, as `baselines.runs.algorithms` describes it.
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
    from baselines.her.ddpg import DDPG
    from baselines.runs.evaluation import Episode
    from baselines.runs.run import Run


def learn(env: "VecEnv", config: Config, run: "Run") -> "DDPG":
    """Train an agent; see `baselines.her.her`."""
    import_tensorflow()  # takes seconds: not before everything that was given is known to be sound
    from baselines.her import her

    return her.learn(env, config, run)


def write_demonstrations(path: str, episodes: "Sequence[Episode]", spec: "EnvSpec", generator: str, seed: int) -> None:
    """Write what was played as demonstrations."""
    from baselines.her.demonstrations.played import write_played

    write_played(path, episodes, spec, generator, seed)
