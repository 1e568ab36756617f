"""Episodes: B environments stepped in lockstep by a policy."""

from collections.abc import Callable, Mapping

import numpy as np

from baselines.common.errors import TrainingError
from baselines.common.specs import GOAL_KEYS
from baselines.envs.base import Observation, VecEnv, first_not_finite
from baselines.her.episodes import empty_episodes
from baselines.her.exploration import Exploration
from baselines.her.policy import Policy
from baselines.her.types import EpisodeBatch, GoalEnvSpec


class RolloutWorker:
    """Rolls out policies in environments of its own, and counts how they did in this epoch."""

    def __init__(
        self,
        env: VecEnv,
        exploration: Exploration | None = None,
        seeds: Callable[[int], list[int]] | None = None,
        look: Callable[[EpisodeBatch], None] | None = None,
    ):
        """With `exploration` it changes the actions (training), without it they are the policy's own (evaluation).

        `seeds(epoch)` gives the environments' seeds; without it they are left as they are. `look` is shown the first
        episodes.
        """
        self.env, self.exploration, self._seeds, self._look = env, exploration, seeds, look
        self.spec = GoalEnvSpec.of(env.spec)
        self.episodes = self.steps = 0  # in all
        self._epoch: int | None = None  # that has begun and not ended
        self._actions: list[np.ndarray] = []  # [B, steps, u] of each rollout that explored
        self._forget()

    def start_epoch(self, epoch: int) -> None:
        """Forget how the last epoch's episodes did, and seed the environments for this one.

        In the middle of the epoch, where `load_state` leads to, this changes nothing.
        """
        if self._epoch != epoch:
            self._epoch = epoch
            self._forget()
            if self._seeds:
                self.env.reseed(self._seeds(epoch))

    def end_epoch(self) -> None:
        """Nothing needs to be led through this epoch's episodes again."""
        self._epoch, self._actions = None, []

    def state(self) -> dict[str, np.ndarray]:
        """Counts, and of this epoch's n rollouts: actions [n, B, T, u], steps and successes of each."""
        B, spec = self.env.num_env, self.spec
        actions = np.zeros((len(self._actions), B, spec.horizon, spec.action_size), np.float32)
        for row, action in zip(actions, self._actions, strict=True):
            row[:, : action.shape[1]] = action
        return {
            "counts": np.array([self.episodes, self.steps, self.steps_of_epoch]),
            "epoch": np.array(-1 if self._epoch is None else self._epoch),
            "actions": actions,
            "steps": np.array([action.shape[1] for action in self._actions], np.int64),
            "successes": np.array(self._successes[: len(actions)], bool).reshape(-1, B),
        }

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` gave.

        The environments are led through the same episodes again: few of them could be saved and put back. Raises
        KeyError or ValueError.
        """
        n, B, spec = len(arrays["steps"]), self.env.num_env, self.spec
        if arrays["actions"].shape != (n, B, spec.horizon, spec.action_size) or arrays["successes"].shape != (n, B):
            raise ValueError("the episodes of the epoch are those of other environments")
        self._epoch = None
        if (epoch := int(arrays["epoch"])) >= 0:
            self.start_epoch(epoch)
        self.episodes, self.steps, self.steps_of_epoch = (int(n) for n in arrays["counts"])
        for actions, steps in zip(arrays["actions"], np.minimum(arrays["steps"], spec.horizon), strict=True):
            self.env.reset()
            for t in range(steps):
                self.env.step(self.spec.actions.to_env(np.ascontiguousarray(actions[:, t])))
            self._actions.append(actions[:, :steps])
        self._successes.extend(arrays["successes"])

    def _forget(self) -> None:
        self.steps_of_epoch = 0
        self._successes: list[np.ndarray] = []
        self._values: list[np.ndarray] = []
        self._actions = []

    @property
    def success_rate(self) -> float:
        """Share of the episodes of this epoch that ended in success."""
        return float(np.concatenate(self._successes).mean()) if self._successes else 0.0

    @property
    def mean_Q(self) -> float:
        """Mean of Q(o, g, pi(o, g)) over the steps of this epoch; evaluation only."""
        return float(np.concatenate(self._values).mean()) if self._values else 0.0

    def generate(self, policy: Policy) -> EpisodeBatch:
        """One episode in each environment. Raises TrainingError, see `roll_out`."""

        def act(observation: Observation, alive: np.ndarray) -> np.ndarray:
            o, g = policy.inputs(*(observation[key] for key in GOAL_KEYS))
            action = policy.pi(o, g)
            if self.exploration is not None:
                return self.exploration(action, observation)
            self._values.append(policy.Q(o, g, action)[alive, 0])
            return action

        episodes = roll_out(self.env, act)
        if self._look:
            self._look(episodes)
            self._look = None
        self._successes.append(episodes.success)
        if self.exploration is not None:
            self._actions.append(episodes.action[:, : episodes.length.max()])
        self.episodes += self.env.num_env
        self.steps += episodes.num_steps
        self.steps_of_epoch += episodes.num_steps
        return episodes


def roll_out(env: VecEnv, act: Callable[[Observation, np.ndarray], np.ndarray]) -> EpisodeBatch:
    """One episode in each environment, in lockstep.

    `act(observation, alive)` gives the actions [B, u] in [-1, 1]; `alive` [B] says which episodes have not ended yet:
    what the others show and do has no meaning. Raises TrainingError where an environment returns NaN or infinity.
    """
    spec, B = GoalEnvSpec.of(env.spec), env.num_env
    assert env.compute_reward is not None  # of goal environments
    episodes = empty_episodes(spec, B, env.compute_reward.info_size)
    alive = np.ones(B, bool)
    observation = env.reset()
    _check_finite(observation, np.zeros(B), alive, 0)
    for t in range(spec.horizon):
        action = act(observation, alive)
        episodes.observation[:, t] = observation["observation"]
        episodes.achieved_goal[:, t] = observation["achieved_goal"]
        episodes.desired_goal[:, t], episodes.action[:, t] = observation["desired_goal"], action
        step = env.step(spec.actions.to_env(action))
        observation, ended = step.observation, step.ended
        _check_finite(observation, step.reward, alive, t + 1)
        # True last observations where an episode ends now; overwritten by the next step elsewhere.
        episodes.observation[alive, t + 1] = observation["observation"][alive]
        episodes.achieved_goal[alive, t + 1] = observation["achieved_goal"][alive]
        episodes.reward[alive, t] = step.reward[alive]
        episodes.length[alive & ended] = t + 1
        episodes.terminated[alive] = step.terminated[alive]
        if step.reward_info is not None:
            episodes.info[alive, t] = step.reward_info[alive]
        if step.success is not None or (alive & ended).any():
            success = env.succeeded(step, alive)
            if success is None:
                raise TrainingError("neither info['is_success'] nor compute_reward says whether an episode succeeded")
            episodes.success[alive] = success[alive]
        alive &= ~ended
        if not alive.any():
            break
    return episodes


def _check_finite(observation: Observation, reward: np.ndarray, alive: np.ndarray, step: int) -> None:
    if (broken := first_not_finite(observation, reward, alive)) is not None:
        raise TrainingError(
            f"environment {broken} returned NaN or infinity at step {step} of its episode. A simulation that became "
            "unstable? Try a smaller time step, smaller actions (--max_u=0.5), or another --seed"
        )
