"""Command lines: words to settings, --help, and errors as one line and an exit code."""

import argparse
import ast
import contextlib
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from baselines.common.errors import Interrupted, TrainingError, UserError, one_line
from baselines.common.mpi import Communicator
from baselines.common.old_names import hint
from baselines.common.settings import Settings, check_known, describe, kinds_of, names_of
from baselines.common.streams import flush_streams, forgive_streams, wrapped
from baselines.common.streams import show as show

S = TypeVar("S", bound=Settings)


def parse(words: Sequence[str], options: type[Settings]) -> tuple[dict[str, Any], dict[str, object], bool]:
    """Return the values of fields of `options`, those of all other flags, and True if help is asked for.

    Values are literals, which are never evaluated; values of words and paths are text. Flags of `options` that are True
    or False need no value. `--log-path` means `--log_path`. Raises UserError.
    """
    kinds = kinds_of(options)
    given: dict[str, Any] = {}
    settings: dict[str, object] = {}
    left = [word for word in words if word not in ("--help", "-h")]
    wants_help = len(left) < len(words)
    while left:
        word = left.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        name = name.replace("-", "_")
        if not word.startswith("--") or not name.isidentifier():
            policy = f"; give a policy as --load_path={word}" if "load_path" in kinds and os.path.exists(word) else ""
            raise UserError(f"expected --flag=value, got '{word}'{policy} (--help lists all)")
        if bool in kinds.get(name, ()) and not equals:
            value = "True"
        elif not equals:
            if not left or left[0].startswith("--"):
                raise UserError(f"--{name} needs a value{hint(name, kinds) if name not in kinds else ''}")
            value = left.pop(0)
        if name in kinds:
            given[name] = value if str in kinds[name] else literal(value)
        else:
            settings[name] = literal(value)
    return given, settings, wants_help


def parse_all(options: type[S], argv: Sequence[str] | None, command: str, about: str | None) -> S | None:
    """Return the options of a command that takes no other flags, or None after printing its help. Raises UserError."""
    given, others, wants_help = parse(sys.argv[1:] if argv is None else argv, options)
    if wants_help:
        show(help_text(command, about, options))
        return None
    check_known(others, names_of(options))
    return options(**given)


def help_text(
    command: str, about: str | None, options: type[Settings], defaults: Mapping[str, str] | None = None,
    sections: Mapping[str, Sequence[str]] | None = None,
) -> str:  # fmt: skip
    """Return the text of --help: all flags, `sections` by title, and the part of `about` that follows "Examples:".

    `defaults` replace those of `options`.
    """
    about, heading, examples = (about or "").partition("Examples:")
    paragraphs = [wrapped(" ".join(paragraph.split()), indent=0) for paragraph in about.strip().split("\n\n")]
    lines = [f"usage: python -m {command} [--flag=value ...]", "", "\n\n".join(paragraphs), "", "options:"]
    lines += ["  --help                  this text (-h)", *describe(options, defaults)]
    for title, rows in (sections or {}).items():
        lines += ["", f"{title}:", *rows]
    return "\n".join([*lines, *(["", f"{heading.lower()}{examples.rstrip()}"] if heading else [])])


def command_line(module: str, given: Mapping[str, object], settings: Mapping[str, object]) -> list[str]:
    """Return the words of the command that `parse` reads as these values; None is not given."""
    flags = [f"--{name}={value}" for name, value in given.items() if value is not None]
    # A word that reads like a number needs quotes to stay a word.
    quoted = {n: value if literal(str(value)) == value else repr(value) for n, value in settings.items()}
    return ["python", "-m", module, *flags, *(f"--{n}={value}" for n, value in quoted.items() if value is not None)]


class ArgumentParser(argparse.ArgumentParser):
    """A parser of commands that take names beside flags; raises UserError."""

    def error(self, message: str) -> NoReturn:
        """Raise UserError with the nearest flags."""
        unknown = re.search(r"unrecognized arguments: --(\w+)", message)
        flags = [flag.removeprefix("--") for flag in self._option_string_actions]
        raise UserError(f"{message}{hint(unknown[1], flags) if unknown else ''} (--help lists all)")


@contextlib.contextmanager
def errors_end_the_process(comm: Communicator | None = None) -> Iterator[None]:
    """Print errors as one line and end all workers: 2 for bad input, 1 for what could not continue, 130 for Ctrl-C."""
    comm = comm or Communicator()
    forgive_streams()
    try:
        yield
    except (UserError, TrainingError, OSError) as error:  # OSError: a full disk, a folder that is gone
        if comm.rank > 0:
            time.sleep(2)  # usually all workers have the same error: rank 0 prints it and ends the others
        where = f" (rank {comm.rank} of {comm.size})" if comm.size > 1 else ""
        show(f"error{where}: {one_line(error)}", sys.stderr)
        comm.abort(2 if isinstance(error, UserError) else 1)
    except Interrupted as stopped:
        if comm.rank == 0:
            show(str(stopped), sys.stderr)
        comm.all_gather(0)  # wait: the first worker to exit would end the others
        sys.exit(stopped.exit_code)
    except KeyboardInterrupt:
        show("interrupted", sys.stderr)
        comm.abort(130)
    finally:
        flush_streams()


def literal(text: str) -> Any:
    """Return the number, list, ... that `text` is in Python's syntax, never evaluated; otherwise `text`."""
    try:
        value = ast.literal_eval(text)
        repr(value)  # raises ValueError for integers of thousands of digits
        return value
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return text
