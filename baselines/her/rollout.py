"""Rollouts: episodes of the policy in B environments, with exploration in training and without in evaluation."""

from collections.abc import Callable, Mapping

import numpy as np

from baselines.common.errors import TrainingError
from baselines.envs.base import Observation, VecEnv
from baselines.envs.lockstep import run_episodes
from baselines.her.exploration import Exploration
from baselines.her.policy import action_values
from baselines.her.types import Episodes
from baselines.policies.policy import Policy


class RolloutWorker:
    """Plays episodes in environments of its own, and counts how they did in this epoch."""

    def __init__(self, env: VecEnv, exploration: Exploration | None, seeds: Callable[[int], list[int]]):
        """Change actions by `exploration`, if there is one; `seeds(epoch)` seeds the environments at each epoch."""
        self.env, self.exploration, self._seeds = env, exploration, seeds
        self.episodes = self.steps = 0  # since training began
        self._epoch: int | None = None  # the epoch that runs
        self._clear()

    def _clear(self) -> None:
        self._successes: list[np.ndarray] = []  # [B] of each rollout
        self._values: list[np.ndarray] = []
        self._actions: list[np.ndarray] = []  # [B, steps, u] of each rollout that explored

    def start_epoch(self, epoch: int) -> None:
        """Begin to count anew and seed the environments; in the middle of the epoch (after a resume) do nothing."""
        if self._epoch != epoch:
            self._epoch = epoch
            self._clear()
            self.env.reseed(self._seeds(epoch))

    def end_epoch(self) -> None:
        """Drop the recorded actions, which only serve to repeat an epoch that was interrupted."""
        self._epoch, self._actions = None, []

    @property
    def success_rate(self) -> float:
        """Share of this epoch's episodes that ended in success."""
        return float(np.concatenate(self._successes).mean()) if self._successes else 0.0

    @property
    def mean_Q(self) -> float:
        """Mean of Q(o, g, pi(o, g)) over this epoch's steps, in evaluation."""
        return float(np.concatenate(self._values).mean()) if self._values else 0.0

    def generate(self, policy: Policy) -> Episodes:
        """Play one episode in each environment. Raises TrainingError where an environment fails."""
        spec, taken, values = self.env.spec, [], []

        def act(observation: Observation) -> np.ndarray:
            inputs = policy.inputs(observation)
            action = policy.output(inputs)  # [B, u]
            if self.exploration is not None:
                action = self.exploration(action, observation)
            else:
                values.append(action_values(policy, inputs, action))  # [B]
            taken.append(action)
            return spec.actions.to_env(action)

        assert self.env.compute_reward is not None
        played = run_episodes(self.env, act)
        if any(episode.success is None for episode in played):
            raise TrainingError("neither info['is_success'] nor compute_reward says whether an episode succeeded")
        actions = np.stack(taken, 1)  # [B, steps, u], in [-1, 1]
        episodes = Episodes.of(played, spec, self.env.compute_reward.info_size)._replace(action=actions)
        self._successes.append(episodes.success)
        if self.exploration is not None:
            self._actions.append(actions)
        else:
            running = np.arange(len(values))[:, None] < episodes.length  # [steps, B]
            self._values.append(np.stack(values)[running])
        self.episodes += self.env.num_env
        self.steps += episodes.num_steps
        return episodes

    def state(self) -> dict[str, np.ndarray]:
        """Return counts, and of this epoch's n rollouts steps [n], actions [B, all steps, u] and successes [n, B]."""
        B, steps = self.env.num_env, np.array([action.shape[1] for action in self._actions], np.int64)
        none = np.zeros((B, 0, self.env.spec.action_size), np.float32)
        return {
            "counts": np.array([self.episodes, self.steps]),
            "epoch": np.array(-1 if self._epoch is None else self._epoch),
            "actions": np.concatenate([none, *self._actions], 1),
            "steps": steps,
            "successes": np.array(self._successes[: len(steps)], bool).reshape(-1, B),
        }

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore a `state`. Raises KeyError or ValueError for one of other environments.

        Few environments can be saved, so the recorded actions are repeated in them.
        """
        B, spec, ends = self.env.num_env, self.env.spec, np.cumsum(arrays["steps"], dtype=np.int64)
        shape = B, ends[-1] if len(ends) else 0, spec.action_size
        if arrays["actions"].shape != shape or arrays["successes"].shape != (len(ends), B):
            raise ValueError("the episodes of the epoch are those of other environments")
        self._epoch = None
        if (epoch := int(arrays["epoch"])) >= 0:
            self.start_epoch(epoch)
        self.episodes, self.steps = (int(count) for count in arrays["counts"])
        for actions in np.split(arrays["actions"], ends[:-1], axis=1) if len(ends) else []:
            self.env.reset()
            for t in range(actions.shape[1]):
                self.env.step(spec.actions.to_env(np.ascontiguousarray(actions[:, t])))
            self._actions.append(actions)
        self._successes.extend(arrays["successes"])
