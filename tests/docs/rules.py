"""How each command that a page shows is tried. A command for which there is no rule fails the tests."""

import ast
import importlib
import importlib.util
import os
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs.flags import FLAGS, OPEN, check_words
from tests.docs.pages import Piece
from tests.docs.shell import Command
from tests.docs.short import shortened
from tests.helpers import ROOT, mpirun_command

OUTPUTS = ("log_path", "save_path", "output", "video", "record_demos", "json", "logdir")


class Try(NamedTuple):
    """One command on its way through a page."""

    command: Command
    step: Piece
    launched: list[str]  # what mpirun was really started for, by any reader

    @property
    def words(self) -> list[str]:
        return self.command.words


class Rule(NamedTuple):
    do: Callable[[Try], None]
    why: str


# ---- our own commands ----


def run_main(this: Try) -> None:
    module, words = this.words[2], shortened(this.words[2], this.words[3:])
    if any(OPEN.search(word) for word in this.words):
        check_words(module, this.words[3:])
    elif this.step.kind == "inline" and len(this.words) == 3:
        assert importlib.util.find_spec(module)  # a name, not a command
    elif any(name.startswith("TF_") for name in this.command.variables):
        run_process([sys.executable, "-m", module, *words], this)  # TensorFlow looks at them when it is imported
    else:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in this.command.variables.items():
                patch.setenv(name, value)
            try:
                importlib.import_module(module).main(words)
            except SystemExit as ended:
                assert not ended.code, f"{' '.join(words)} ended with code {ended.code}"
        check_outputs(words)


def check_outputs(words: list[str]) -> None:
    """What a command was to write is there."""
    for word in words:
        flag, _, value = word.removeprefix("--").partition("=")
        assert flag not in OUTPUTS or Path(value).expanduser().exists(), f"nothing at {value} after {words}"


def run_process(command: list[str], this: Try) -> None:
    env = {**os.environ, **this.command.variables}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def run_file(this: Try) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", this.words[1:])
        runpy.run_path(this.words[1], run_name="__main__")


def run_code(this: Try) -> None:
    exec(this.words[2], {"__name__": "__main__"})


def launch(this: Try) -> None:
    """The first of all runs on two workers, which takes ten seconds; of the others, and of Slurm's, the program."""
    launcher, rest = this.words[0], this.words[1:]
    options = rest[: rest.index("python")] if "python" in rest else rest
    for flag, value in zip(options[::2], options[1::2], strict=True) if launcher == "mpirun" else ():
        assert flag in ("-np", "-n", "-f", "--hostfile"), f"no option of mpirun: {flag}"
        assert flag in ("-np", "-n") or Path(value).exists(), f"no such file: {value}"
    program = this._replace(command=Command(rest[len(options) :], this.command.variables))
    if not program.words:
        return
    opened = any(OPEN.search(word) for word in this.words)
    if launcher != "mpirun" or opened or this.launched:
        try_command(program)
        return
    words = shortened(program.words[2], program.words[3:])
    run_process([*mpirun_command(2), program.words[2], *words], this)
    check_outputs(words)
    this.launched.append(str(this.command))


# ---- benchmarks ----


def check_reproduce(this: Try) -> None:
    from benchmarks import reproduce
    from benchmarks.experiments import EXPERIMENTS

    args = reproduce._parser().parse_args([word for word in this.words[3:] if not OPEN.search(word)])
    assert {*args.names} <= EXPERIMENTS.keys(), f"no such experiment: {args.names}"
    for name in args.names:
        reproduce.planned_of(name, args.runs, args.seeds)
    if args.list:
        reproduce.main(this.words[3:])


def check_throughput(this: Try) -> None:
    from benchmarks import throughput

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(throughput, "report", lambda *_: None)
        patch.setattr(throughput, "PARTS", {part: lambda rounds: [] for part in throughput.PARTS})
        patch.setattr(sys, "argv", this.words[2:])
        throughput.main()


def check_time_to_solve(this: Try) -> None:
    from benchmarks import time_to_solve

    def ours(words, seed):
        check_words("baselines.run", words)
        return 1.0, 1.0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time_to_solve, "ours", ours)
        patch.setattr(time_to_solve, "import_sb3", lambda: None)
        patch.setattr(time_to_solve, "report", lambda *_: None)
        patch.setattr(sys, "argv", this.words[2:])
        time_to_solve.main()


# ---- others' programs ----


def extras() -> set[str]:
    """Those of setup.py."""
    calls = [node for node in ast.walk(ast.parse((ROOT / "setup.py").read_text())) if isinstance(node, ast.keyword)]
    (table,) = (call.value for call in calls if call.arg == "extras_require")
    return {ast.literal_eval(key) for key in table.keys}


def check_pip(this: Try) -> None:
    words = this.words[this.words.index("install") + 1 :]
    for word, before in zip(words, ["", *words], strict=False):
        if word.startswith("-") or before in ("--index-url", "--no-binary"):
            continue
        assert re.fullmatch(r"\.|[\w-]+(==[\w.]+)?|\.\[[\w,]+\]", word), f"nothing that pip installs: {word}"
        wanted = re.fullmatch(r"\.\[(.*)\]", word)
        assert not wanted or {*wanted[1].split(",")} <= extras(), f"setup.py has no such extra: {word}"


def check_pytest(this: Try) -> None:
    words = this.words[this.words.index("pytest") + 1 :]
    markers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["markers"]
    known = {"not", "and", "or"} | {marker.split(":")[0] for marker in markers}
    for word, before in zip(words, ["", *words], strict=False):
        if before == "-m":
            assert {*word.split()} <= known, word
        else:
            assert word in ("-m", "-n", "-q", "-x", "0", "auto") or (ROOT / word).exists(), word


def check_tensorboard(this: Try) -> None:
    from tensorboard.program import TensorBoard

    TensorBoard().configure(argv=this.words)


def check_wandb(this: Try) -> None:
    from wandb.cli.cli import cli

    name, *rest = this.words[1:]
    cli.commands[name].make_context(name, [word for word in rest if not OPEN.search(word)])


def check_in_ci(this: Try) -> None:
    words = " ".join(this.words)
    assert words in (ROOT / ".ci" / "run").read_text(), f".ci/run does not have: {words}"


def check_mkdocs(this: Try) -> None:
    assert this.words[-1] in ("build", "serve", "--strict") and (ROOT / "mkdocs.yml").exists()


def check_file(this: Try) -> None:
    assert os.access(ROOT / this.words[0], os.X_OK)


def run_shell(this: Try) -> None:
    run_process(this.words, this)


def leave(this: Try) -> None:
    """Nothing to check here."""


OURS = Rule(run_main, "run as it is written, with short settings (short.py); what the reader fills in is parsed alone")
RULES = {
    **{f"python -m {module}": OURS for module in FLAGS},
    "python": Rule(run_file, "run as it is written"),
    "python -c": Rule(run_code, "run as it is written"),
    "mpirun": Rule(launch, "run by two workers of this machine, not by 19 and not on other hosts"),
    "srun": Rule(launch, "there is no Slurm here: the program that it starts is run, by one worker"),
    "python -m benchmarks.reproduce": Rule(check_reproduce, "takes hours: words and names, and --list is run"),
    "python -m benchmarks.throughput": Rule(check_throughput, "takes minutes: run without the measurements"),
    "python -m benchmarks.time_to_solve": Rule(check_time_to_solve, "takes minutes: run without the training"),
    "pip install": Rule(check_pip, "needs a network: what it names can be installed, and extras exist"),
    "pytest": Rule(check_pytest, "these are the tests: paths and markers exist"),
    "tensorboard": Rule(check_tensorboard, "is a server that does not end: its own parser takes the words"),
    "wandb": Rule(check_wandb, "needs a network: its own parser takes the words"),
    **{name: Rule(check_in_ci, ".ci/run does the same") for name in ("ruff", "mypy")},
    **{name: Rule(check_mkdocs, "tests/test_site.py builds sites") for name in ("mkdocs", "python -m mkdocs")},
    **{name: Rule(check_file, "takes minutes: it can be started") for name in (".ci/run", ".ci/wheel")},
    **{name: Rule(run_shell, "run as it is written") for name in ("cat", "cp", "head", "ls", "mkdir", "tail")},
    **{name: Rule(leave, "of the reader's machine") for name in ("git clone", "cd", "source", "python -m venv")},
}


def rule_for(words: list[str]) -> Rule:
    """By the first three words, or two, or one that says all."""
    for length in (3, 2) if words[:2] == ["python", "-m"] else (3, 2, 1):
        if rule := RULES.get(" ".join(words[:length])):
            return rule
    raise LookupError(f"no rule in tests/docs/rules.py says how to check: {' '.join(words)}")


def try_command(this: Try) -> None:
    rule_for(this.words).do(this)
