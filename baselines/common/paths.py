"""Paths that users give, as text or as pathlib's."""

import os

from baselines.common.errors import UserError

Path = str | os.PathLike[str]


def as_path(name: str, value: object) -> str:
    """Return a path as text, with ~ expanded. Raises UserError for anything else; `name` is that of the argument."""
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(path, str) or not path or "\0" in path:
        got = "an empty word" if path == "" else f"{value!r:.80}"
        raise UserError(f"{name}: expected a file or folder, got {got}")
    return os.path.expanduser(path)
