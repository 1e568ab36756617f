"""Running statistics of observations and of discounted sums of rewards."""

import numpy as np

from baselines.common.mpi import Communicator
from baselines.learning.normalizer import Normalizer


class Statistics(Normalizer):
    """As the normalizer; but while nothing was seen, the mean is 0 and the standard deviation 1: no change.

    And what is there before counts as 1e-4 vectors, as in the original's: one would make far places look wide.
    """

    def __init__(self, size: int, eps: float, comm: Communicator):
        super().__init__(size, eps, comm)
        self.count[:] = 1e-4
        self._refresh()

    def _refresh(self) -> None:
        super()._refresh()
        if not self.seen:
            self.std = np.ones_like(self.std)

    @property
    def seen(self) -> bool:
        """Whether anything was."""
        return bool(self.count[0] > 1)


def normalized(x: np.ndarray, mean: np.ndarray, std: np.ndarray, clip: float) -> np.ndarray:
    """(x - mean) / std within -clip .. clip, float32; `x` is [.., size]."""
    result: np.ndarray = np.clip((x - mean) / std, -clip, clip).astype(np.float32, copy=False)
    return result
