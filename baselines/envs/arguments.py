"""Arguments that an environment is made with, beside its name."""

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


NONE = EnvArguments()


def parse_arguments(text: str | None, max_episode_steps: int | None, reward_info: str | None = None) -> EnvArguments:
    """Parse --env_kwargs, a dictionary or NAME=VALUE,NAME=VALUE, and --reward_info, KEY,KEY. Raises UserError."""
    kwargs = literal(text or "{}")
    if not isinstance(kwargs, dict):
        parts = re.split(r",(?=\s*\w+\s*=)", str(text))  # a comma within a value has no NAME= after it
        pairs = [[word.strip() for word in part.split("=", 1)] for part in parts]
        if not all(len(pair) == 2 for pair in pairs):
            raise UserError(f"--env_kwargs={text}: expected NAME=VALUE, or several with commas between them")
        if len({name for name, _ in pairs}) < len(pairs):
            raise UserError(f"--env_kwargs={text}: a name is given twice")
        kwargs = {name: _value(value, str(text)) for name, value in pairs}
    if wrong := [name for name in kwargs if not isinstance(name, str) or not name.isidentifier()]:
        raise UserError(f"--env_kwargs={text}: expected the names of arguments, got {wrong[0]!r}")
    return EnvArguments(kwargs, max_episode_steps, parse_keys(reward_info))


def parse_keys(text: str | None) -> tuple[str, ...]:
    """Parse --reward_info."""
    return tuple(key.strip() for key in (text or "").split(",") if key.strip())


def _value(word: str, text: str) -> Any:
    value = literal({"true": "True", "false": "False", "none": "None"}.get(word.lower(), word))
    if value == word and ("," in word or word[:1] in tuple("'\"[({")):
        raise UserError(f"--env_kwargs={text}: cannot read {word}; a dictionary works: {{'name': 'value'}}")
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
