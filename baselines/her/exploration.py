"""Exploration: a list of parts, each of which replaces some of the policy's actions in training."""

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator

from baselines.common.state import load_states, states_of
from baselines.envs.base import Observation
from baselines.her.experiment.config import HERConfig

HELD_NOISE = 0.1  # standard deviation of the noise on held actions, in units of max_u


class Part:
    """One way to explore. A part that must remember something between two steps has a state."""

    def __call__(self, action: np.ndarray, observation: Observation, noise: np.ndarray, rng: Generator) -> np.ndarray:
        """Return actions [B, u] in place of `action` [B, u], within -max_u and max_u.

        Args:
            observation: Entries [B, size] that the environments show.
            noise: Standard normal numbers [B, u], drawn anew each step. Parts share them, as each replaces rows.
        """
        raise NotImplementedError

    def state(self) -> dict[str, np.ndarray]:
        """Return all that a resumed run needs."""
        return {}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore a `state`. Raises KeyError or ValueError for one of other environments."""


class GaussianNoise(Part):
    """Noise of standard deviation noise_eps * max_u on every action (1802.09464, appendix A)."""

    def __init__(self, config: HERConfig):
        self._max_u, self._eps = config.max_u, config.noise_eps

    def __call__(self, action: np.ndarray, observation: Observation, noise: np.ndarray, rng: Generator) -> np.ndarray:
        """Return noisy actions."""
        return np.clip(action + self._eps * self._max_u * noise, -self._max_u, self._max_u)


class HeldRandomActions(Part):
    """Uniform actions, each held for a geometrically distributed number of steps, `random_hold` on average.

    This is temporally extended epsilon-greedy (2006.01782): independent actions lead nowhere, held ones reach and lift.
    The share of random steps is eps = random_eps for every hold h: an environment that holds nothing begins a hold with
    probability p = eps / (eps + h (1 - eps)), so that of a mean period of (1 - p) / p + h steps h are random.
    """

    def __init__(self, config: HERConfig, num_env: int, action_size: int):
        self._max_u, self._hold, self._eps = config.max_u, config.random_hold, config.random_eps
        self._held = np.zeros((num_env, action_size))
        self._holds = np.zeros((num_env, 1), bool)

    def __call__(self, action: np.ndarray, observation: Observation, noise: np.ndarray, rng: Generator) -> np.ndarray:
        """Return the held actions where an environment holds one."""
        max_u, hold, eps = self._max_u, self._hold, self._eps
        uniform = rng.uniform(-max_u, max_u, action.shape)
        begins = ~self._holds & (rng.random((len(action), 1)) < eps / (eps + hold * (1 - eps)))  # [B, 1]
        random = self._holds | begins
        held = self._held = np.where(begins, uniform, self._held)
        if hold > 1:
            held = np.clip(held + HELD_NOISE * max_u * noise, -max_u, max_u)
            self._holds = random & (rng.random(random.shape) >= 1 / hold)
        return np.where(random, held, action)

    def state(self) -> dict[str, np.ndarray]:
        """Return the held actions [B, u] and who holds one [B, 1]."""
        return {"held": self._held, "holds": self._holds}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore a `state`."""
        if arrays["held"].shape != self._held.shape or arrays["holds"].shape != self._holds.shape:
            raise ValueError("the held actions are those of other environments")
        self._held, self._holds = arrays["held"].astype(float), arrays["holds"].astype(bool)


class Exploration:
    """All parts by name, called one after the other."""

    def __init__(self, parts: Mapping[str, Part], rng: Generator):
        self.parts, self._rng = dict(parts), rng

    def __call__(self, action: np.ndarray, observation: Observation) -> np.ndarray:
        """Return the actions [B, u] that training takes in place of the policy's."""
        noise = self._rng.standard_normal(action.shape)
        for part in self.parts.values():
            action = part(action, observation, noise, self._rng)
        return action.astype(np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """Return the states of all parts, named `part/array`."""
        return states_of(self.parts)

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore a `state`. Raises KeyError or ValueError."""
        load_states(self.parts, arrays)
