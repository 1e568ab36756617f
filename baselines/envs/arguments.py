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
    kwargs = literal(text or "{}")
    if not isinstance(kwargs, dict):
        parts = re.split(r",(?=\s*\w+\s*=)", str(text))  # a comma within a value has no NAME= after it
        pairs = [part.partition("=") for part in parts]
        kwargs = {name.strip(): _value(value.strip(), str(text)) for name, _, value in pairs}
        if len(kwargs) < len(parts):
            raise UserError(f"--env_kwargs={text}: a name is given twice")
    if wrong := [name for name in kwargs if not isinstance(name, str) or not name.isidentifier()]:
        raise UserError(f"--env_kwargs={text}: expected NAME=VALUE,NAME=VALUE, got the name {wrong[0]!r}")
    return EnvArguments(kwargs, max_episode_steps, parse_keys(reward_info))


def parse_keys(text: str | None) -> tuple[str, ...]:
    """Parse --reward_info."""
    return tuple(key.strip() for key in (text or "").split(",") if key.strip())


def _value(word: str, text: str) -> Any:
    value = literal({"true": "True", "false": "False", "none": "None"}.get(word.lower(), word))
    if not word or (value == word and ("," in word or word[0] in "'\"[({")):
        raise UserError(f"--env_kwargs={text}: expected NAME=VALUE,NAME=VALUE or a dictionary, cannot read {word!r}")
    return value


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
