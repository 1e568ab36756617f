"""Arguments that an environment is made with, beside its name."""

import contextlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from baselines.common.cli import literal
from baselines.common.errors import UserError


class EnvArguments(NamedTuple):
    """Arguments as the user gave them."""

    kwargs: Mapping[str, Any] = {}
    max_episode_steps: int | None = None
    reward_info: tuple[str, ...] = ()  # entries of a step's info that compute_reward reads

    def for_make(self) -> dict[str, Any]:
        """Return keyword arguments of `gymnasium.make`."""
        limit = {} if self.max_episode_steps is None else {"max_episode_steps": self.max_episode_steps}
        return {**self.kwargs, **limit}

    def text(self) -> str:
        """Return kwargs as a policy remembers them, empty for what is not a literal."""
        with contextlib.suppress(UserError):
            return as_text(self.kwargs) if self.kwargs else ""
        return ""


NONE = EnvArguments()


def parse_arguments(text: str | None, max_episode_steps: int | None, reward_info: str | None = None) -> EnvArguments:
    """Parse --env_kwargs, a dictionary or NAME=VALUE,NAME=VALUE, and --reward_info, KEY,KEY. Raises UserError."""
    kwargs, expected = literal(text or "{}"), f"--env_kwargs={text}: expected NAME=VALUE,NAME=VALUE"
    if not isinstance(kwargs, dict):
        kwargs = {}
        for part in re.split(r",(?=\s*\w+\s*=)", str(text)):  # a comma within a value has no NAME= after it
            name, _, word = (side.strip() for side in part.partition("="))
            value = literal({"true": "True", "false": "False", "none": "None"}.get(word.lower(), word))
            if not word or (value == word and ("," in word or word[0] in "'\"[({")):
                raise UserError(f"{expected} or a dictionary, cannot read {word!r}")
            if name in kwargs:
                raise UserError(f"{expected}, got the name {name!r} twice")
            kwargs[name] = value
    if wrong := [name for name in kwargs if not isinstance(name, str) or not name.isidentifier()]:
        raise UserError(f"{expected}, got the name {wrong[0]!r}")
    keys = tuple(key.strip() for key in (reward_info or "").split(",") if key.strip())
    return EnvArguments(kwargs, max_episode_steps, keys)


def recorded_arguments(text: str) -> dict[str, Any]:
    """Parse the env_kwargs that a policy file records. Raises UserError for text that could name a file."""
    kwargs = dict(parse_arguments(text, None).kwargs)
    if not _is_plain(kwargs):
        raise UserError(
            f"the policy was trained with --env_kwargs={text}, which may name files: if you trust the policy, give the "
            "same --env_kwargs"
        )
    return kwargs


def _is_plain(value: Any) -> bool:
    if isinstance(value, (dict, list, tuple)):
        return all(map(_is_plain, [*value, *(value.values() if isinstance(value, dict) else ())]))
    return value is None or isinstance(value, (bool, int, float)) or bool(re.fullmatch(r"[\w-]{0,100}", str(value)))


def as_text(kwargs: Mapping[str, Any]) -> str:
    """Return --env_kwargs for a dictionary. Raises UserError for values that are not literals."""
    kwargs = {name: value.item() if isinstance(value, np.generic) else value for name, value in kwargs.items()}
    text = repr(kwargs)
    if literal(text) != kwargs:
        raise UserError(
            f"env_kwargs: expected numbers, words, and lists or dictionaries of them, got {text}; with other "
            "arguments, make the environment yourself and pass it as env"
        )
    return text
