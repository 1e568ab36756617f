"""The replay buffer: whole episodes, the oldest overwritten first."""

from collections.abc import Callable, Mapping

import numpy as np

from baselines.common.errors import UserError
from baselines.envs.reward import RewardFunction
from baselines.her.her_sampler import sample_relabelled, sample_times, sample_times_by_priority
from baselines.her.types import EpisodeBatch, GoalEnvSpec, TransitionBatch

_STORED = ("observation", "achieved_goal", "desired_goal", "action", "terminated", "info")
_FIELDS = (*_STORED, "priority")


class ReplayBuffer:
    """Episodes of up to T steps, stored as they came; goals are relabelled when sampled.

    The arrays are float32 and take memory only where episodes were stored: `np.zeros` asks the system for pages that
    it hands out when they are first written.
    """

    def __init__(
        self,
        spec: GoalEnvSpec,
        capacity: int,
        relabelled_p: tuple[float, float],
        compute_reward: RewardFunction,
        rng: np.random.Generator,
        priority: Callable[[EpisodeBatch], np.ndarray] | None = None,
        info_size: int = 0,
    ):
        """`capacity` in transitions; it is rounded down to whole episodes, and at least one is kept.

        `priority` gives how likely episodes are drawn, [B], all above 0; without it all transitions are alike.
        `info_size` numbers of each step's info are kept for `compute_reward`. Raises UserError where there is not
        enough memory.
        """
        self._relabelled_p, self._compute_reward = relabelled_p, compute_reward
        self.rng, self._priority_of = rng, priority
        n, T = max(1, capacity // spec.horizon), spec.horizon
        self.max_episodes = n
        try:
            self.observation = np.zeros((n, T + 1, spec.observation_size), np.float32)
            self.achieved_goal = np.zeros((n, T + 1, spec.goal_size), np.float32)
            self.desired_goal = np.zeros((n, T, spec.goal_size), np.float32)
            self.action = np.zeros((n, T, spec.action_size), np.float32)
            self.info = np.zeros((n, T, info_size))
        except (MemoryError, ValueError):
            raise UserError(f"buffer_size: {capacity} transitions do not fit in this machine's memory") from None
        self._length = np.zeros(n, np.int32)
        self.terminated = np.zeros(n, bool)
        self.priority = np.zeros(n)
        self.num_episodes = 0
        self._next = 0

    @property
    def length(self) -> np.ndarray:
        """Steps of each stored episode, [num_episodes]."""
        return self._length[: self.num_episodes]

    def store(self, episodes: EpisodeBatch) -> None:
        """Append B episodes, over the oldest ones once the buffer is full."""
        # [7, 8, 9, 0, 1] for 5 episodes at position 7 of 10; of more episodes than fit, only the last ones stay.
        kept = slice(-self.max_episodes, None)
        rows = (self._next + np.arange(len(episodes.length)))[kept] % self.max_episodes
        for name in _STORED:
            getattr(self, name)[rows] = getattr(episodes, name)[kept]
        self._length[rows] = episodes.length[kept]
        if self._priority_of:
            self.priority[rows] = self._priority_of(episodes)[kept]
        self._next = (int(rows[-1]) + 1) % self.max_episodes
        self.num_episodes = min(self.num_episodes + len(rows), self.max_episodes)

    def sample(self, n_batches: int, batch_size: int) -> TransitionBatch:
        """Relabelled transitions [n_batches, batch_size, ...], drawn from all that are stored."""
        assert self.num_episodes > 0, "nothing is stored yet"
        shape = n_batches, batch_size
        if self._priority_of:
            priority = self.priority[: self.num_episodes]
            rows, times = sample_times_by_priority(self.length, priority, shape, self.rng)
        else:
            rows, times = sample_times(self.length, shape, self.rng)
        return sample_relabelled(self, rows, times, self._relabelled_p, self._compute_reward, self.rng)

    def sample_from(self, episodes: EpisodeBatch) -> TransitionBatch:
        """As many relabelled transitions [N, ...] as these episodes have steps: what the normalizers learn from."""
        rows, times = sample_times(episodes.length, (episodes.num_steps,), self.rng)
        return sample_relabelled(episodes, rows, times, self._relabelled_p, self._compute_reward, self.rng)

    def state(self) -> dict[str, np.ndarray]:
        """All that is stored, as views; the generator is `rng`."""
        stored = {name: getattr(self, name)[: self.num_episodes] for name in _FIELDS}
        return {**stored, "length": self.length, "next": np.array(self._next)}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` of a buffer of the same sizes gave. Raises KeyError or ValueError."""
        n, length, position = len(arrays["length"]), arrays["length"], int(arrays["next"])
        # Which runs of version 0.3.0 have not.
        arrays = {"terminated": np.zeros(n, bool), "info": np.zeros((*arrays["action"].shape[:2], 0)), **arrays}
        if n and not (1 <= length.min() and length.max() <= self.action.shape[1] and 0 <= position < self.max_episodes):
            raise ValueError("lengths of episodes, or the place of the next one, are none")
        for name in _FIELDS:
            if n > self.max_episodes or arrays[name].shape != (n, *getattr(self, name).shape[1:]):
                raise ValueError(f"{name} has shape {list(arrays[name].shape)}, which does not fit")
            getattr(self, name)[:n] = arrays[name]
        self._length[:n] = length
        self.num_episodes, self._next = n, position


class Demonstrations:
    """A buffer whose transitions, relabelled like all others, fill the last rows of every batch (1709.10089, IV-B)."""

    def __init__(self, make_buffer: Callable[[int], ReplayBuffer], rows: int):
        """`make_buffer(n)` makes a buffer that n episodes fill exactly; `rows` is how many of each batch are filled."""
        self._make_buffer, self.rows = make_buffer, rows
        self.buffer = make_buffer(1)

    def store(self, episodes: EpisodeBatch) -> None:
        """Be these episodes."""
        self.buffer = self._make_buffer(len(episodes.length))
        self.buffer.store(episodes)

    def fill(self, batches: TransitionBatch) -> TransitionBatch:
        """`batches` [n_batches, N, ...] with `rows` demonstrated transitions appended to each."""
        demonstrated = self.buffer.sample(len(batches.reward), self.rows)
        return TransitionBatch(*(np.concatenate(pair, axis=1) for pair in zip(batches, demonstrated, strict=True)))

    def state(self) -> dict[str, np.ndarray]:
        """That of the buffer."""
        return self.buffer.state()

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` gave. Raises KeyError or ValueError."""
        self.buffer = self._make_buffer(max(1, len(arrays["length"])))
        self.buffer.load_state(arrays)


class NoDemonstrations:
    """Leaves batches as they are."""

    rows = 0

    def fill(self, batches: TransitionBatch) -> TransitionBatch:
        return batches

    def state(self) -> dict[str, np.ndarray]:
        return {}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        pass
