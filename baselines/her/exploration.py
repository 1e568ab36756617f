"""How training acts otherwise than the policy: Gaussian noise, held random actions, a guide to the object."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from baselines.envs.base import Observation
from baselines.her.experiment.config import HERConfig
from baselines.her.replay_buffer import ReplayBuffer
from baselines.her.types import EpisodeBatch

HELD_NOISE = 0.1  # standard deviation of the noise on held actions, in units of max_u


class NoGuide:
    """Leaves actions as they are, and draws no random numbers."""

    def __call__(self, action: np.ndarray, observation: Observation, rng: np.random.Generator) -> np.ndarray:
        """Actions [B, u] in place of `action` [B, u]."""
        return action

    def train(self, buffer: ReplayBuffer, episodes: EpisodeBatch) -> None:
        """Learn from all that is stored; `episodes` are the latest. Once a cycle, by all workers together."""

    def state(self) -> dict[str, np.ndarray]:
        """See `Stateful`."""
        return {}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """See `Stateful`."""


class Guide(NoGuide, ABC):
    """Brings the effector (gripper, fingertip) to the object, whose place is the achieved goal.

    An object that is never touched never moves, and then there is nothing to be learnt (relay HER, 2208.00843).
    """

    def __init__(self, config: HERConfig, effector: slice):
        """`effector` is where the observation has the effector's place, in the units of the goal."""
        self.config, self.effector = config, effector

    def __call__(self, action: np.ndarray, observation: Observation, rng: np.random.Generator) -> np.ndarray:
        """While the effector is away from the object, each environment follows the guide with `guide_eps`."""
        away = np.linalg.norm(self.way(observation), axis=1, keepdims=True) > self.config.guide_distance  # [B, 1]
        guided = away & (rng.random(away.shape) < self.config.guide_eps)
        return np.where(guided, self.reach(action, observation, rng), action)

    def way(self, observation: Observation) -> np.ndarray:
        """From the effector to the object, [B, g]."""
        return observation["achieved_goal"] - observation["observation"][:, self.effector]

    @abstractmethod
    def reach(self, action: np.ndarray, observation: Observation, rng: np.random.Generator) -> np.ndarray:
        """Actions [B, u] towards the object."""


class Script(Guide):
    """For Fetch, whose actions move the gripper along x, y and z: straight to the object, the fingers as usual."""

    def __init__(self, config: HERConfig):
        super().__init__(config, slice(0, 3))

    def reach(self, action: np.ndarray, observation: Observation, rng: np.random.Generator) -> np.ndarray:
        way = self.way(observation)  # [B, 3], metres
        towards = np.clip(10 * way + 0.2 * rng.standard_normal(way.shape), -1, 1) * self.config.max_u
        return np.concatenate([towards, action[:, 3:]], 1)


class Exploration:
    """What training does instead of a policy's actions, in B environments."""

    def __init__(self, config: HERConfig, num_env: int, action_size: int, rng: np.random.Generator, guide: NoGuide):
        self._config, self._rng, self._guide = config, rng, guide
        self._held = np.zeros((num_env, action_size))
        self._holds = np.zeros((num_env, 1), bool)

    def __call__(self, action: np.ndarray, observation: Observation) -> np.ndarray:
        """Noise, then held random actions, then the guide's, each in place of some of the rows of `action` [B, u]."""
        return self._guide(self._noisy(action), observation, self._rng).astype(np.float32)

    def _noisy(self, action: np.ndarray) -> np.ndarray:
        """Gaussian noise, clipped; then some rows replaced by uniform actions (1802.09464, appendix A).

        A uniform action is held for a geometrically distributed number of steps, `random_hold` in the mean (temporally
        extended epsilon-greedy, 2006.01782): independent ones go nowhere, held ones reach and lift. The share of random
        steps is `random_eps` for every hold h: steps that hold nothing begin a hold with probability p = eps / (eps +
        h (1 - eps)), so that of a mean period of (1 - p) / p + h steps h are random.
        """
        config, rng = self._config, self._rng
        max_u, hold, eps = config.max_u, config.random_hold, config.random_eps
        noise = rng.standard_normal(action.shape)
        uniform = rng.uniform(-max_u, max_u, action.shape)
        begins = ~self._holds & (rng.random((len(action), 1)) < eps / (eps + hold * (1 - eps)))  # [B, 1]
        random = self._holds | begins
        self._held = np.where(begins, uniform, self._held)
        held = self._held
        if hold > 1:
            held = np.clip(held + HELD_NOISE * max_u * noise, -max_u, max_u)
            self._holds = random & (rng.random(random.shape) >= 1 / hold)
        return np.where(random, held, np.clip(action + config.noise_eps * max_u * noise, -max_u, max_u))

    def state(self) -> dict[str, np.ndarray]:
        """What is held, and what the guide has learnt."""
        guide = {f"guide/{name}": array for name, array in self._guide.state().items()}
        return {"held": self._held, "holds": self._holds, **guide}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` gave; runs of version 0.2.0 gave nothing. Raises KeyError or ValueError."""
        if not arrays:
            return
        for name in ("held", "holds"):
            if arrays[name].shape != getattr(self, f"_{name}").shape:
                raise ValueError(f"exploration: {name} is that of other environments")
        self._held, self._holds = arrays["held"].astype(float), arrays["holds"].astype(bool)
        self._guide.load_state({k.removeprefix("guide/"): x for k, x in arrays.items() if k.startswith("guide/")})
