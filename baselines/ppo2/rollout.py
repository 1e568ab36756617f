"""Rollouts: B environments stepped in lockstep by a policy that draws its actions."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from baselines.common.specs import EnvSpec
from baselines.envs.base import Observation, VecEnv
from baselines.envs.lockstep import Lockstep
from baselines.ppo2.config import PPOConfig
from baselines.ppo2.estimates import discounted_sums
from baselines.ppo2.policy import PPOPolicy
from baselines.ppo2.types import Rollout


class Finished(NamedTuple):
    """An episode that ended in training."""

    total: float  # its return
    length: int  # steps
    success: float | None


class RolloutWorker:
    """Steps environments through episodes that go on from rollout to rollout, and counts them."""

    def __init__(self, env: VecEnv, config: PPOConfig, rng: np.random.Generator, seeds: Callable[[int], list[int]]):
        """Draw actions by `rng`; `seeds(epoch)` seeds the environments at each epoch."""
        self.env, self._config, self._rng, self._seeds = env, config, rng, seeds
        self._lockstep = Lockstep(env, restart=True)
        self.episodes = self.steps = 0  # since training began
        self.reports_success: bool | None = None  # as the first evaluation did: rows of the log have one form
        self._epoch: int | None = None  # the epoch that runs
        self._clear()

    def _clear(self) -> None:
        B = self.env.num_env
        self.finished: list[Finished] = []  # in this epoch
        self._actions: list[np.ndarray] = []  # [B, u] of each step of this epoch
        self._observation: Observation | None = None
        self._totals, self._discounted = np.zeros(B), np.zeros(B, np.float32)

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
        """Return the next `nsteps` steps. Raises TrainingError where an environment returns NaN or infinity."""
        T = self._config.nsteps
        rollout = _empty_rollout(self.env.spec, T, self.env.num_env)
        assert self._observation is not None, "start_epoch comes first"
        rollout.observation[0] = policy.columns(self._observation)
        for t in range(T):
            action = policy.sample(policy.normalize(rollout.observation[t]), self._rng)
            rollout.action[t], rollout.valid[t] = action, self._lockstep.alive
            rollout.reward[t], rollout.terminated[t], rollout.ended[t] = self._step(action)
            rollout.observation[t + 1] = policy.columns(self._observation)
        rollout.discounted[:], self._discounted = discounted_sums(
            rollout.reward, rollout.ended, self._discounted, self._config.gamma
        )
        self.steps += int(rollout.valid.sum())
        return rollout

    def _step(self, action: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return reward, terminated and ended, [B]; 0 and False where the step only began a new episode."""
        lockstep, valid, spec = self._lockstep, self._lockstep.alive, self.env.spec
        step = lockstep.step(action if spec.discrete else spec.actions.to_env(np.clip(action, -1, 1)))
        self._actions.append(action)
        self._observation = step.observation
        reward, ended = np.where(valid, step.reward, 0), step.ended & valid
        self._totals += reward
        for i in np.flatnonzero(ended):
            success = None if lockstep.success is None else float(lockstep.success[i])
            self.finished.append(Finished(float(self._totals[i]), int(lockstep.length[i]), success))
            self._totals[i] = 0
            self.episodes += 1
        return reward, step.terminated & valid, ended

    def state(self) -> dict[str, np.ndarray]:
        """Return counts, the episodes that ended in this epoch, and the actions [n, B, u] of its n steps."""
        spec = self.env.spec
        shape = (-1, self.env.num_env) if spec.discrete else (-1, self.env.num_env, spec.action_size)
        rows = [(f.total, f.length, np.nan if f.success is None else f.success) for f in self.finished]
        return {
            "counts": np.array([self.episodes, self.steps]),
            "reports_success": np.array(-1 if self.reports_success is None else int(self.reports_success)),
            "epoch": np.array(-1 if self._epoch is None else self._epoch),
            "actions": np.array(self._actions, np.int64 if spec.discrete else np.float32).reshape(shape),
            "finished": np.array(rows, float).reshape(-1, 3),
            "discounted": self._discounted,
        }

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore a `state`. Raises KeyError or ValueError for one of other environments.

        Few environments can be saved, so the recorded actions are repeated in them.
        """
        actions, B = arrays["actions"], self.env.num_env
        if actions.shape[1:] != (B,) + (() if self.env.spec.discrete else (self.env.spec.action_size,)):
            raise ValueError("the steps of the epoch are those of other environments")
        if arrays["discounted"].shape != (B,):
            raise ValueError("the rewards are those of other environments")
        self._epoch = None
        if (epoch := int(arrays["epoch"])) >= 0:
            self.start_epoch(epoch)
            for action in actions:
                self._step(action)
        self.episodes, self.steps = (int(n) for n in arrays["counts"])
        reports = int(arrays["reports_success"])
        self.reports_success = None if reports < 0 else bool(reports)
        self.finished = [
            Finished(float(total), int(length), None if np.isnan(success) else float(success))
            for total, length, success in arrays["finished"]
        ]
        self._discounted = arrays["discounted"].astype(np.float32)


def _empty_rollout(spec: EnvSpec, T: int, B: int) -> Rollout:
    action = np.zeros((T, B), np.int64) if spec.discrete else np.zeros((T, B, spec.action_size), np.float32)
    return Rollout(
        observation=np.zeros((T + 1, B, sum(spec.observation_sizes.values())), np.float32),
        action=action,
        reward=np.zeros((T, B), np.float32),
        discounted=np.zeros((T, B), np.float32),
        terminated=np.zeros((T, B), bool),
        ended=np.zeros((T, B), bool),
        valid=np.zeros((T, B), bool),
    )
