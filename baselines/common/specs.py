"""Environment specs: sizes, bounds of actions and time limit, for algorithms, policies and files."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from baselines.common.errors import UserError

# The entries of a goal environment's observation (Gymnasium's GoalEnv).
GOAL_KEYS = ("observation", "achieved_goal", "desired_goal")
UNNAMED = "unnamed"  # the id of an environment that the user made without gymnasium.make
_ACTION_TYPES = ("float16", "float32", "float64", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)))


@dataclass(frozen=True)
class Actions:
    """Bounds [u] and type of an environment's actions in its own units; algorithms act in [-1, 1].

    Without bounds the environment's actions are in [-1, 1] too.
    """

    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    type: str = "float32"

    def bounds(self, size: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return low and high of all `size` coordinates."""
        return self.low or (-1.0,) * size, self.high or (1.0,) * size

    def describe(self, size: int) -> str:
        """Return human-readable bounds: "-1..1", or several where coordinates differ."""
        low, high = self.bounds(size)
        return ", ".join(f"{a:g}..{b:g}" for a, b in dict.fromkeys(zip(low, high, strict=True)))

    def to_env(self, action: np.ndarray) -> np.ndarray:
        """Convert actions [.., u] in [-1, 1] to the environment's units and type, within its bounds."""
        if not self.low:
            return action
        low, high = np.array(self.low, np.float64), np.array(self.high, np.float64)
        scaled = np.clip(low + (np.asarray(action, np.float64) + 1) * ((high - low) / 2), low, high)
        if np.issubdtype(self.type, np.integer):
            scaled = np.rint(scaled)
        kind = np.dtype(self.type).type
        # Clipped again: rounding to the type may exceed a bound.
        bounded: np.ndarray = np.clip(scaled.astype(kind), low.astype(kind), high.astype(kind))
        return bounded

    def from_env(self, action: np.ndarray) -> np.ndarray:
        """Convert the environment's actions to [-1, 1], float32; 0 in coordinates whose bounds are equal."""
        if not self.low:
            return action
        low, width = np.array(self.low, np.float64), np.subtract(self.high, self.low, dtype=np.float64)
        unit = 2 * (np.asarray(action, np.float64) - low) / np.where(width > 0, width, 1) - 1
        scaled: np.ndarray = np.where(width > 0, unit, 0).astype(np.float32)
        return scaled

    def fit(self, size: int) -> bool:
        """Return True for bounds of `size` coordinates, or none, and a type that actions can have."""
        bounds = list(zip(self.low, self.high, strict=True))
        sound = len(bounds) in (0, size) and all(-1e300 < low <= high < 1e300 for low, high in bounds)
        return sound and self.type in _ACTION_TYPES


@dataclass(frozen=True)
class EnvSpec:
    """Sizes of an environment; a plain vector is the entry "observation"."""

    env_id: str
    observation_sizes: Mapping[str, int]  # of each entry; all entries are vectors
    action_size: int  # coordinates; where `discrete`, the number of actions
    horizon: int = 0  # T, the most steps of an episode; 0: no time limit
    discrete: bool = False
    has_reward_function: bool = False  # compute_reward(achieved_goal, desired_goal, info)
    actions: Actions = Actions()
    env_kwargs: str = ""  # the arguments it was made with, in the syntax of --env_kwargs
    left_out: str = ""  # what else it was made with, such as wrappers: these are not made again from a name
    layouts: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # of entries that it shows otherwise

    def __post_init__(self) -> None:
        """Raise UserError for what no algorithm can use, so that everything that is written can be read again."""
        sizes, where = {**self.observation_sizes, "action": self.action_size}, f"environment '{self.env_id}'"
        for name, size in sizes.items():
            if not (type(size) is int and 0 < size < 10**6):
                raise UserError(f"{where}: expected 1 to 999999 numbers in '{name}', got {size!r}")
        if not (type(self.horizon) is int and 0 <= self.horizon < 1 << 63 and len(sizes) > 1):
            shown = f"{dict(self.observation_sizes)!r} and {self.horizon!r}"
            raise UserError(f"{where}: expected observations and a time limit in whole steps, got {shown}")
        for name, layout in self.layouts.items():
            if layout_size(layout) != self.observation_sizes.get(name):
                raise UserError(f"{where}: expected a layout of '{name}', got {layout!r:.60}")
        if not self.actions.fit(self.action_size):
            raise UserError(f"{where}: expected bounds of {self.action_size} actions, got {self.actions}")
        names, flags = (self.env_id, self.env_kwargs, self.left_out), (self.discrete, self.has_reward_function)
        if not (self.env_id and all(isinstance(x, str) for x in names) and all(isinstance(x, bool) for x in flags)):
            raise UserError(f"{where}: expected a name and flags, got {self.document()!r}")

    @property
    def has_goals(self) -> bool:
        """Return True for observations with both goals."""
        return set(GOAL_KEYS) <= self.observation_sizes.keys()

    @property
    def observation_size(self) -> int:
        """Return the size of the entry "observation"; 0 where there is no such entry."""
        return self.observation_sizes.get("observation", 0)

    @property
    def goal_size(self) -> int:
        """Return the size of a goal; 0 in environments without goals."""
        return self.observation_sizes["desired_goal"] if self.has_goals else 0

    @property
    def sizes(self) -> dict[str, int]:
        """Return all sizes that a policy depends on; both goals of a goal environment have the same size."""
        sizes = dict(self.observation_sizes)
        if self.has_goals:
            del sizes["achieved_goal"]
            sizes["goal"] = sizes.pop("desired_goal")
        return {**sizes, "actions" if self.discrete else "action": self.action_size}

    def document(self) -> dict[str, Any]:
        """Return JSON, which `from_document` reads."""
        return dataclasses.asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "EnvSpec":
        """Read what `document` wrote. Raises UserError."""
        try:
            bounds = {name: tuple(document["actions"][name]) for name in ("low", "high")}
            return cls(**{**document, "actions": Actions(**{**document["actions"], **bounds})})
        except (TypeError, ValueError, AttributeError, KeyError, RecursionError) as error:
            raise UserError(f"environment: {error}") from None


def without_version(env_id: str) -> str:
    """Return the environment's name without its module and version."""
    return re.sub(r"-v\d+$", "", env_id.rpartition(":")[2])


def task_of(env_id: str) -> str:
    """Return the name without module, version and Dense; environments of one task share policies and demonstrations."""
    return without_version(env_id).removesuffix("Dense")


def other_task(what: str, trained_on: EnvSpec, env: EnvSpec) -> list[str]:
    """Return a warning where `what` was trained on another task, or with other arguments: equal sizes would hide it."""
    ids = trained_on.env_id, env.env_id
    if UNNAMED in ids:
        return []
    if task_of(ids[0]) != task_of(ids[1]):
        return [f"warning: {what} was trained on {ids[0]}, not on {ids[1]}, which has the same sizes"]
    theirs, ours = (" and ".join(filter(None, (spec.env_kwargs, spec.left_out))) for spec in (trained_on, env))
    difference = f"was trained on {ids[0]} with {theirs or 'no arguments'}, not with {ours or 'none'}"
    return [f"warning: {what} {difference}"] if theirs != ours else []


def check_same_sizes(what: str, trained_on: EnvSpec, env: EnvSpec) -> None:
    """Raise UserError with the sizes that differ, if `what` cannot act in `env`.

    A goal environment may show other entries too: nobody reads them.
    """
    sizes = {k: (trained_on.sizes.get(k, "none"), env.sizes.get(k, "none")) for k in {**trained_on.sizes, **env.sizes}}
    if trained_on.has_goals and env.has_goals:
        sizes = {k: both for k, both in sizes.items() if k in trained_on.sizes}
    differences = [f"{k} size {theirs}, not {ours}" for k, (theirs, ours) in sizes.items() if theirs != ours]
    if not differences and not trained_on.discrete and trained_on.actions != env.actions:
        theirs, ours = (spec.actions.describe(spec.action_size) for spec in (trained_on, env))
        differences = [f"actions in {theirs}, not in {ours}"]
    if differences:
        raise UserError(f"{what}, trained on {trained_on.env_id}, does not fit {env.env_id}: {'; '.join(differences)}")


# A layout says, as JSON, how an environment shows what algorithms see as a vector: n for a vector of n numbers or bits,
# null for a single number, [n, first] for one of n whole numbers (which is n numbers of the vector, one of them 1),
# [[n, first], ...] for several, and {name: layout, ...} for a dictionary.


def layout_size(layout: Any) -> int:
    """Return the size of the vector for a layout. Raises TypeError for what is none."""
    if isinstance(layout, dict):
        return sum(map(layout_size, layout.values()))
    if isinstance(layout, list) and layout and isinstance(layout[0], list):
        return sum(map(layout_size, layout))
    size, first = layout if isinstance(layout, list) else (1 if layout is None else layout, 0)
    if not (type(size) is type(first) is int and 0 < size < 10**6 and abs(first) < 1 << 53):
        raise TypeError(f"expected the layout of an observation, got {layout!r:.60}")
    return size


def as_vector(layout: Any, value: Any) -> np.ndarray:
    """Return the vectors [..., size] for what an environment shows, one or several at once; vectors stay.

    Raises ValueError for what does not fit the layout.
    """
    if isinstance(layout, dict) and isinstance(value, Mapping):
        if missing := layout.keys() - value.keys():
            raise ValueError(f"'{min(missing)}' is missing")
        return np.concatenate([as_vector(part, value[name]) for name, part in layout.items()], -1)
    array, size = np.asarray(value), layout_size(layout)
    if layout is None and array.shape[-1:] != (1,):
        return array[..., None]
    if isinstance(layout, list) and (array.dtype.kind in "iu" or array.ndim == 0):  # vectors of these are floats
        if not isinstance(layout[0], list):
            first = layout[1]
            places = array[..., None] == np.arange(first, first + size)
            if not places.any(-1).all():
                raise ValueError(f"expected whole numbers from {first} to {first + size - 1}")
            vector: np.ndarray = places.astype(np.float32)
            return vector
        if array.shape[-1:] == (len(layout),):
            return np.concatenate([as_vector(part, array[..., i]) for i, part in enumerate(layout)], -1)
    if array.shape[-1:] != (size,):
        raise ValueError(f"expected {size} numbers")
    return array
