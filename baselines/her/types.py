"""Shapes that travel through HER, and the three records that carry them.

    B  episodes that are rolled out together    T  steps of the longest of these episodes
    N  transitions in a minibatch               o, g, u  sizes of observation, goal and action
    i  numbers of a step's info that compute_reward reads (--reward_info), mostly 0
    S  steps of all episodes together

Arrays are float32 unless a line says otherwise. A shape stands in brackets at the end of a line: `# [N, g]`.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np

from baselines.common.specs import GOAL_KEYS, EnvSpec
from baselines.envs.lockstep import Episode


class Episodes(NamedTuple):
    """B whole episodes, each valid up to its own length: T actions, T + 1 observations."""

    observation: np.ndarray  # [B, T + 1, o]
    achieved_goal: np.ndarray  # [B, T + 1, g]
    desired_goal: np.ndarray  # [B, T, g]
    action: np.ndarray  # [B, T, u], in [-1, 1]
    reward: np.ndarray  # [B, T]
    length: np.ndarray  # [B] int32: steps before the episode ended, 1..T
    success: np.ndarray  # [B] bool: the goal was reached at the last step
    terminated: np.ndarray  # [B] bool: the environment itself ended it at the last step, not a time limit
    info: np.ndarray  # [B, T, i] float64

    @classmethod
    def zeros(cls, spec: EnvSpec, count: int, info_size: int = 0, steps: int | None = None) -> "Episodes":
        """Return `count` episodes of zeros with length T, which is `steps` or else the time limit."""
        B, T = count, spec.horizon if steps is None else steps
        o, g, u = spec.observation_size, spec.goal_size, spec.action_size
        sizes = dict(observation=(T + 1, o), achieved_goal=(T + 1, g), desired_goal=(T, g), action=(T, u), reward=(T,))
        return cls(
            **{name: np.zeros((B, *size), np.float32) for name, size in sizes.items()},
            length=np.full(B, T, np.int32),
            success=np.zeros(B, bool),
            terminated=np.zeros(B, bool),
            info=np.zeros((B, T, info_size)),
        )

    @classmethod
    def of(cls, played: Sequence[Episode], spec: EnvSpec, info_size: int = 0) -> "Episodes":
        """Return single episodes as one record, filled up with zeros to the T steps of the longest.

        Raises ValueError, naming the episode and the entry, for sizes that do not fit `spec`.
        """
        longest = max((len(episode.action) for episode in played), default=0)
        episodes = cls.zeros(spec, len(played), info_size, longest)
        for i, episode in enumerate(played):
            L = len(episode.action)
            for entry in GOAL_KEYS[:2]:
                if (count := len(episode.observation[entry])) != L + 1:
                    remedy = ": append the observation after the last action" if count == L else ""
                    expected = f"expected {L + 1} of {entry}{remedy}"
                    raise ValueError(f"episode {i} has {count} observations for {L} actions, {expected}")
            columns = {
                **{entry: episode.observation[entry] for entry in GOAL_KEYS[:2]},
                "desired_goal": episode.observation["desired_goal"][:L],
                "action": episode.action,
                "reward": episode.reward,
                "info": np.zeros((L, 0)) if episode.reward_info is None else episode.reward_info,
            }
            for name, rows in columns.items():
                room = getattr(episodes, name)[i]
                if rows.shape[1:] != room.shape[1:] or not 0 < L <= len(rows) <= len(room):
                    expected = f"up to {len(room)} steps of size {list(room.shape[1:])}"
                    raise ValueError(f"episode {i}: {name} has the shape {list(rows.shape)}, expected {expected}")
                room[: len(rows)] = rows
            episodes.length[i], episodes.terminated[i] = L, episode.terminated
            episodes.success[i] = bool(episode.success)
        return episodes

    @property
    def num_steps(self) -> int:
        """Number of valid steps of all episodes together."""
        return int(self.length.sum())

    @property
    def valid(self) -> np.ndarray:
        """True for the steps before an episode's end, [B, T]."""
        steps: np.ndarray = np.arange(self.reward.shape[1])
        return steps < self.length[:, None]

    def ragged(self) -> "RaggedEpisodes":
        """Return the same episodes without padding."""
        valid = self.valid
        ends = np.arange(len(self.length)), self.length
        return RaggedEpisodes(
            observation=self.observation[:, :-1][valid],
            achieved_goal=self.achieved_goal[:, :-1][valid],
            **{name: getattr(self, name)[valid] for name in ("desired_goal", "action", "reward", "info")},
            **{name: getattr(self, name) for name in ("length", "success", "terminated")},
            start=np.cumsum(self.length) - self.length,
            last_observation=self.observation[ends],
            last_achieved_goal=self.achieved_goal[ends],
        )


class RaggedEpisodes(NamedTuple):
    """B episodes of any lengths without padding: step t of episode b is in row (start[b] + t) % S."""

    observation: np.ndarray  # [S, o], before the step
    achieved_goal: np.ndarray  # [S, g], before the step
    desired_goal: np.ndarray  # [S, g]
    action: np.ndarray  # [S, u]
    reward: np.ndarray  # [S]
    info: np.ndarray  # [S, i]
    start: np.ndarray  # [B]
    length: np.ndarray  # [B]
    success: np.ndarray  # [B]
    terminated: np.ndarray  # [B]
    last_observation: np.ndarray  # [B, o], after the last step
    last_achieved_goal: np.ndarray  # [B, g], after the last step

    def rows(self, which: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Return the rows of the steps at `times` of the episodes `which`, all of the same shape."""
        return cast(np.ndarray, (self.start[which] + times) % len(self.reward))

    def at(self, name: str, which: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Return the observation or achieved goal [..., size], by its `name`, at `times` from 0 to the length."""
        values: np.ndarray = getattr(self, name)[self.rows(which, times)]
        ended = times == self.length[which]
        values[ended] = getattr(self, f"last_{name}")[which[ended]]
        return values

    def padded(self, which: np.ndarray) -> Episodes:
        """Return the episodes at the indices `which` [B] with padding."""
        length = self.length[which][:, None]
        times = np.minimum(np.arange(length.max(initial=0) + 1), length)  # [B, T + 1]
        each = np.broadcast_to(which[:, None], times.shape)
        rows = self.rows(each, times)[:, :-1]
        return Episodes(
            **{name: self.at(name, each, times) for name in ("observation", "achieved_goal")},
            **{name: getattr(self, name)[rows] for name in ("desired_goal", "action", "reward", "info")},
            **{name: getattr(self, name)[which] for name in ("length", "success", "terminated")},
        )


OF_STEPS, OF_EPISODES = RaggedEpisodes._fields[:6], RaggedEpisodes._fields[6:]


class Transitions(NamedTuple):
    """Transitions as the networks are trained on; for several minibatches at once [n_batches, N, ...]."""

    observation: np.ndarray  # [N, o]
    achieved_goal: np.ndarray  # [N, g]
    desired_goal: np.ndarray  # [N, g]
    action: np.ndarray  # [N, u]
    reward: np.ndarray  # [N]
    next_observation: np.ndarray  # [N, o]
    next_achieved_goal: np.ndarray  # [N, g]
    terminated: np.ndarray  # [N] bool: nothing follows; in the compiled update None where no episode terminated
    success: np.ndarray  # [N] bool: the episode ended at the goal that it pursued; None together with `terminated`
