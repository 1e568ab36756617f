"""What an algorithm, a policy and a file need to know of an environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from baselines.common.errors import UserError

# The entries of a goal environment's observation (Gymnasium's GoalEnv).
GOAL_KEYS = ("observation", "achieved_goal", "desired_goal")


@dataclass(frozen=True)
class EnvSpec:
    """Sizes of an environment; `{"observation": o}` stands for a plain vector."""

    env_id: str
    observation_sizes: Mapping[str, int]  # of each entry, all of them vectors
    action_size: int  # coordinates, each in [-1, 1]; where `discrete`, the number of actions
    horizon: int = 0  # T, the most steps of an episode; 0: there is no time limit
    discrete: bool = False
    has_reward_function: bool = False  # compute_reward(achieved_goal, desired_goal, info)

    @property
    def has_goals(self) -> bool:
        return set(GOAL_KEYS) <= self.observation_sizes.keys()

    @property
    def sizes(self) -> dict[str, int]:
        """What a policy's networks depend on; both goals of a goal environment have one size."""
        sizes = {"goal" if k == "desired_goal" else k: n for k, n in self.observation_sizes.items()}
        if self.has_goals:
            del sizes["achieved_goal"]
        return {**sizes, "actions" if self.discrete else "action": self.action_size}

    def document(self) -> dict[str, Any]:
        """As JSON; `from_document` reads it."""
        return {**vars(self), "observation_sizes": dict(self.observation_sizes)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "EnvSpec":
        """Raises UserError for what `document` cannot have given."""
        try:
            spec = cls(**document)
            whole = [*spec.observation_sizes.values(), spec.action_size, spec.horizon]
            named = isinstance(spec.env_id, str) and spec.env_id and all(isinstance(k, str) for k in spec.sizes)
        except (TypeError, AttributeError) as error:
            raise UserError(f"environment: {error}") from None
        flags = spec.discrete, spec.has_reward_function
        if not named or not all(type(flag) is bool for flag in flags) or not spec.observation_sizes:
            raise UserError(f"environment: expected names, sizes and flags, got {dict(document)!r}")
        if not all(type(n) is int and 0 <= n < 10**6 for n in whole) or 0 in whole[:-1]:
            raise UserError(f"environment: expected sizes of at least 1, got {whole}")
        return spec


def task_of(env_id: str) -> str:
    """The name without module, version and Dense: such environments share policies and demonstrations."""
    return re.sub(r"(Dense)?-v\d+$", "", env_id.rpartition(":")[2])


def check_same_sizes(what: str, trained_on: EnvSpec, env: EnvSpec) -> None:
    """Raise UserError, with the sizes that differ, where what was trained on one cannot act in the other."""
    theirs, ours = trained_on.sizes, env.sizes
    different = [
        f"{k} {theirs.get(k, 'none')} against {ours.get(k, 'none')}"
        for k in {**theirs, **ours}
        if theirs.get(k) != ours.get(k)
    ]
    if different:
        raise UserError(f"{what}, trained on {trained_on.env_id}, does not fit {env.env_id}: {', '.join(different)}")
