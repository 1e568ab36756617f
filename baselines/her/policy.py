"""A trained policy in NumPy: what acts during rollouts, and all that a robot needs. No TensorFlow."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from baselines.common.errors import UserError
from baselines.common.settings import from_document, names_of
from baselines.common.specs import Actions, EnvSpec
from baselines.her.experiment.config import HERConfig
from baselines.her.types import GoalEnvSpec
from baselines.policies.exporting.graph import Graph, GraphBuilder
from baselines.policies.numpy_networks import Layers, check_arrays, forward
from baselines.policies.policy import ObservationLike, checked_entries
from baselines.runs.algorithms import read_policy

_NO_LONGER_SETTINGS = ("policy_save_interval",)  # in the documents of version 0.1.0


def acting(config: HERConfig) -> str:
    """Which networks are evaluated, saved and played: 'main', 'target' or 'average'."""
    if config.average_actor:
        return "average"
    return "target" if config.test_with_polyak else "main"


def networks_of(which: str) -> tuple[str, str]:
    """The names of actor and critic; an averaged actor is judged by the main critic."""
    return f"{which}_pi", "main_Q" if which == "average" else f"{which}_Q"


def acting_groups(which: str) -> tuple[str, ...]:
    """The names of all that acting needs where `which` networks act."""
    return *networks_of(which), "o_stats", "g_stats"


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

    @classmethod
    def load(cls, path: str) -> "Policy":
        """As `baselines.load_policy`, of HER's policies alone. Raises UserError."""
        policy = read_policy(path)
        if not isinstance(policy, cls):
            raise UserError(f"{path} holds a policy of --alg={policy.document()['alg']}, not of HER")
        return policy

    @property
    def spec(self) -> EnvSpec:
        """The environment that it was trained on."""
        return self.sizes.env_spec()

    @property
    def complete(self) -> bool:
        """Whether training can begin from it: it has all networks, not only what acts."""
        return self._arrays.keys() == expected_arrays(self.sizes, self.config).keys()

    def acting_part(self) -> "Policy":
        """The configured actor and what judges it, without what acting does not need: less than half the room."""
        return Policy(self.sizes, self.config, {k: self._arrays[k] for k in acting_arrays(self.sizes, self.config)})

    def act(self, observation: ObservationLike) -> np.ndarray:
        """The action, without noise, for what a goal environment returned.

        `observation` has 'observation' [.., o], 'achieved_goal' [.., g], 'desired_goal' [.., g] (of one environment
        or of several); the action is [.., u], in the environment's own units.
        """
        entries = checked_entries(observation, self.spec.observation_sizes)
        rows = [entry.reshape(-1, entry.shape[-1]) for entry in entries.values()]
        action = self.sizes.actions.to_env(self.pi(*self.inputs(*rows)))
        return action.reshape(*entries["observation"].shape[:-1], self.sizes.action_size)

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

    def graph(self) -> Graph:
        """What `act` computes."""
        g = GraphBuilder(self.spec)
        seen = {"o": g.input("observation"), "g": g.input("desired_goal")}
        if self.config.relative_goals:
            seen["g"] = g.step("relative_goal", "subtract", seen["g"], g.input("achieved_goal"))
        for k, x in seen.items():
            x = g.step(f"{k}_clipped", "clip", x, -self.config.clip_obs, self.config.clip_obs)
            x = g.normalize(k, x, *self._stats[k])
            seen[k] = g.step(f"{k}_seen", "clip", x, -self.config.norm_clip, self.config.norm_clip)
        output = g.network("pi", g.step("x", "concat", *seen.values()), self._pi, "relu")
        return g.end(g.step("unit", "multiply", g.step("squashed", "tanh", output), self.config.max_u))

    def document(self) -> dict[str, Any]:
        """Sizes and settings, but for files of this machine, as JSON."""
        files = names_of(HERConfig, path=True)
        config = {name: value for name, value in self.config.document().items() if name not in files}
        sizes = {**self.sizes._asdict(), "actions": self.sizes.actions.document()}
        return {"alg": "her", "environment": sizes, "config": config}

    def arrays(self) -> dict[str, np.ndarray]:
        """The agent's networks, targets and normalizers; or what acts of them (`acting_part`)."""
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
    acting_alone = acting_arrays(sizes, config)
    check_arrays(arrays, acting_alone if arrays.keys() == acting_alone.keys() else expected_arrays(sizes, config))
    for name, array in arrays.items():
        if name.endswith(("/std", "/count")) and not (array > 0).all():
            raise UserError(f"array '{name}' is not positive")
    return Policy(sizes, config, arrays)


def _sizes_of(document: Any) -> GoalEnvSpec:
    try:
        sizes = GoalEnvSpec(**document)
    except TypeError as error:
        raise UserError(f"environment: {error}") from None
    if "actions" in document:  # which policies of version 0.3.0 have not
        sizes = sizes._replace(actions=Actions.from_document(document["actions"], sizes.action_size))
    if not isinstance(sizes.env_id, str) or not sizes.env_id:
        raise UserError(f"environment.env_id: expected a name, got {sizes.env_id!r}")
    if not isinstance(sizes.env_kwargs, str):
        raise UserError(f"environment.env_kwargs: expected text, got {sizes.env_kwargs!r}")
    for name, value in sizes._asdict().items():
        if name not in ("env_id", "actions", "env_kwargs") and (type(value) is not int or not 0 < value < 10**6):
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


def acting_arrays(spec: GoalEnvSpec, config: HERConfig) -> dict[str, tuple[tuple[int, ...], type]]:
    """Of `expected_arrays` those that acting needs, and what judges the actions."""
    groups = acting_groups(acting(config))
    return {name: kind for name, kind in expected_arrays(spec, config).items() if name.partition("/")[0] in groups}
