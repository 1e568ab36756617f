"""Command lines: words to settings, --help, and errors as one line and an exit code."""

import ast
import contextlib
import os
import sys
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from baselines.common.errors import Interrupted, TrainingError, UserError, one_line
from baselines.common.old_names import hint
from baselines.common.settings import Settings, check_known, describe, names_of

NEEDS_POLICY = {"load_path": "--load_path=PATH: give a policy, or a folder with latest.safetensors"}
_LONGEST_VALUE = 1000
S = TypeVar("S", bound=Settings)


def parse(words: Sequence[str], options: type[Settings]) -> tuple[dict[str, Any], dict[str, object], bool]:
    """Return the values of fields of `options`, those of all other flags, and True if help is asked for.

    Values are literals, which are never evaluated; values of words and paths are text. Flags of `options` that are True
    or False need no value. `--log-path` means `--log_path`. Raises UserError.
    """
    kinds = {name: typing.get_args(kind) or (kind,) for name, kind in typing.get_type_hints(options).items()}
    given: dict[str, Any] = {}
    settings: dict[str, object] = {}
    left = [word for word in words if word not in ("--help", "-h")]
    wants_help = len(left) < len(words)
    while left:
        word = left.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        name = name.replace("-", "_")
        if not word.startswith("--") or not name.isidentifier():
            is_policy = "load_path" in kinds and os.path.exists(word)
            policy = f"; give a policy as --load_path={word}" if is_policy else ""
            raise UserError(f"expected --flag=value, got '{word}'{policy} (--help lists all)")
        if bool in kinds.get(name, ()) and not equals:
            value = "True"
        elif not equals:
            if not left or left[0].startswith("--"):
                raise UserError(f"--{name} needs a value{hint(name, kinds) if name not in kinds else ''}")
            value = left.pop(0)
        if len(value) > _LONGEST_VALUE:
            raise UserError(f"--{name}: a value has at most {_LONGEST_VALUE} characters, this one has {len(value)}")
        if name in kinds:
            given[name] = value if str in kinds[name] else literal(value)
        else:
            settings[name] = literal(value)
    return given, settings, wants_help


def as_one_word(words: Sequence[str]) -> list[str]:
    """Join each flag with its value: `["--seed", "1", "DIR"]` becomes `["--seed=1", "DIR"]`."""
    joined: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        takes_value = word.startswith("--") and "=" not in word and word != "--help"
        joined.append(f"{word}={left.pop(0)}" if takes_value and left and not left[0].startswith("-") else word)
    return joined


def parse_all(
    options: type[S],
    argv: Sequence[str] | None,
    command: str,
    about: str | None,
    needed: Mapping[str, str] | None = None,
) -> S | None:
    """Return the options of a command that takes no other flags, or None after printing its help.

    `needed` maps each required flag to the message for a command line without it. Raises UserError.
    """
    given, others, wants_help = parse(sys.argv[1:] if argv is None else argv, options)
    if wants_help:
        show(help_text(command, about, options))
        return None
    check_known(others, names_of(options))
    parsed = options(**given)
    for name, message in (needed or {}).items():
        if getattr(parsed, name) is None:
            raise UserError(message)
    return parsed


def help_text(
    command: str,
    about: str | None,
    options: type[Settings],
    defaults: Mapping[str, str] | None = None,
    sections: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """Return the text of --help: all flags, then `sections` by title; `defaults` replace those of `options`."""
    lines = [f"usage: python -m {command} [--flag=value ...]", "", (about or "").strip(), "", "options:"]
    lines += ["  --help                  this text (-h)", *describe(options, defaults)]
    for title, rows in (sections or {}).items():
        lines += ["", f"{title}:", *rows]
    return "\n".join(lines)


@contextlib.contextmanager
def errors_end_the_process() -> Iterator[None]:
    """Print errors as one line and exit: 2 for bad input, 1 for what could not continue, 130 for Ctrl-C."""
    try:
        yield
    except (UserError, TrainingError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UserError) else 1)
    except Interrupted as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(stopped.exit_code)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def show(text: str) -> None:
    """Print to the terminal; if the reader of a pipe has ended (`| tee` and Ctrl-C), drop this and later output."""
    try:
        print(text, flush=True)
    except OSError:
        with open(os.devnull, "w") as nowhere, contextlib.suppress(OSError):
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def literal(text: str) -> Any:
    """Return the number, list, ... that `text` is in Python's syntax, never evaluated; otherwise `text`."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return text
