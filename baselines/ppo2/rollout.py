"""Rollouts: B environments stepped in lockstep by a policy that draws its actions."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from baselines.envs.base import Observation, VecEnv
from baselines.envs.lockstep import Lockstep
from baselines.ppo2.config import PPOConfig
from baselines.ppo2.estimates import discounted_sums
from baselines.ppo2.policy import PPOPolicy
from baselines.ppo2.types import Rollout


class FinishedEpisode(NamedTuple):
    """An episode that ended in training."""

    total_reward: float
    length: int  # steps
    success: float  # 1 or 0; NaN where the environment does not report it


class RolloutWorker:
    """Steps environments through episodes that go on from rollout to rollout, and counts them."""

    def __init__(self, env: VecEnv, config: PPOConfig, rng: np.random.Generator, seeds: Callable[[int], list[int]]):
        """Draw actions by `rng`; `seeds(epoch)` seeds the environments at each epoch."""
        self.env, self._config, self._rng, self._seeds = env, config, rng, seeds
        self._lockstep = Lockstep(env, restart=True)
        self.episodes = self.steps = 0  # since training began
        self.reports_success: bool | None = None  # by the first evaluation: all rows of the log have the same keys
        self._epoch: int | None = None  # the epoch that runs
        self._clear()

    def _clear(self) -> None:
        self.finished: list[FinishedEpisode] = []  # in this epoch
        self._actions: list[np.ndarray] = []  # [B, u] of each step of this epoch
        self._observation: Observation = {}
        self._totals, self._discounted = np.zeros(self.env.num_env), np.zeros(self.env.num_env, np.float32)

    def start_epoch(self, epoch: int) -> None:
        """Begin new episodes with this epoch's seeds; in the middle of the epoch (after a resume) do nothing."""
        if self._epoch != epoch:
            self._epoch = epoch
            self._clear()
            self.env.reseed(self._seeds(epoch))
            self._observation = self._lockstep.reset()

    def end_epoch(self) -> None:
        """Drop the recorded actions, which only serve to repeat an epoch that was interrupted."""
        self._epoch, self._actions = None, []

    def generate(self, policy: PPOPolicy) -> Rollout:
        """Return the next `nsteps` steps, after `start_epoch`.

        Raises TrainingError where an environment returns NaN or infinity.
        """
        observations, steps = [policy.columns(self._observation)], []
        for _ in range(self._config.nsteps):
            action = policy.sample(policy.normalize(observations[-1]), self._rng)
            steps.append((action, *self._step(action)))
            observations.append(policy.columns(self._observation))
        action, reward, terminated, ended, valid = (np.stack(column) for column in zip(*steps, strict=True))
        sums, self._discounted = discounted_sums(reward, ended, self._discounted, self._config.gamma)
        self.steps += int(valid.sum())
        return Rollout(np.stack(observations), action, reward, terminated, ended, valid, sums)

    def _step(self, action: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return reward, terminated, ended and valid, [B]; the first three are 0 where a row is not valid."""
        lockstep, valid, spec = self._lockstep, self._lockstep.alive, self.env.spec
        step = lockstep.step(action if spec.discrete else spec.actions.to_env(np.clip(action, -1, 1)))
        self._actions.append(action)
        self._observation = step.observation
        reward, ended = np.where(valid, step.reward, 0), step.ended & valid
        self._totals += reward
        for i in np.flatnonzero(ended):
            success = np.nan if lockstep.success is None else float(lockstep.success[i])
            self.finished.append(FinishedEpisode(float(self._totals[i]), int(lockstep.length[i]), success))
            self._totals[i] = 0
            self.episodes += 1
        return reward.astype(np.float32), step.terminated & valid, ended, valid

    def state(self) -> dict[str, np.ndarray]:
        """Return counts, the episodes that ended in this epoch, and the actions [n, B, u] of its n steps."""
        kind = np.int64 if self.env.spec.discrete else np.float32
        return {
            "counts": np.array([self.episodes, self.steps]),
            "reports_success": np.array(-1 if self.reports_success is None else int(self.reports_success)),
            "epoch": np.array(-1 if self._epoch is None else self._epoch),
            "actions": np.array(self._actions, kind).reshape(-1, *self._action_shape),
            "finished": np.array(self.finished, float).reshape(-1, 3),
            "discounted": self._discounted,
        }

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore a `state`. Raises KeyError or ValueError for one of other environments.

        Few environments can be saved, so the recorded actions are repeated in them.
        """
        actions, discounted = arrays["actions"], arrays["discounted"]
        if actions.shape[1:] != self._action_shape or discounted.shape != (self.env.num_env,):
            raise ValueError("the steps of the epoch are those of other environments")
        self._epoch = None
        if (epoch := int(arrays["epoch"])) >= 0:
            self.start_epoch(epoch)
            for action in actions:
                self._step(action)
        self.episodes, self.steps = (int(n) for n in arrays["counts"])
        reports = int(arrays["reports_success"])
        self.reports_success = None if reports < 0 else bool(reports)
        self.finished = [FinishedEpisode(float(r), int(n), float(s)) for r, n, s in arrays["finished"]]
        self._discounted = discounted.astype(np.float32)

    @property
    def _action_shape(self) -> tuple[int, ...]:
        spec, B = self.env.spec, self.env.num_env
        return (B,) if spec.discrete else (B, spec.action_size)
