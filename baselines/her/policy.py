"""A trained policy in NumPy: what acts during rollouts, and all that a robot needs. No TensorFlow."""

import dataclasses
import os
from collections.abc import Mapping

import numpy as np

from baselines.common.errors import UserError
from baselines.common.storage import policy_folder
from baselines.her.experiment.config import HERConfig
from baselines.her.types import GoalEnvSpec

Layers = list[tuple[np.ndarray, np.ndarray]]  # (kernel [in, out], bias [out]) of each layer
FORMAT = "baselines.her policy 1"


class Policy:
    """pi(o, g) and Q(o, g, u) with the statistics that normalise their inputs.

    In NumPy because a batch of a few rows costs 50 us here and 250 us through TensorFlow.
    """

    def __init__(self, spec: GoalEnvSpec, config: HERConfig, pi: Layers, Q: Layers, stats: Mapping[str, tuple]):
        """`stats` holds (mean [size], std [size]) under 'o' and under 'g'."""
        self.spec, self.config = spec, config
        self._pi, self._Q, self._stats = pi, Q, stats

    @classmethod
    def load(cls, path: str) -> "Policy":
        """The policy that a run saved in folder `path` (or in its `latest`). Raises UserError."""
        spec, config, arrays = read_policy(path)
        return cls.from_arrays(spec, config, arrays, "main")

    @classmethod
    def from_arrays(cls, spec, config, arrays: Mapping[str, np.ndarray], which: str) -> "Policy":
        """From an agent's state; `which` is 'main' or 'target'."""

        def layers(net):
            return [(arrays[f"{which}_{net}/{i}_kernel"], arrays[f"{which}_{net}/{i}_bias"]) for i in range(depth)]

        depth = config.layers + 1
        stats = {k: (arrays[f"{k}_stats/mean"], arrays[f"{k}_stats/std"]) for k in "og"}
        return cls(spec, config, layers("pi"), layers("Q"), stats)

    def act(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        """The action, without noise, for what a goal environment returned.

        `observation` has 'observation' [.., o], 'achieved_goal' [.., g], 'desired_goal' [.., g] (of one environment
        or of several); the action is [.., u], in [-max_u, max_u].
        """
        rows = [np.atleast_2d(observation[k]) for k in ("observation", "achieved_goal", "desired_goal")]
        action = self.pi(*self.inputs(*rows))
        return action.reshape(*np.shape(observation["observation"])[:-1], self.spec.action_size)

    def inputs(self, observation, achieved_goal, desired_goal) -> tuple[np.ndarray, np.ndarray]:
        """What the networks see, [N, o] and [N, g]: goals relative if so configured, clipped, normalised."""
        goal = self.config.goal_seen(achieved_goal, desired_goal)
        return self._normalize(observation, "o"), self._normalize(goal, "g")

    def pi(self, o: np.ndarray, g: np.ndarray) -> np.ndarray:
        """pi(o, g) [N, u] of normalised inputs."""
        return self.config.max_u * np.tanh(_forward(self._pi, np.concatenate([o, g], 1)))

    def Q(self, o: np.ndarray, g: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Q(o, g, u) [N, 1] of normalised inputs and an action in the environment's units."""
        return _forward(self._Q, np.concatenate([o, g, u / np.float32(self.config.max_u)], 1))

    def _normalize(self, x: np.ndarray, which: str) -> np.ndarray:
        mean, std = self._stats[which]
        x = np.clip(x, -self.config.clip_obs, self.config.clip_obs).astype(np.float32)
        return np.clip((x - mean) / std, -self.config.norm_clip, self.config.norm_clip)


def explore(action: np.ndarray, config: HERConfig, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise on actions [B, u], clipped, then some rows replaced by uniform ones (1802.09464, appendix A)."""
    max_u = config.max_u
    noisy = action + config.noise_eps * max_u * rng.standard_normal(action.shape)
    uniform = rng.uniform(-max_u, max_u, action.shape)
    replaced = rng.random((len(action), 1)) < config.random_eps  # [B, 1]: whole action vectors
    return np.where(replaced, uniform, np.clip(noisy, -max_u, max_u)).astype(np.float32)


def save_policy(path: str, spec: GoalEnvSpec, config: HERConfig, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an agent's state to folder `path`, whole or not at all."""
    document = {"format": FORMAT, "environment": spec._asdict(), "config": dataclasses.asdict(config)}
    policy_folder.write(path, document, arrays)


def read_policy(path: str) -> tuple[GoalEnvSpec, HERConfig, dict[str, np.ndarray]]:
    """What `save_policy` wrote to `path`, or to its `latest`. Raises UserError; executes nothing."""
    path = policy_folder.existing(path)
    if not os.path.isdir(path):
        raise UserError(f"no policy at {path}: there is no such folder")
    if not os.path.exists(os.path.join(path, "config.json")):
        path = policy_folder.existing(os.path.join(path, "latest"))
    document = policy_folder.read_document(path)
    try:
        if document["format"] != FORMAT:
            raise ValueError(f"expected format '{FORMAT}', got '{document['format']}'")
        spec = _as_spec(document["environment"])
        config = HERConfig(**document["config"])
    except (KeyError, TypeError, ValueError, UserError) as error:
        raise UserError(f"{path} holds no policy of HER: its config.json lacks or spoils {error}") from None
    arrays = policy_folder.read_arrays(path, _expected_arrays(spec, config))
    for name, array in arrays.items():
        if name.endswith(("/std", "/count")) and not (array > 0).all():
            raise UserError(f"{path} holds no policy of HER: {name} is not positive")
    return spec, config, arrays


def _as_spec(document: Mapping) -> GoalEnvSpec:
    spec = GoalEnvSpec(**document)
    if not isinstance(spec.env_id, str) or not spec.env_id:
        raise ValueError(f"environment.env_id: expected a name, got {spec.env_id!r}")
    for name, value in spec._asdict().items():
        if name != "env_id" and (type(value) is not int or not 0 < value < 10**6):
            raise ValueError(f"environment.{name}: expected a whole number of at least 1, got {value!r}")
    return spec


def _expected_arrays(spec: GoalEnvSpec, config: HERConfig) -> dict[str, tuple[tuple[int, ...], type]]:
    inputs = spec.observation_size + spec.goal_size
    nets = {"pi": (inputs, spec.action_size), "Q": (inputs + spec.action_size, 1)}
    expected: dict[str, tuple[tuple[int, ...], type]] = {}
    for net, (first, last) in nets.items():
        sizes = [first, *[config.hidden] * config.layers, last]
        for i, (fan_in, fan_out) in enumerate(zip(sizes, sizes[1:])):
            for which in ("main", "target"):
                expected[f"{which}_{net}/{i}_kernel"] = (fan_in, fan_out), np.float32
                expected[f"{which}_{net}/{i}_bias"] = (fan_out,), np.float32
    for stats, size in (("o_stats", spec.observation_size), ("g_stats", spec.goal_size)):
        expected |= {f"{stats}/{k}": ((size,), np.float64) for k in ("sum", "sumsq")}
        expected |= {f"{stats}/{k}": ((size,), np.float32) for k in ("mean", "std")}
        expected[f"{stats}/count"] = (1,), np.float64
    return expected


def _forward(layers: Layers, x: np.ndarray) -> np.ndarray:
    for kernel, bias in layers[:-1]:
        x = np.maximum(x @ kernel + bias, 0)
    kernel, bias = layers[-1]
    return x @ kernel + bias
