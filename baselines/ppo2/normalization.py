"""Running statistics of observations and of discounted sums of rewards."""

import numpy as np

from baselines.common.normalizer import Normalizer


class Statistics(Normalizer):
    """As the normalizer; but while nothing was seen, the mean is 0 and the standard deviation 1: no change."""

    def _refresh(self) -> None:
        super()._refresh()
        if not self.seen:
            self.std = np.ones_like(self.std)

    @property
    def seen(self) -> bool:
        """Whether anything was."""
        return bool(self.count > 1)  # it begins at 1


def normalized(x: np.ndarray, mean: np.ndarray, std: np.ndarray, clip: float) -> np.ndarray:
    """(x - mean) / std within -clip .. clip, float32; `x` is [.., size]."""
    result: np.ndarray = np.clip((x - mean) / std, -clip, clip).astype(np.float32, copy=False)
    return result
