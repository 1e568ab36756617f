"""The commands of a piece of shell: bash reads it, with its loops, quotes and variables, and starts none of them."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

BASH = shutil.which("bash")
RECORDER = Path(__file__).parent / "recorder.py"
# bash calls command_not_found_handle for whatever it does not find, and on no PATH it finds nothing. What it has itself
# and must not do is noted too.
PRELUDE = """
record() {{ {python} -IS {recorder} "$RECORD" "$@"; }}
command_not_found_handle() {{ record "$@"; }}
{noted}
set -eu
"""
PATH = re.compile(r"^(\.?[\w-]*/[\w./-]+)", re.M)  # a line that begins with a file, which bash would start
NOTED = ("cd", "source", "kill", "exec")
OWN = {"_", "SHLVL", "LC_CTYPE", "PWD", "OLDPWD", "PATH", "RECORD", "HOME"}  # variables that bash sets, or we


class Command(NamedTuple):
    words: list[str]
    variables: dict[str, str]  # that the page gave it

    def __str__(self):
        given = (f"{name}={value}" for name, value in sorted(self.variables.items()))
        return " ".join([*given, shlex.join(self.words)])


def commands_of(text: str, folder: Path, variables: dict[str, str]) -> tuple[list[Command], dict[str, str]]:
    """The commands, and the variables that are exported at the end. Raises ValueError for what is no shell.

    Files and folders that the shell itself makes and looks at are those of `folder`.
    """
    text = PATH.sub(r"record \1", text)
    record = folder.parent / "recorded"
    record.write_text("")
    prelude = PRELUDE.format(
        python=shlex.quote(sys.executable),
        recorder=shlex.quote(str(RECORDER)),
        noted="\n".join(f'{name}() {{ record {name} "$@"; }}' for name in NOTED),
    )
    done = subprocess.run(
        [BASH, "--noprofile", "--norc", "-c", f"{prelude}\n{text}\nrecord"], text=True, capture_output=True, cwd=folder,
        stdin=subprocess.DEVNULL, env={**variables, "PATH": "/nowhere", "RECORD": str(record)}, timeout=60,
    )  # fmt: skip
    if done.returncode:
        raise ValueError(f"bash cannot do this (what is no command is written as ```text):\n{text}\n{done.stderr}")
    *commands, (_, at_end) = map(json.loads, record.read_text().splitlines())
    return [Command(words, _of_page(given)) for words, given in commands], {**variables, **_of_page(at_end)}


def _of_page(variables: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name not in OWN}
