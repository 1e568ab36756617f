"""The shapes that travel through the code.

    B  episodes rolled out in lockstep      T  horizon: the most steps an episode can have
    N  transitions in a minibatch           o, g, u  sizes of observation, goal and action

Arrays are float32 unless a line says otherwise. Shapes stand in brackets at the end of a line: `# [N, g]`.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

# (achieved_goal [N, g], desired_goal [N, g]) -> reward [N]
RewardFunction = Callable[[np.ndarray, np.ndarray], np.ndarray]


class GoalEnvSpec(NamedTuple):
    """What the agent needs to know of an environment."""

    env_id: str
    observation_size: int  # o
    goal_size: int  # g
    action_size: int  # u
    horizon: int  # T, steps

    @property
    def sizes(self) -> dict[str, int]:
        """The three sizes that a trained policy depends on."""
        return {"observation": self.observation_size, "goal": self.goal_size, "action": self.action_size}


def task_of(env_id: str) -> str:
    """The name without module, version and Dense: such environments share policies and demonstrations."""
    return re.sub(r"(Dense)?-v\d+$", "", env_id.rpartition(":")[2])


class EpisodeBatch(NamedTuple):
    """B whole episodes, each valid up to its own length: T actions, T + 1 observations."""

    observation: np.ndarray  # [B, T + 1, o]
    achieved_goal: np.ndarray  # [B, T + 1, g]
    desired_goal: np.ndarray  # [B, T, g]
    action: np.ndarray  # [B, T, u]
    reward: np.ndarray  # [B, T]
    length: np.ndarray  # [B] int32: steps before the episode ended, 1..T
    success: np.ndarray  # [B] bool: the goal was reached at the last step

    @property
    def num_steps(self) -> int:
        return int(self.length.sum())


class TransitionBatch(NamedTuple):
    """Transitions as the networks are trained on; for several minibatches at once, [n_batches, N, ...]."""

    observation: np.ndarray  # [N, o]
    achieved_goal: np.ndarray  # [N, g]
    desired_goal: np.ndarray  # [N, g]
    action: np.ndarray  # [N, u]
    reward: np.ndarray  # [N]
    next_observation: np.ndarray  # [N, o]
    next_achieved_goal: np.ndarray  # [N, g]
