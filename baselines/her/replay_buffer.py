"""The replay buffer: whole episodes, of which the oldest are overwritten first."""

from collections.abc import Mapping

import numpy as np

from baselines.common.errors import UserError
from baselines.common.specs import EnvSpec
from baselines.envs.reward import RewardFunction
from baselines.her.experiment.config import HERConfig
from baselines.her.sampling import PRIORITIES, sample_relabelled, sample_times, sample_times_by_priority
from baselines.her.types import Episodes, Transitions


class ReplayBuffer:
    """Episodes of up to T steps, stored as they came; goals are relabelled when they are sampled.

    The arrays take memory only where episodes were stored: the system hands out pages of `np.zeros` when they are first
    written.
    """

    def __init__(
        self,
        spec: EnvSpec,
        config: HERConfig,
        capacity: int,
        compute_reward: RewardFunction,
        rng: np.random.Generator,
        info_size: int = 0,
        priority: str | None = None,
    ):
        """Make room for `capacity` transitions, rounded down to whole episodes, at least one.

        Args:
            config: Its relabelling strategy and priorities are used.
            info_size: Numbers of each step's info that `compute_reward` reads.
            priority: A name of PRIORITIES or "none"; the config's by default.

        Raises UserError where there is not enough memory.
        """
        self._config, self._compute_reward, self.rng = config, compute_reward, rng
        self._priority_of = PRIORITIES.get(config.replay_priority if priority is None else priority)
        self.max_episodes = max(1, capacity // spec.horizon)
        try:
            self._stored = Episodes.zeros(spec, self.max_episodes, info_size)
        except (MemoryError, ValueError):
            raise UserError(f"buffer_size: {capacity} transitions do not fit into this machine's memory") from None
        self._priority = np.zeros(self.max_episodes)
        self.num_episodes = 0
        self._next = 0

    @property
    def episodes(self) -> Episodes:
        """All stored episodes, as views."""
        return self._stored.select(slice(self.num_episodes))

    def latest(self, count: int) -> Episodes:
        """Return the latest `count` episodes, or all, in the order in which they came."""
        return self._stored.select((self._next - np.arange(min(count, self.num_episodes), 0, -1)) % self.max_episodes)

    def store(self, episodes: Episodes) -> None:
        """Append B episodes, over the oldest ones once the buffer is full."""
        # [7, 8, 9, 0, 1] for 5 episodes at position 7 of 10; of more episodes than fit, only the last ones stay.
        kept = slice(-self.max_episodes, None)
        rows = (self._next + np.arange(len(episodes.length)))[kept] % self.max_episodes
        for stored, new in zip(self._stored, episodes, strict=True):
            stored[rows] = new[kept]
        if self._priority_of:
            self._priority[rows] = self._priority_of(episodes, self._config.priority_clip)[kept]
        self._next = (int(rows[-1]) + 1) % self.max_episodes
        self.num_episodes = min(self.num_episodes + len(rows), self.max_episodes)

    def sample(self, n_batches: int, batch_size: int) -> Transitions:
        """Return relabelled transitions [n_batches, batch_size, ...], drawn from all that are stored."""
        assert self.num_episodes > 0, "nothing is stored yet"
        episodes, shape = self.episodes, (n_batches, batch_size)
        if self._priority_of:
            priority = self._priority[: self.num_episodes]
            rows, times = sample_times_by_priority(episodes.length, priority, shape, self.rng)
        else:
            rows, times = sample_times(episodes.length, shape, self.rng)
        return self._relabelled(episodes, rows, times)

    def sample_from(self, episodes: Episodes) -> Transitions:
        """Return as many relabelled transitions [N, ...] as these episodes have steps: the normalizers see them."""
        return self._relabelled(episodes, *sample_times(episodes.length, (episodes.num_steps,), self.rng))

    def _relabelled(self, episodes: Episodes, rows: np.ndarray, times: np.ndarray) -> Transitions:
        strategy, probabilities = self._config.replay_strategy, self._config.relabel_probabilities
        return sample_relabelled(episodes, rows, times, strategy, probabilities, self._compute_reward, self.rng)

    def state(self) -> dict[str, np.ndarray]:
        """Return all that is stored, as views."""
        priority = self._priority[: self.num_episodes]
        return {**self.episodes._asdict(), "priority": priority, "next": np.array(self._next)}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the contents by a `state`. Raises KeyError or ValueError for one of another environment or size."""
        n, length, position = len(arrays["length"]), arrays["length"], int(arrays["next"])
        if n and not (1 <= length.min() and length.max() <= self._stored.reward.shape[1]):
            raise ValueError("the lengths of the episodes are not within the horizon")
        if n > self.max_episodes or not 0 <= position < self.max_episodes:
            raise ValueError("the buffer was of another size")
        for name, room in {**self._stored._asdict(), "priority": self._priority}.items():
            if arrays[name].shape != (n, *room.shape[1:]):
                raise ValueError(f"{name} has the shape {list(arrays[name].shape)}, expected {[n, *room.shape[1:]]}")
            room[:n] = arrays[name]
        self.num_episodes, self._next = n, position


def append(batches: Transitions, demonstrated: Transitions) -> Transitions:
    """Return batches [n_batches, N, ...] with the rows of demonstrations at their end (1709.10089, section IV-B)."""
    return Transitions(*(np.concatenate(pair, axis=1) for pair in zip(batches, demonstrated, strict=True)))
