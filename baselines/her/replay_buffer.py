"""The replay buffer: whole episodes, of which the oldest are overwritten first; its capacity counts transitions."""

from collections.abc import Mapping

import numpy as np

from baselines.common.errors import UserError
from baselines.common.specs import EnvSpec
from baselines.envs.reward import RewardFunction
from baselines.her.experiment.config import HERConfig
from baselines.her.sampling import PRIORITIES, sample_relabelled, sample_times
from baselines.her.types import OF_EPISODES, OF_STEPS, Episodes, RaggedEpisodes, Transitions


class ReplayBuffer:
    """The latest episodes, of any lengths, stored as they came; goals are relabelled when they are sampled.

    The rows of steps take memory only where something was stored: the system hands out pages of `np.zeros` when they
    are first written.

    Attributes:
        capacity: The most transitions that are kept, but always a whole episode.
        episodes: All that is stored. The oldest has the index `evicted % B`, and the others follow as in a ring.
        evicted: The number of episodes that were overwritten.
    """

    def __init__(
        self, spec: EnvSpec, config: HERConfig, capacity: int, compute_reward: RewardFunction,
        rng: np.random.Generator, info_size: int = 0, priority: str | None = None,
    ):  # fmt: skip
        """Make room for `capacity` transitions.

        Args:
            config: Its relabelling strategy and priorities are used.
            info_size: Numbers of each step's info that `compute_reward` reads.
            priority: A name of PRIORITIES or "none"; the config's by default.

        Raises UserError where there is not enough memory.
        """
        self._config, self._compute_reward, self.rng = config, compute_reward, rng
        self._priority_of = PRIORITIES.get(config.replay_priority if priority is None else priority)
        self.capacity, self.episodes = capacity, Episodes.zeros(spec, 0, info_size).ragged()
        self._priority, self._next, self.evicted = np.zeros(0), 0, 0  # next: the row of the next step
        self._make_rows(capacity)

    def _make_rows(self, count: int) -> None:
        """Replace all rows by `count` empty ones, unless there are as many. Raises UserError."""
        if count != len(self.episodes.reward):
            rows = {name: getattr(self.episodes, name) for name in OF_STEPS}
            try:
                rows = {name: np.zeros((count, *x.shape[1:]), x.dtype) for name, x in rows.items()}
            except (MemoryError, ValueError):
                raise UserError(f"buffer_size: {count} transitions do not fit into this machine's memory") from None
            self.episodes = self.episodes._replace(**rows)

    @property
    def num_episodes(self) -> int:
        """Number of stored episodes."""
        return len(self.episodes.length)

    @property
    def num_steps(self) -> int:
        """Number of stored transitions."""
        return int(self.episodes.length.sum())

    def latest(self, count: int) -> Episodes:
        """Return the latest `count` episodes, or all, in the order in which they came."""
        return self.episodes.padded(self._ages()[-count:])

    def _ages(self) -> np.ndarray:
        """Return the indices of all episodes, the oldest first."""
        return np.roll(np.arange(self.num_episodes), -self.evicted)

    def store(self, episodes: Episodes) -> None:
        """Append B episodes, over the oldest ones once the buffer is full."""
        new, ages = episodes.ragged(), self._ages()
        lengths = np.concatenate([self.episodes.length[ages], new.length])
        steps = np.cumsum(lengths[::-1])  # of the latest episode, of the latest two, ...
        kept = max(1, int((steps <= self.capacity).sum()))
        self._make_rows(max(len(self.episodes.reward), int(lengths[-1])))  # where longer, nothing else is kept
        stored, first = self.episodes, len(lengths) - kept
        written = int(steps[min(kept, len(new.length)) - 1])
        rows = (self._next + np.arange(written)) % len(stored.reward)
        for name in OF_STEPS:
            getattr(stored, name)[rows] = getattr(new, name)[-written:]
        new = new._replace(start=(self._next + new.start - (episodes.num_steps - written)) % len(stored.reward))
        self.evicted += first

        def joined(old: np.ndarray, added: np.ndarray) -> np.ndarray:
            return np.roll(np.concatenate([old[ages], added])[first:], self.evicted, axis=0)

        self.episodes = stored._replace(
            **{name: joined(getattr(stored, name), getattr(new, name)) for name in OF_EPISODES}
        )
        if self._priority_of:
            self._priority = joined(self._priority, self._priority_of(episodes, self._config.priority_clip))
        self._next = (self._next + written) % len(stored.reward)

    def sample(self, n_batches: int, batch_size: int) -> Transitions:
        """Return relabelled transitions [n_batches, batch_size, ...], drawn from all that are stored."""
        assert self.num_episodes > 0, "nothing is stored yet"
        priority = self._priority if self._priority_of else None
        drawn = sample_times(self.episodes.length, (n_batches, batch_size), self.rng, priority)
        return self._relabelled(self.episodes, *drawn)

    def sample_from(self, episodes: Episodes) -> Transitions:
        """Return as many relabelled transitions [N, ...] as these episodes have steps: the normalizers see them."""
        return self._relabelled(episodes.ragged(), *sample_times(episodes.length, (episodes.num_steps,), self.rng))

    def _relabelled(self, episodes: RaggedEpisodes, which: np.ndarray, times: np.ndarray) -> Transitions:
        strategy, probabilities = self._config.replay_strategy, self._config.relabel_probabilities
        return sample_relabelled(episodes, which, times, strategy, probabilities, self._compute_reward, self.rng)

    def state(self) -> dict[str, np.ndarray]:
        """Return all that is stored, as views."""
        used = len(self.episodes.reward) if self.evicted else self.num_steps
        rows = {name: getattr(self.episodes, name)[:used] for name in OF_STEPS}
        place = np.array([self._next, self.evicted, self.capacity])
        return {**self.episodes._asdict(), **rows, "priority": self._priority, "place": place}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the contents by a `state`. Raises KeyError or ValueError for one of another environment or size."""
        length, used = arrays["length"], len(arrays["reward"])
        position, evicted, capacity = (int(n) for n in arrays["place"])
        size = max(self.capacity, used)
        for name, example in {**self.episodes._asdict(), "priority": self._priority}.items():
            count = used if name in OF_STEPS else len(length)
            shape = 0 if name == "priority" and not self._priority_of else count, *example.shape[1:]
            if arrays[name].shape != shape:
                raise ValueError(f"{name} has the shape {list(arrays[name].shape)}, expected {list(shape)}")
        if capacity != self.capacity:
            raise ValueError("the buffer was of another size")
        places = np.array([*arrays["start"], position])
        if not (length.sum() <= used and (length >= 1).all() and (places >= 0).all() and (places < size).all()):
            raise ValueError("the episodes are not within the buffer")
        self._make_rows(size)
        for name in OF_STEPS:
            getattr(self.episodes, name)[:used] = arrays[name]
        columns = {name: arrays[name].astype(getattr(self.episodes, name).dtype) for name in OF_EPISODES}
        self.episodes, self._priority = self.episodes._replace(**columns), arrays["priority"].astype(float)
        self._next, self.evicted = position, evicted


def append(batches: Transitions, demonstrated: Transitions) -> Transitions:
    """Return batches [n_batches, N, ...] with the rows of demonstrations at their end (1709.10089, section IV-B)."""
    return Transitions(*(np.concatenate(pair, axis=1) for pair in zip(batches, demonstrated, strict=True)))
