"""The one loop that steps environments: training, evaluation, playing and recording go through it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from baselines.common.errors import TrainingError, UserError
from baselines.envs.base import Observation, Step, VecEnv


class Episode(NamedTuple):
    """One episode of L steps in one environment.

    Attributes:
        observation: the entries by name, each [L + 1, size].
        action: the actions [L, u], or [L] where they are discrete.
        reward: the rewards [L].
        success: success at the last step; None where neither the environment nor its reward tells.
        terminated: True if the environment ended the episode, False if a time limit did.
        reward_info: the info [L, i] that compute_reward reads, if any.
    """

    observation: dict[str, np.ndarray]
    action: np.ndarray
    reward: np.ndarray
    success: bool | None
    terminated: bool
    reward_info: np.ndarray | None = None

    @property
    def final_distance(self) -> float | None:
        """Distance between the last achieved and the last desired goal, in the goal's units; None without goals."""
        if not {"achieved_goal", "desired_goal"} <= self.observation.keys():
            return None
        achieved, desired = (np.float64(self.observation[key][-1]) for key in ("achieved_goal", "desired_goal"))
        return float(np.linalg.norm(achieved - desired))


class Lockstep:
    """B environments that are stepped together, with a check of everything that they return.

    Attributes:
        alive: [B] bool, the environments whose next step belongs to an episode that has not ended.
        length: [B], steps so far of each environment's episode.
        success: [B] bool of the last step, or None where nothing says whether an episode succeeded.
    """

    def __init__(self, env: VecEnv, restart: bool = False):
        """With `restart` an environment whose episode ended begins a new one; its next step only shows the beginning.

        Without it, what such an environment shows has no meaning until the next `reset`.
        """
        self.env, self._restart = env, restart
        self.alive, self.length = np.ones(env.num_env, bool), np.zeros(env.num_env, int)
        self.success: np.ndarray | None = None

    def reset(self) -> Observation:
        """Begin a new episode in every environment."""
        observation = self.env.reset()
        self.alive, self.length = np.ones(self.env.num_env, bool), np.zeros(self.env.num_env, int)
        self._check_finite(observation, np.zeros(self.env.num_env), self.alive)
        return observation

    def step(self, action: np.ndarray) -> Step:
        """Step all environments; `action` [B, u] (or [B]) is in the environment's units.

        Raises TrainingError, naming the environment and the step, where one returns NaN or infinity.
        """
        step, counted = self.env.step(action), self.alive
        self.length = np.where(counted, self.length + 1, self.length if not self._restart else 0)
        self._check_finite(step.observation, step.reward, counted | self._restart)
        is_asked = step.success is not None or (counted & step.ended).any()
        self.success = self.env.succeeded(step, counted) if is_asked else None
        self.alive = ~(step.ended & counted) if self._restart else counted & ~step.ended
        return step

    def _check_finite(self, observation: Observation, reward: np.ndarray, checked: np.ndarray) -> None:
        finite = np.isfinite(reward)
        for entry in observation.values():
            finite &= np.isfinite(entry).all(1)
        broken = np.flatnonzero(checked & ~finite)
        if len(broken):
            raise TrainingError(
                f"environment {broken[0]} returned NaN or infinity at step {self.length[broken[0]]} of its episode. A "
                "simulation that became unstable? Try a smaller time step, smaller actions or another --seed"
            )


def run_episodes(env: VecEnv, act: Callable[[Observation], np.ndarray]) -> list[Episode]:
    """Play one whole episode in each environment, from a reset on.

    `act(observation)` returns the actions [B, u] in the environment's units for entries [B, size]. It is asked for all
    environments until the last episode has ended, but what it answers for ended ones is not in the episodes. Raises
    UserError for environments without a time limit.
    """
    if not env.spec.horizon:
        raise UserError(
            f"'{env.spec.env_id}' has no time limit, so that an episode may never end: add --max_episode_steps, or "
            "wrap it in gymnasium.wrappers.TimeLimit"
        )
    lockstep = Lockstep(env)
    observation = lockstep.reset()
    shown, steps, actions = [observation], [], []
    success: list[bool | None] = [None] * env.num_env
    while (alive := lockstep.alive).any():
        # Policies take finite numbers only, and an environment whose episode has ended may show anything.
        seen = {key: entry.copy() if alive.all() else np.nan_to_num(entry) for key, entry in observation.items()}
        actions.append(np.array(act(seen)))  # a policy of the user's may return the same array again
        step = lockstep.step(actions[-1])
        observation = step.observation
        shown.append(observation)
        steps.append(step)
        if lockstep.success is not None:
            for i in np.flatnonzero(alive & step.ended):
                success[i] = bool(lockstep.success[i])
    columns = {key: np.stack([entries[key] for entries in shown], 1) for key in shown[0]}  # [B, steps + 1, size]
    action, reward = np.stack(actions, 1), np.stack([step.reward for step in steps], 1)
    infos = [step.reward_info for step in steps if step.reward_info is not None]
    info = np.stack(infos, 1) if infos else None
    terminated = np.stack([step.terminated for step in steps], 1)
    return [
        Episode(
            {key: column[i, : L + 1] for key, column in columns.items()},
            action[i, :L],
            reward[i, :L],
            success[i],
            bool(terminated[i, L - 1]),
            None if info is None else info[i, :L],
        )
        for i, L in enumerate(lockstep.length)
    ]
