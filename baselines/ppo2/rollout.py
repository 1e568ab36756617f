"""Rollouts: B environments stepped in lockstep by a policy that draws its actions."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from baselines.common.errors import TrainingError
from baselines.envs.base import Observation, VecEnv, first_not_finite
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
    """Steps environments through episodes that go on from rollout to rollout, and keeps count of them."""

    def __init__(self, env: VecEnv, config: PPOConfig, rng: np.random.Generator, seeds: Callable[[int], list[int]]):
        """`seeds(epoch)` gives the environments' seeds."""
        self.env, self._config, self._rng, self._seeds = env, config, rng, seeds
        self.episodes = self.steps = 0  # in all
        self.says_success: bool | None = None  # whether the first evaluation did: rows of the log have one form
        self._epoch: int | None = None  # that has begun and not ended
        self._forget()

    def _forget(self) -> None:
        B = self.env.num_env
        self.finished: list[Finished] = []  # in this epoch
        self._actions: list[np.ndarray] = []  # [B, u] of each step of this epoch
        self._observation: Observation | None = None
        self._totals, self._lengths, self._discounted = np.zeros(B), np.zeros(B, np.int64), np.zeros(B, np.float32)
        self._valid = np.ones(B, bool)  # of the next row

    def start_epoch(self, epoch: int) -> None:
        """Begin new episodes, with this epoch's seeds.

        In the middle of the epoch, where `load_state` leads to, this changes nothing.
        """
        if self._epoch != epoch:
            self._epoch = epoch
            self._forget()
            self.env.reseed(self._seeds(epoch))
            self._observation = self.env.reset()
            self._check_finite(self._observation, np.zeros(self.env.num_env), 0)

    def end_epoch(self) -> None:
        """Nothing needs to be led through this epoch's steps again."""
        self._epoch, self._actions = None, []

    def generate(self, policy: PPOPolicy) -> Rollout:
        """The next `nsteps` steps. Raises TrainingError where an environment returns NaN or infinity."""
        T, B, spec = self._config.nsteps, self.env.num_env, self.env.spec
        rollout = _empty_rollout(T, B, sum(spec.observation_sizes.values()), spec.action_size, spec.discrete)
        assert self._observation is not None, "start_epoch comes first"
        rollout.observation[0] = policy.columns(self._observation)
        for t in range(T):
            action = policy.sample(policy.normalize(rollout.observation[t]), self._rng)
            rollout.action[t], rollout.valid[t] = action, self._valid
            rollout.reward[t], rollout.terminated[t], rollout.ended[t] = self._step(action)
            rollout.observation[t + 1] = policy.columns(self._observation)
        rollout.discounted[:], self._discounted = discounted_sums(
            rollout.reward, rollout.ended, self._discounted, self._config.gamma
        )
        self.steps += int(rollout.valid.sum())
        return rollout

    def _step(self, action: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Reward, terminated and ended, [B]; 0 and False where the step only began a new episode."""
        valid = self._valid
        spec = self.env.spec
        step = self.env.step(action if spec.discrete else spec.actions.to_env(np.clip(action, -1, 1)))
        self._actions.append(action)
        self._observation = step.observation
        reward = np.where(valid, step.reward, 0)
        self._check_finite(step.observation, reward, self._lengths + valid)
        self._totals += reward
        self._lengths += valid
        ended = step.ended & valid
        for i in np.flatnonzero(ended):
            success = None if step.success is None else float(step.success[i])
            self.finished.append(Finished(float(self._totals[i]), int(self._lengths[i]), success))
            self._totals[i], self._lengths[i] = 0, 0
            self.episodes += 1
        self._valid = ~ended
        return reward, step.terminated & valid, ended

    def _check_finite(self, observation: Observation, reward: np.ndarray, step: np.ndarray | int) -> None:
        if all(np.isfinite(x).all() for x in (reward, *observation.values())):
            return  # in half of the time of what finds the environment
        broken = first_not_finite(observation, reward, np.ones(len(reward), bool))
        when = np.broadcast_to(step, len(reward))[broken]
        raise TrainingError(
            f"environment {broken} returned NaN or infinity at step {when} of its episode. A simulation that became "
            "unstable? Try a smaller time step, or another --seed"
        )

    def state(self) -> dict[str, np.ndarray]:
        """Counts, the episodes that ended in this epoch, and the actions [n, B, u] of its n steps."""
        spec = self.env.spec
        shape = (-1, self.env.num_env) if spec.discrete else (-1, self.env.num_env, spec.action_size)
        rows = [(f.total, f.length, np.nan if f.success is None else f.success) for f in self.finished]
        return {
            "counts": np.array([self.episodes, self.steps]),
            "says_success": np.array(-1 if self.says_success is None else int(self.says_success)),
            "epoch": np.array(-1 if self._epoch is None else self._epoch),
            "actions": np.array(self._actions, np.int64 if spec.discrete else np.float32).reshape(shape),
            "finished": np.array(rows, float).reshape(-1, 3),
            "discounted": self._discounted,
        }

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` gave.

        The environments are led through the same steps again: few of them could be saved and put back. Raises KeyError
        or ValueError.
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
        says = int(arrays["says_success"])
        self.says_success = None if says < 0 else bool(says)
        self.finished = [
            Finished(float(total), int(length), None if np.isnan(success) else float(success))
            for total, length, success in arrays["finished"]
        ]
        self._discounted = arrays["discounted"].astype(np.float32)


def _empty_rollout(T: int, B: int, o: int, u: int, discrete: bool) -> Rollout:
    flags = (np.zeros((T, B), bool) for _ in range(3))
    action = np.zeros((T, B), np.int64) if discrete else np.zeros((T, B, u), np.float32)
    rewards = (np.zeros((T, B), np.float32) for _ in range(2))
    return Rollout(np.zeros((T + 1, B, o), np.float32), action, *rewards, *flags)
