"""A guide that learns: a small agent beside HER's, which brings the effector to the object (relay HER, 2208.00843)."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from baselines.common.mpi import Communicator
from baselines.envs.base import Observation
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.exploration import Guide
from baselines.her.her_sampler import StoredEpisodes, sample_relabelled, sample_times
from baselines.her.replay_buffer import ReplayBuffer
from baselines.her.types import EpisodeBatch, GoalEnvSpec, TransitionBatch
from baselines.policies.policy import Policy

# Reaching is easy: small networks, small batches, quick targets. Many updates, as nothing is learnt before the relay
# reaches; and small actions (action_l2), as a hard push knocks the object out of reach.
_SETTINGS: dict[str, Any] = dict(
    layers=2, hidden=64, batch_size=128, n_batches=240, target_interval=1, polyak=0.98, action_l2=1.0,
    average_actor=0.0, test_with_polyak=False, replay_strategy="future", replay_actual=0.0, clip_return=True,
    clip_pos_returns=True, bc_loss=False, demo_file=None,
)  # fmt: skip


class _Reaching(NamedTuple):
    """Episodes as the relay sees them: its achieved goal is the effector's place, its desired goal the object's."""

    observation: np.ndarray  # [n, T + 1, o]
    achieved_goal: np.ndarray  # [n, T + 1, g]
    desired_goal: np.ndarray  # [n, T, g]
    action: np.ndarray  # [n, T, u]
    length: np.ndarray  # [n]
    terminated: np.ndarray  # [n]: not at all, where the effector is ends nothing
    info: np.ndarray  # [n, T, 0]


class Relay(Guide):
    """DDPG + HER on the task of reaching the object."""

    def __init__(
        self,
        spec: GoalEnvSpec,
        config: HERConfig,
        weights_rng: np.random.Generator,
        rng: np.random.Generator,
        comm: Communicator,
    ):
        super().__init__(dataclasses.replace(config, **_SETTINGS), config.effector)
        self._rng = rng
        self._agent = DDPG(spec, self.config, weights_rng, comm)
        self._policy: Policy | None = None  # of the agent as it is now, made when it is needed

    def reach(self, action: np.ndarray, observation: Observation, rng: np.random.Generator) -> np.ndarray:
        """The relay's own actions, with noise of their own."""
        if self._policy is None:
            self._policy = self._agent.policy()
        o, max_u = observation["observation"], self.config.max_u
        inputs = self._policy.inputs(
            {"observation": o, "achieved_goal": o[:, self.effector], "desired_goal": observation["achieved_goal"]}
        )
        pi = self._policy.output(inputs)
        return np.clip(pi + self.config.noise_eps * max_u * rng.standard_normal(pi.shape), -max_u, max_u)

    def train(self, buffer: ReplayBuffer, episodes: EpisodeBatch) -> None:
        """Update the normalizers with the latest episodes, the networks with all of them."""
        self._agent.update_normalizers(self._sample(episodes, episodes.length, (episodes.num_steps,)))
        shape = self.config.n_batches, self.config.batch_size
        self._agent.train(self._sample(buffer, buffer.length, shape))
        self._agent.end_cycle()
        self._policy = None

    def state(self) -> dict[str, np.ndarray]:
        """The agent's."""
        return self._agent.state()

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` gave. Raises KeyError or ValueError."""
        self._agent.load_state(arrays)
        self._policy = None

    def _sample(self, episodes: StoredEpisodes, length: np.ndarray, shape: tuple[int, ...]) -> TransitionBatch:
        reaching = _Reaching(
            episodes.observation,
            episodes.observation[:, :, self.effector],
            episodes.achieved_goal[:, :-1],
            episodes.action,
            length,
            np.zeros(len(length), bool),
            np.zeros((*episodes.action.shape[:2], 0)),
        )
        rows, times = sample_times(length, shape, self._rng)
        return sample_relabelled(reaching, rows, times, self.config.relabelled_p, self._reward, self._rng)

    def _reward(self, achieved_goal: np.ndarray, desired_goal: np.ndarray) -> np.ndarray:
        """0 within `relay_distance` of the goal, -1 elsewhere; [N]."""
        return -(np.linalg.norm(achieved_goal - desired_goal, axis=1) > self.config.relay_distance).astype(np.float32)
