"""One seed, many independent streams of random numbers."""

import zlib
from collections.abc import Callable

import numpy as np

from baselines.common.mpi import Communicator


def _sequence(seed: int, rank: int, purpose: str, *more: int) -> np.random.SeedSequence:
    return np.random.SeedSequence([seed, rank, zlib.crc32(purpose.encode()), *more])


def new_seed(comm: Communicator) -> int:
    """A seed that nobody chose, the same on all workers."""
    return int(comm.broadcast(np.array(np.random.SeedSequence().generate_state(1)[0] >> 1, np.int64)))


def make_rng(seed: int, rank: int, purpose: str) -> np.random.Generator:
    """The generator of one purpose on one worker; another rank or purpose is independent of it."""
    return np.random.default_rng(_sequence(seed, rank, purpose))


def env_seeds(seed: int, rank: int, purpose: str, num_env: int, epoch: int = 0) -> list[int]:
    """A seed below 2^31 for each environment.

    Environments are seeded again at each epoch's start: most cannot save their generator, and a run that is resumed
    after an epoch must see what it would have seen without the interruption.
    """
    return [int(s >> 1) for s in _sequence(seed, rank, purpose, epoch).generate_state(num_env, np.uint32)]


class Streams:
    """The random numbers of one worker, by purpose; `generators` are those that have been asked for."""

    def __init__(self, seed: int, rank: int):
        self._seed, self._rank = seed, rank
        self.generators: dict[str, np.random.Generator] = {}

    def rng(self, purpose: str, shared: bool = False) -> np.random.Generator:
        """A generator that is independent of all others, which a resumed run continues.

        Of this worker; or, `shared`, with the same numbers on all workers, e.g. for initial weights.
        """
        return self.generators.setdefault(purpose, make_rng(self._seed, 0 if shared else self._rank, purpose))

    def seeds_for(self, purpose: str, num_env: int) -> Callable[[int], list[int]]:
        """epoch -> a seed for each of `num_env` environments of this worker."""
        return lambda epoch: env_seeds(self._seed, self._rank, purpose, num_env, epoch)
