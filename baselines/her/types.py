"""The shapes that travel through the code.

    B  episodes rolled out in lockstep      T  horizon: the most steps an episode can have
    N  transitions in a minibatch           o, g, u  sizes of observation, goal and action

Arrays are float32 unless a line says otherwise. Shapes are given in brackets at the end of a line: `# [N, g]`.
"""

from typing import NamedTuple

import numpy as np

from baselines.common.errors import UserError
from baselines.common.specs import GOAL_KEYS, Actions, EnvSpec


class GoalEnvSpec(NamedTuple):
    """What the agent needs to know of an environment."""

    env_id: str
    observation_size: int  # o
    goal_size: int  # g
    action_size: int  # u
    horizon: int  # T, steps
    actions: Actions = Actions()
    env_kwargs: str = ""  # what it was made with

    @classmethod
    def of(cls, spec: EnvSpec) -> "GoalEnvSpec":
        """Raises UserError, with all that is missing, for what is no goal environment."""
        sizes = spec.observation_sizes
        missing = [f"'{key}', a vector, in its observations" for key in GOAL_KEYS if key not in sizes]
        if not missing and sizes["achieved_goal"] != sizes["desired_goal"]:
            missing.append(f"goals of one size (achieved {sizes['achieved_goal']}, desired {sizes['desired_goal']})")
        if not spec.has_reward_function:
            missing.append("compute_reward(achieved_goal, desired_goal, info)")
        if spec.discrete:
            missing.append("a vector of continuous actions (--alg=ppo2 takes discrete ones)")
        if not spec.horizon:
            missing.append("a time limit (max_episode_steps where it is registered, or a TimeLimit wrapper)")
        if missing:
            raise UserError(f"HER needs a goal environment; '{spec.env_id}' lacks: {'; '.join(missing)}")
        o, g = sizes["observation"], sizes["desired_goal"]
        return cls(spec.env_id, o, g, spec.action_size, spec.horizon, spec.actions, spec.env_kwargs)

    def env_spec(self) -> EnvSpec:
        """The same as every other algorithm has it."""
        sizes = dict(zip(GOAL_KEYS, (self.observation_size, self.goal_size, self.goal_size), strict=True))
        return EnvSpec(self.env_id, sizes, self.action_size, self.horizon, has_reward_function=True,
                       actions=self.actions, env_kwargs=self.env_kwargs)  # fmt: skip


class EpisodeBatch(NamedTuple):
    """B whole episodes, each valid up to its own length: T actions, T + 1 observations."""

    observation: np.ndarray  # [B, T + 1, o]
    achieved_goal: np.ndarray  # [B, T + 1, g]
    desired_goal: np.ndarray  # [B, T, g]
    action: np.ndarray  # [B, T, u]
    reward: np.ndarray  # [B, T]
    length: np.ndarray  # [B] int32: steps before the episode ended, 1..T
    success: np.ndarray  # [B] bool: the goal was reached at the last step
    terminated: np.ndarray  # [B] bool: it ended by itself at the last step, not by a time limit
    info: np.ndarray  # [B, T, i] float64: what compute_reward reads of each step's info; mostly nothing, i = 0

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
    terminated: np.ndarray  # [N] bool: the episode ended by itself, nothing follows; in the graph None where none did
