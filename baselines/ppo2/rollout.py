"""Rollouts: B environments stepped in lockstep by a policy that draws its actions."""

from collections.abc import Callable, Mapping

import numpy as np

from baselines.envs.base import Observation, VecEnv
from baselines.envs.lockstep import Lockstep
from baselines.ppo2.config import PPOConfig
from baselines.ppo2.estimates import discounted_sums
from baselines.ppo2.policy import PPOPolicy
from baselines.ppo2.types import Rollout


class RolloutWorker:
    """Steps environments through episodes that go on from rollout to rollout, and counts them.

    At the start of an epoch the environments are seeded anew, unless one of them has not ended an episode since it was
    seeded: then all of them go on.
    """

    def __init__(
        self, env: VecEnv, config: PPOConfig, rng: np.random.Generator, seeds: Callable[[int], list[int]],
        evaluates: bool = False,
    ):  # fmt: skip
        """Draw actions by `rng`; `seeds(epoch)` seeds the environments, which cannot go on if they also evaluate."""
        self.env, self._config, self._rng, self._seeds, self._evaluates = env, config, rng, seeds, evaluates
        self._lockstep = Lockstep(env, restart=True)
        self._action_shape = (env.num_env,) if env.spec.discrete else (env.num_env, env.spec.action_size)
        self.episodes = self.steps = 0  # since training began
        self.reports_success: bool | None = None  # by the first evaluation: all rows of the log have the same keys
        self._epoch: int | None = None  # the epoch that runs
        self._seeded: int | None = None  # the epoch whose seeds the environments have; None: they need new ones
        self._discounted = np.zeros(env.num_env, np.float32)
        self.finished: list[tuple[float, ...]] = []  # return, length, success (NaN: unknown) of this epoch's episodes
        self._actions: list[np.ndarray] = []  # [B, u] of each step since the environments were seeded

    def _begin(self, epoch: int) -> None:
        """Begin new episodes with this epoch's seeds."""
        B = self.env.num_env
        self._seeded, self._actions, self._have_ended = epoch, [], np.zeros(B, bool)
        self._totals, self._discounted = np.zeros(B), np.zeros(B, np.float32)
        self.env.reseed(self._seeds(epoch))
        self._observation: Observation = self._lockstep.reset()

    def start_epoch(self, epoch: int) -> None:
        """Seed the environments if they need it; in the middle of the epoch (after a resume) do nothing."""
        if self._epoch != epoch:
            self._epoch, self.finished = epoch, []
            if self._seeded is None:
                self._begin(epoch)

    def end_epoch(self) -> None:
        """Drop the recorded actions, which only serve to repeat an interrupted run, unless the environments go on."""
        self._epoch = None
        if self._evaluates or self._have_ended.all():
            self._seeded, self._actions = None, []

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
            self.finished.append((float(self._totals[i]), float(lockstep.length[i]), success))
            self._totals[i], self._have_ended[i] = 0, True
            self.episodes += 1
        return reward.astype(np.float32), step.terminated & valid, ended, valid

    def state(self) -> dict[str, np.ndarray]:
        """Return counts, the episodes that ended in this epoch, and the n actions [n, B, u] since the seeding."""
        kind = np.int64 if self.env.spec.discrete else np.float32
        return {
            "counts": np.array([self.episodes, self.steps]),
            "reports_success": np.array(-1 if self.reports_success is None else int(self.reports_success)),
            "epochs": np.array([-1 if epoch is None else epoch for epoch in (self._epoch, self._seeded)]),
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
        self._epoch, self._seeded = (None if epoch < 0 else int(epoch) for epoch in arrays["epochs"])
        if self._seeded is not None:
            self._begin(self._seeded)
            for action in actions:
                self._step(action)
        self.episodes, self.steps = (int(n) for n in arrays["counts"])
        reports = int(arrays["reports_success"])
        self.reports_success = None if reports < 0 else bool(reports)
        self.finished = [(float(r), float(n), float(s)) for r, n, s in arrays["finished"]]
        self._discounted = discounted.astype(np.float32)
