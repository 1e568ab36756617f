"""What an environment is made with beside its name."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from baselines.common.cli import literal
from baselines.common.errors import UserError


class EnvArguments(NamedTuple):
    """What `gymnasium.make` gets: only what the user gave."""

    kwargs: Mapping[str, Any] = {}
    max_episode_steps: int | None = None

    def given(self) -> dict[str, Any]:
        limit = {} if self.max_episode_steps is None else {"max_episode_steps": self.max_episode_steps}
        return {**self.kwargs, **limit}


NONE = EnvArguments()


def parse_arguments(text: str | None, max_episode_steps: int | None) -> EnvArguments:
    """Of `--env_kwargs`: NAME=VALUE,NAME=VALUE, or a dictionary; values are literals, or words. Raises UserError."""
    if not text:
        return EnvArguments({}, max_episode_steps)
    kwargs = literal(text)
    if not isinstance(kwargs, dict):
        pairs = [part.partition("=") for part in _parts(text)]
        kwargs = {name.strip(): _value(value.strip()) for name, equals, value in pairs if equals}
        if len(kwargs) < len(pairs) and len({name.strip() for name, *_ in pairs}) < len(pairs):
            raise UserError(f"--env_kwargs={text}: a name is given twice")
        if len(kwargs) < len(pairs):
            raise UserError(f"--env_kwargs={text}: expected NAME=VALUE, or several with commas between them")
    if odd := [name for name in kwargs if not isinstance(name, str) or not name.isidentifier()]:
        raise UserError(f"--env_kwargs={text}: expected the names of arguments, got {odd[0]!r}")
    return EnvArguments(kwargs, max_episode_steps)


def recorded_arguments(text: str) -> dict[str, Any]:
    """What a policy's folder says of them: numbers and plain words. Raises UserError for what could name a file."""
    kwargs = parse_arguments(text, None).kwargs
    if not _is_plain(dict(kwargs)):
        raise UserError(
            f"the policy was trained with --env_kwargs={text}, which may name files: if you trust its folder, give the "
            "same --env_kwargs"
        )
    return dict(kwargs)


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_plain, [*value, *value.values()]))
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float)) or bool(re.fullmatch(r"[\w-]{0,100}", str(value)))


def as_text(kwargs: Mapping[str, Any]) -> str:
    """What `parse_arguments` reads. Raises UserError for values that are no literals."""
    kwargs = {name: value.item() if isinstance(value, np.generic) else value for name, value in kwargs.items()}
    text = repr(kwargs)
    if literal(text) != kwargs:
        raise UserError(
            f"env_kwargs: expected numbers, words, and lists or dictionaries of them, got {text}; with other "
            "arguments, make the environment yourself and pass it as env"
        )
    return text


def _parts(text: str) -> list[str]:
    """Between commas, but for those within brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if letter in "'\"" and quote in ("", letter):
            quote = "" if quote else letter
        if not quote:
            depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0 and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    if depth or quote:
        raise UserError(f"--env_kwargs={text}: expected every bracket and quote closed")
    return parts


def _value(text: str) -> Any:
    return literal({"true": "True", "false": "False", "none": "None"}.get(text.lower(), text))
