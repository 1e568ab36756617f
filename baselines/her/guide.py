"""Guides: parts of exploration that bring the effector to the object, so that there is something to learn from."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from baselines.common.mpi import Communicator
from baselines.common.specs import EnvSpec
from baselines.envs.base import Observation
from baselines.her.ddpg import DDPG
from baselines.her.effector import find_effector, fit_effect
from baselines.her.experiment.config import HERConfig
from baselines.her.exploration import Part
from baselines.her.replay_buffer import ReplayBuffer
from baselines.her.sampling import sample_relabelled, sample_times
from baselines.her.types import Episodes, RaggedEpisodes, Transitions
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

    def __init__(self, config: HERConfig, effector: slice, away: float = AWAY):
        """Expect the effector's position at `effector` of the observation; guide where it is farther than `away`."""
        self.config, self.effector, self.away = config, effector, away

    def __call__(
        self, action: np.ndarray, observation: Observation, noise: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the guide's actions with probability `guide_eps` while the effector is away from the object."""
        away = np.linalg.norm(self.offset(observation), axis=1, keepdims=True) > self.away  # [B, 1]
        guided = away & (rng.random(away.shape) < self.config.guide_eps)
        return np.where(guided, self.reach(action, observation, rng), action)

    def offset(self, observation: Observation) -> np.ndarray:
        """Return the way from the effector to the object, [B, g]."""
        return observation["achieved_goal"] - observation["observation"][:, self.effector]

    def reach(self, action: np.ndarray, observation: Observation, rng: np.random.Generator) -> np.ndarray:
        """Return actions [B, u] that lead to the object."""
        raise NotImplementedError

    def train(self, buffer: ReplayBuffer, latest: Episodes) -> None:
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

    def train(self, buffer: ReplayBuffer, latest: Episodes) -> None:
        """Update the normalizers with the latest episodes, the networks with all of them."""
        self._agent.update_normalizers(self._sample(latest.ragged(), (latest.num_steps,)))
        self._agent.train(self._sample(buffer.episodes, (self.config.n_batches, self.config.batch_size)))
        self._agent.end_cycle()
        self._policy = None

    def state(self) -> dict[str, np.ndarray]:
        """Return the state of the small agent."""
        return self._agent.state()

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore a `state`. Raises KeyError or ValueError."""
        self._agent.load_state(arrays)
        self._policy = None

    def _sample(self, episodes: RaggedEpisodes, shape: tuple[int, ...]) -> Transitions:
        # Its achieved goal is the effector's position, its desired goal the object's; reaching it ends nothing.
        reaching = episodes._replace(
            achieved_goal=episodes.observation[:, self.effector],
            last_achieved_goal=episodes.last_observation[:, self.effector],
            desired_goal=episodes.achieved_goal,
            terminated=np.zeros(len(episodes.length), bool),
            info=np.zeros((len(episodes.reward), 0)),
        )
        which, times = sample_times(episodes.length, shape, self._rng)
        probabilities = self.config.relabel_probabilities
        return sample_relabelled(reaching, which, times, "future", probabilities, _reaching_reward, self._rng)


def _reaching_reward(achieved_goal: np.ndarray, desired_goal: np.ndarray) -> np.ndarray:
    """Return 0 where the effector is at the object, -1 elsewhere, [N]."""
    return -(np.linalg.norm(achieved_goal - desired_goal, axis=1) > REACHED).astype(np.float32)


class FittedReacher(Guide):
    """Finds the effector in the observation and moves it by a linear model of what actions do to it.

    Both come from the transitions so far; see `find_effector` and `fit_effect`. The model is fitted again each cycle.
    The guide acts where the effector is farther from the object than one action can move it, so it knows no units.
    """

    GAIN = 0.3  # share of the offset that one step makes up for
    # Share of max_u that the first environment's guide may use; the last one's may use all. A slow hand stays near the
    # object (PandaPush needs that), a fast one moves it farther (PickAndPlace).
    SLOWEST = 0.3
    NOISE = 0.1  # standard deviation of the noise on these actions, in units of max_u
    CYCLES = 50  # latest cycles that the model is fitted on
    SMALL = 0.1  # coordinates whose column of B is below this share of the largest stay the policy's own (fingers)

    def __init__(self, config: HERConfig, spec: EnvSpec, num_env: int, comm: Communicator, say: Callable[[str], None]):
        """Decide with the first cycles whether there is an effector to guide; `say` logs the decision."""
        super().__init__(config, slice(0, 0))
        self._latest, self._comm, self._say = self.CYCLES * num_env, comm, say
        self._certain = False
        self._decide(np.zeros(3), np.zeros((spec.goal_size, spec.action_size)))

    def __call__(
        self, action: np.ndarray, observation: Observation, noise: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the guide's actions once an effector was found; see `Guide`."""
        return super().__call__(action, observation, noise, rng) if self._B.any() else action

    def reach(self, action: np.ndarray, observation: Observation, rng: np.random.Generator) -> np.ndarray:
        """Return the actions whose predicted change makes up for a part of the offset."""
        max_u = self.config.max_u
        towards = self.GAIN * self.offset(observation) @ self._inverse.T  # [B, u]
        ladder = (np.arange(len(towards))[:, None] + 0.5) / len(towards)  # [B, 1]
        limit = max_u * (self.SLOWEST + (1 - self.SLOWEST) * ladder)
        towards = np.clip(towards, -limit, limit) + self.NOISE * max_u * rng.standard_normal(towards.shape)
        towards = np.clip(towards, -max_u, max_u)
        return np.where(self._moves, towards, action)

    def train(self, buffer: ReplayBuffer, latest: Episodes) -> None:
        """Look for the effector until it is certain, and fit the model again; all workers do as rank 0 does."""
        if self._certain and not self.effector.stop:
            return
        episodes = buffer.latest(self._latest)
        if not self._certain:
            found = find_effector(episodes)
            if found.certain or found.entries != self.effector:
                self._say(f"guide: {found.reason}")
            self.effector, self._certain = found.entries, found.certain
        B = fit_effect(episodes, self.effector).lasting if self.effector.stop else np.zeros_like(self._B)
        decision = [self._certain, self.effector.start, self.effector.stop]
        self._decide(self._comm.broadcast(np.array(decision)), self._comm.broadcast(B))

    def state(self) -> dict[str, np.ndarray]:
        """Return the decision and the model."""
        decision = [self._certain, self.effector.start, self.effector.stop]
        return {"decision": np.array(decision, np.int64), "B": self._B}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore a `state`. Raises KeyError or ValueError."""
        if arrays["B"].shape != self._B.shape:
            raise ValueError("the guide's model is that of another environment")
        self._decide(arrays["decision"], arrays["B"].astype(float))

    def _decide(self, decision: np.ndarray, B: np.ndarray) -> None:
        certain, start, stop = (int(n) for n in decision)
        self._certain, self.effector = bool(certain), slice(start, stop)
        columns = np.linalg.norm(B, axis=0)  # [u], the change by a full action of each coordinate
        self._B, self._inverse = B, np.linalg.pinv(B)
        self._moves, self.away = columns > self.SMALL * columns.max(), columns.max()


def make_guide(
    spec: EnvSpec,
    config: HERConfig,
    num_env: int,
    rng: Callable[..., np.random.Generator],
    comm: Communicator,
    say: Callable[[str], None],
) -> Guide | None:
    """Return what `config.guide` names, if anything; `rng(purpose)` makes its generators."""
    if config.guide == "auto":
        return FittedReacher(config, spec, num_env, comm, say)
    if config.guide == "script":
        return ScriptedReacher(config)
    if config.guide == "relay":
        return LearnedReacher(spec, config, rng("relay weights", shared=True), rng("relay"), comm)
    return None
