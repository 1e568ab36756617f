"""Guides: parts of exploration that bring the effector to the object, so that there is something to learn from."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from baselines.common.mpi import Communicator
from baselines.common.specs import EnvSpec
from baselines.envs.base import Observation
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.exploration import Part
from baselines.her.sampling import sample_relabelled, sample_times
from baselines.her.types import Episodes, Transitions
from baselines.policies.policy import Policy

AWAY = 0.03  # farther than this from the object the guide acts, in units of the goal
REACHED = 0.05  # nearer than this the learned reacher counts as there, in units of the goal
# Reaching is easy: small networks, small batches, quick targets. It takes many updates, because nothing is learnt
# before the effector reaches, and small actions (action_l2), because a hard push knocks the object out of reach.
_REACHER_SETTINGS: dict[str, Any] = dict(
    layers=2, hidden=64, batch_size=128, n_batches=240, target_interval=1, polyak=0.98, action_l2=1.0, n_critics=1,
    layer_norm=False, average_actor=0.0, test_with_polyak=False, replay_strategy="future", replay_actual=0.0,
    clip_return=True, clip_pos_returns=True, bc_loss=False, demo_file=None,
)  # fmt: skip


class Guide(Part):
    """Moves the end effector to the object, whose position is the achieved goal.

    An object that is never touched never moves, and then hindsight has nothing to teach (relay HER, 2208.00843).
    """

    def __init__(self, config: HERConfig, effector: slice):
        """Expect the effector's position at `effector` of the observation, in the units of the goal."""
        self.config, self.effector = config, effector

    def __call__(
        self, action: np.ndarray, observation: Observation, noise: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the guide's actions with probability `guide_eps` while the effector is away from the object."""
        away = np.linalg.norm(self.offset(observation), axis=1, keepdims=True) > AWAY  # [B, 1]
        guided = away & (rng.random(away.shape) < self.config.guide_eps)
        return np.where(guided, self.reach(action, observation, rng), action)

    def offset(self, observation: Observation) -> np.ndarray:
        """Return the way from the effector to the object, [B, g]."""
        return observation["achieved_goal"] - observation["observation"][:, self.effector]

    def reach(self, action: np.ndarray, observation: Observation, rng: np.random.Generator) -> np.ndarray:
        """Return actions [B, u] that lead to the object."""
        raise NotImplementedError

    def train(self, stored: Episodes, latest: Episodes) -> None:
        """Learn from all that is stored and the latest episodes; once a cycle, by all workers together."""


class ScriptedReacher(Guide):
    """Goes straight to the object, for Fetch, whose actions move the gripper along x, y and z; fingers act as usual."""

    def __init__(self, config: HERConfig):
        super().__init__(config, slice(0, 3))

    def reach(self, action: np.ndarray, observation: Observation, rng: np.random.Generator) -> np.ndarray:
        """Return actions [B, 4] along the offset, with a little noise."""
        offset = self.offset(observation)  # [B, 3], metres
        towards = np.clip(10 * offset + 0.2 * rng.standard_normal(offset.shape), -1, 1) * self.config.max_u
        return np.concatenate([towards, action[:, 3:]], 1)


class LearnedReacher(Guide):
    """A small agent beside HER's, which learns by DDPG + HER to bring the effector to the object (relay HER)."""

    def __init__(
        self,
        spec: EnvSpec,
        config: HERConfig,
        weights_rng: np.random.Generator,
        rng: np.random.Generator,
        comm: Communicator,
    ):
        super().__init__(dataclasses.replace(config, **_REACHER_SETTINGS), config.effector)
        self._rng = rng
        self._agent = DDPG(spec, self.config, weights_rng, comm)
        self._policy: Policy | None = None  # the agent's at this time, made when it is needed

    def reach(self, action: np.ndarray, observation: Observation, rng: np.random.Generator) -> np.ndarray:
        """Return the small agent's actions with its own noise."""
        if self._policy is None:
            self._policy = self._agent.policy("main")
        o, max_u = observation["observation"], self.config.max_u
        entries = {"observation": o, "achieved_goal": o[:, self.effector], "desired_goal": observation["achieved_goal"]}
        pi = self._policy.output(self._policy.inputs(entries))
        return np.clip(pi + self.config.noise_eps * max_u * rng.standard_normal(pi.shape), -max_u, max_u)

    def train(self, stored: Episodes, latest: Episodes) -> None:
        """Update the normalizers with the latest episodes, the networks with all of them."""
        self._agent.update_normalizers(self._sample(latest, (latest.num_steps,)))
        self._agent.train(self._sample(stored, (self.config.n_batches, self.config.batch_size)))
        self._agent.end_cycle()
        self._policy = None

    def state(self) -> dict[str, np.ndarray]:
        """Return the state of the small agent."""
        return self._agent.state()

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore a `state`. Raises KeyError or ValueError."""
        self._agent.load_state(arrays)
        self._policy = None

    def _sample(self, episodes: Episodes, shape: tuple[int, ...]) -> Transitions:
        # Its achieved goal is the effector's position, its desired goal the object's; reaching it ends nothing.
        reaching = episodes._replace(
            achieved_goal=episodes.observation[:, :, self.effector],
            desired_goal=episodes.achieved_goal[:, :-1],
            terminated=np.zeros(len(episodes.length), bool),
            info=np.zeros((*episodes.reward.shape, 0)),
        )
        rows, times = sample_times(episodes.length, shape, self._rng)
        probabilities = self.config.relabel_probabilities
        return sample_relabelled(reaching, rows, times, "future", probabilities, _reaching_reward, self._rng)


def _reaching_reward(achieved_goal: np.ndarray, desired_goal: np.ndarray) -> np.ndarray:
    """Return 0 where the effector is at the object, -1 elsewhere, [N]."""
    return -(np.linalg.norm(achieved_goal - desired_goal, axis=1) > REACHED).astype(np.float32)


def make_guide(
    spec: EnvSpec, config: HERConfig, rng: Callable[..., np.random.Generator], comm: Communicator
) -> Guide | None:
    """Return what `config.guide` names, if anything; `rng(purpose)` makes its generators."""
    if config.guide == "script":
        return ScriptedReacher(config)
    if config.guide == "relay":
        return LearnedReacher(spec, config, rng("relay weights", shared=True), rng("relay"), comm)
    return None
