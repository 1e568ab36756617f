"""Random numbers: one seed, many independent streams."""

import zlib
from collections.abc import Callable

import numpy as np

from baselines.common.mpi import Communicator


def _sequence(seed: int, rank: int, purpose: str, *more: int) -> np.random.SeedSequence:
    return np.random.SeedSequence([seed, rank, zlib.crc32(purpose.encode()), *more])


def new_seed(comm: Communicator) -> int:
    """Return a random seed, the same on all workers."""
    return int(comm.broadcast(np.array(np.random.SeedSequence().generate_state(1)[0] >> 1, np.int64)))


def make_rng(seed: int, rank: int, purpose: str) -> np.random.Generator:
    """Return the generator of one purpose on one worker; other ranks and purposes are independent of it."""
    return np.random.default_rng(_sequence(seed, rank, purpose))


def env_seeds(seed: int, rank: int, purpose: str, num_env: int, epoch: int = 0) -> list[int]:
    """Return a seed below 2^31 for each environment.

    Environments get new seeds at each epoch's start: most cannot save their generator, and a run that is resumed after
    an epoch must see the same episodes as a run that was never interrupted.
    """
    return [int(s >> 1) for s in _sequence(seed, rank, purpose, epoch).generate_state(num_env, np.uint32)]


class RngStreams:
    """The random generators of one worker by purpose; `generators` holds those used so far."""

    def __init__(self, seed: int, rank: int):
        self._seed, self._rank = seed, rank
        self.generators: dict[str, np.random.Generator] = {}

    def rng(self, purpose: str, shared: bool = False) -> np.random.Generator:
        """Return the generator of a purpose, which a resumed run continues.

        With `shared` all workers get the same numbers, e.g. for initial weights.
        """
        return self.generators.setdefault(purpose, make_rng(self._seed, 0 if shared else self._rank, purpose))

    def seeds_for(self, purpose: str, num_env: int) -> Callable[[int], list[int]]:
        """Return a function from an epoch to a seed for each of `num_env` environments of this worker."""
        return lambda epoch: env_seeds(self._seed, self._rank, purpose, num_env, epoch)
