"""How training acts otherwise than the policy."""

import numpy as np

from baselines.her.experiment.config import HERConfig


def explore(action: np.ndarray, config: HERConfig, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise on actions [B, u], clipped, then some rows replaced by uniform ones (1802.09464, appendix A)."""
    max_u = config.max_u
    noisy = action + config.noise_eps * max_u * rng.standard_normal(action.shape)
    uniform = rng.uniform(-max_u, max_u, action.shape)
    replaced = rng.random((len(action), 1)) < config.random_eps  # [B, 1]: whole action vectors
    return np.where(replaced, uniform, np.clip(noisy, -max_u, max_u)).astype(np.float32)
