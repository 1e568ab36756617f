"""Trained policies: what they can do, and their folders. No TensorFlow."""

import math
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

import baselines
from baselines.common.errors import UserError
from baselines.common.specs import EnvSpec
from baselines.storage import policy_folder

# One observation or N of them: entries [.., size] of a dictionary, or a plain vector.
ObservationLike = Mapping[str, Any] | np.ndarray

FORMAT = "baselines policy 2"


def checked_entries(observation: object, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """The entries of an observation, [.., size] each, of one environment or of as many as the first entry shows.

    For `act`, which is what people call. Raises UserError for entries that are missing, no numbers, of another size, or
    NaN or infinity: networks would answer all of these with some action.
    """
    if not isinstance(observation, Mapping):
        if list(sizes) != ["observation"]:
            names = ", ".join(sizes)
            raise UserError(f"expected an observation as a dictionary of {names}, got {type(observation).__name__}")
        observation = {"observation": observation}
    entries: dict[str, np.ndarray] = {}
    for key, size in sizes.items():
        if key not in observation:
            there = ", ".join(map(str, observation)) or "nothing"
            raise UserError(f"expected an observation with '{key}', got {there}")
        entry = _numbers(key, size, observation[key])
        front = next(iter(entries.values()), entry).shape[:-1]
        if entry.shape[:-1] != front and entry.size != size * math.prod(front):
            raise UserError(f"expected '{key}' of as many environments as the others, {[*front, size]}, "
                            f"got {list(entry.shape)}")  # fmt: skip
        entries[key] = entry.reshape(*front, size)
    return entries


def _numbers(key: str, size: int, given: object) -> np.ndarray:
    """An array [.., size] of finite numbers, as precise as it came."""
    try:
        entry = np.asarray(given)
    except Exception:  # lists of unequal lengths, and objects of other libraries, fail in ways of their own
        entry = np.array(None)
    if entry.dtype.kind not in "fiub":
        raise UserError(f"expected '{key}' to have {size} numbers, got {reprlib.repr(given)}")
    if entry.shape[-1:] != (size,):
        raise UserError(f"expected '{key}' to have {size} numbers, got {list(entry.shape)}")
    with np.errstate(over="ignore"):  # networks are float32
        finite = np.isfinite(entry.astype(np.float32))
    if not finite.all():
        place = [int(i) for i in np.argwhere(~finite)[0]]
        raise UserError(f"expected '{key}' to have finite numbers, got {entry[tuple(place)]} at {place}")
    return entry


class Policy(Protocol):
    """What acts."""

    @property
    def spec(self) -> EnvSpec:
        """The environment that it was trained on: its name, sizes, time limit and bounds of actions."""

    def act(self, observation: ObservationLike) -> np.ndarray:
        """The action [u] for one observation, or [N, u] for N of them; whole numbers where actions are discrete.

        The entries of an observation are [size] or [N, size]; actions are in the environment's own units, without
        noise. Raises UserError for entries that are missing, of another size, no numbers, or not finite.
        """

    def document(self) -> dict[str, Any]:
        """What `load_policy` of the algorithm needs beside the arrays, as JSON; "alg" names the algorithm."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that training needs to begin from this policy; or, of one with `complete` False, to act."""


class Agent(ABC):
    """What an algorithm's `learn` returns."""

    @abstractmethod
    def policy(self) -> Policy:
        """What it has learnt, as it is now; `policy().act(observation)` acts."""

    def save(self, path: str) -> None:
        """Write the policy to folder `path`, whole or not at all, in place of an earlier policy. Raises UserError."""
        try:
            save_policy(path, self.policy())
        except OSError as error:
            raise UserError(f"cannot save the policy to {path}: {error.strerror or error}") from None


def check_complete(policy: Policy) -> None:
    """Raise UserError for a policy from which training cannot begin."""
    if not getattr(policy, "complete", True):
        raise UserError(
            "--load_path: expected a policy with all networks, as --save_path keeps them, got what acts alone: it can "
            "be played (--num_timesteps=0 --play), evaluated and exported, but not trained on"
        )


def save_policy(path: str, policy: Policy) -> None:
    """Write folder `path`, whole or not at all, in place of an earlier policy there. Raises OSError."""
    document = {"format": FORMAT, "version": baselines.__version__, **policy.document()}
    policy_folder.write(path, document, policy.arrays())
