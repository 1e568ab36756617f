"""A trained policy in NumPy: what acts during rollouts, and all that a robot needs. No TensorFlow."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from baselines.common.errors import UserError
from baselines.common.numpy_networks import Layers, check_arrays, forward
from baselines.common.policies import ObservationLike
from baselines.common.settings import from_document, names_of
from baselines.common.specs import EnvSpec
from baselines.her.experiment.config import HERConfig
from baselines.her.types import GoalEnvSpec

_NO_LONGER_SETTINGS = ("policy_save_interval",)  # in the documents of version 0.1.0


def acting(config: HERConfig) -> str:
    """Which networks are evaluated, saved and played: 'main', 'target' or 'average'."""
    if config.average_actor:
        return "average"
    return "target" if config.test_with_polyak else "main"


def networks_of(which: str) -> tuple[str, str]:
    """The names of actor and critic; an averaged actor is judged by the main critic."""
    return f"{which}_pi", "main_Q" if which == "average" else f"{which}_Q"


class Policy:
    """pi(o, g) and Q(o, g, u) with the statistics that normalise their inputs."""

    def __init__(
        self, sizes: GoalEnvSpec, config: HERConfig, arrays: Mapping[str, np.ndarray], which: str | None = None
    ):
        """`arrays` are those of an agent, of which `which` networks act; None: as `config` says."""

        def layers(net: str) -> Layers:
            return [(arrays[f"{net}/{i}_kernel"], arrays[f"{net}/{i}_bias"]) for i in range(depth)]

        depth = config.layers + 1
        self.sizes, self.config, self._arrays = sizes, config, arrays
        self._pi, self._Q = map(layers, networks_of(which or acting(config)))
        self._stats = {k: (arrays[f"{k}_stats/mean"], arrays[f"{k}_stats/std"]) for k in "og"}

    @property
    def spec(self) -> EnvSpec:
        """The environment that it was trained on."""
        return self.sizes.env_spec()

    def act(self, observation: ObservationLike) -> np.ndarray:
        """The action, without noise, for what a goal environment returned.

        `observation` has 'observation' [.., o], 'achieved_goal' [.., g], 'desired_goal' [.., g] (of one environment
        or of several); the action is [.., u], in [-max_u, max_u].
        """
        if not isinstance(observation, Mapping):
            raise UserError(
                f"expected an observation with its goals, as a dictionary, got {type(observation).__name__}"
            )
        rows = [np.atleast_2d(observation[k]) for k in ("observation", "achieved_goal", "desired_goal")]
        action = self.pi(*self.inputs(*rows))
        return action.reshape(*np.shape(observation["observation"])[:-1], self.sizes.action_size)

    def inputs(
        self, observation: np.ndarray, achieved_goal: np.ndarray, desired_goal: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """What the networks see, [N, o] and [N, g]: goals relative if so configured, clipped, normalised."""
        goal = self.config.goal_seen(achieved_goal, desired_goal)
        return self._normalize(observation, "o"), self._normalize(goal, "g")

    def pi(self, o: np.ndarray, g: np.ndarray) -> np.ndarray:
        """pi(o, g) [N, u] of normalised inputs."""
        action: np.ndarray = self.config.max_u * np.tanh(forward(self._pi, np.concatenate([o, g], 1)))
        return action

    def Q(self, o: np.ndarray, g: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Q(o, g, u) [N, 1] of normalised inputs and an action in [-max_u, max_u]."""
        return forward(self._Q, np.concatenate([o, g, u / np.float32(self.config.max_u)], 1))

    def document(self) -> dict[str, Any]:
        """Sizes and settings, but for files of this machine, as JSON."""
        files = names_of(HERConfig, path=True)
        config = {name: value for name, value in self.config.document().items() if name not in files}
        return {"alg": "her", "environment": self.sizes._asdict(), "config": config}

    def arrays(self) -> dict[str, np.ndarray]:
        """The agent's networks, targets and normalizers."""
        return dict(self._arrays)

    def _normalize(self, x: np.ndarray, which: str) -> np.ndarray:
        mean, std = self._stats[which]
        x = np.clip(x, -self.config.clip_obs, self.config.clip_obs).astype(np.float32)
        normalized: np.ndarray = np.clip((x - mean) / std, -self.config.norm_clip, self.config.norm_clip)
        return normalized


def load_policy(document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Policy:
    """What `Policy.document` and `Policy.arrays` gave, of this version or of 0.1.0. Raises UserError."""
    if document.get("alg") != "her":
        raise UserError(f"expected a policy of --alg=her, got one of --alg={document.get('alg')}")
    sizes, settings = _sizes_of(document.get("environment")), document.get("config", {})
    if isinstance(settings, Mapping):
        settings = {name: value for name, value in settings.items() if name not in _NO_LONGER_SETTINGS}
    config: HERConfig = from_document(HERConfig, settings)
    check_arrays(arrays, expected_arrays(sizes, config))
    for name, array in arrays.items():
        if name.endswith(("/std", "/count")) and not (array > 0).all():
            raise UserError(f"array '{name}' is not positive")
    return Policy(sizes, config, arrays)


def _sizes_of(document: Any) -> GoalEnvSpec:
    try:
        sizes = GoalEnvSpec(**document)
    except TypeError as error:
        raise UserError(f"environment: {error}") from None
    if not isinstance(sizes.env_id, str) or not sizes.env_id:
        raise UserError(f"environment.env_id: expected a name, got {sizes.env_id!r}")
    for name, value in sizes._asdict().items():
        if name != "env_id" and (type(value) is not int or not 0 < value < 10**6):
            raise UserError(f"environment.{name}: expected a whole number of at least 1, got {value!r}")
    return sizes


def expected_arrays(spec: GoalEnvSpec, config: HERConfig) -> dict[str, tuple[tuple[int, ...], type]]:
    """Shape and type of each array of an agent."""
    inputs = spec.observation_size + spec.goal_size
    nets = {"pi": (inputs, spec.action_size), "Q": (inputs + spec.action_size, 1)}
    expected: dict[str, tuple[tuple[int, ...], type]] = {}
    for net, (first, last) in nets.items():
        sizes = [first, *[config.hidden] * config.layers, last]
        for i, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            for which in ("main", "target", "average")[: 3 if net == "pi" and config.average_actor else 2]:
                expected[f"{which}_{net}/{i}_kernel"] = (fan_in, fan_out), np.float32
                expected[f"{which}_{net}/{i}_bias"] = (fan_out,), np.float32
    for stats, size in (("o_stats", spec.observation_size), ("g_stats", spec.goal_size)):
        expected |= {f"{stats}/{k}": ((size,), np.float64) for k in ("sum", "sumsq")}
        expected |= {f"{stats}/{k}": ((size,), np.float32) for k in ("mean", "std")}
        expected[f"{stats}/count"] = (1,), np.float64
    return expected
