"""Trained policies: what they can do, and their folders. No TensorFlow."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

import baselines
from baselines.common.errors import UserError
from baselines.common.specs import EnvSpec
from baselines.common.storage import policy_folder

# One observation or N of them: entries [.., size] of a dictionary, or a plain vector.
ObservationLike = Mapping[str, Any] | np.ndarray

FORMAT = "baselines policy 2"


class Policy(Protocol):
    """What acts."""

    @property
    def spec(self) -> EnvSpec:
        """The environment that it was trained on."""

    def act(self, observation: ObservationLike) -> np.ndarray:
        """The action [u] for one observation, or [N, u] for N of them; whole numbers where actions are discrete."""

    def document(self) -> dict[str, Any]:
        """What `load_policy` of the algorithm needs beside the arrays, as JSON; "alg" names the algorithm."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that training needs to begin from this policy."""


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


def save_policy(path: str, policy: Policy) -> None:
    """Write folder `path`, whole or not at all, in place of an earlier policy there. Raises OSError."""
    document = {"format": FORMAT, "version": baselines.__version__, **policy.document()}
    policy_folder.write(path, document, policy.arrays())
