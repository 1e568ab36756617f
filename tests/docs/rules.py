"""How each command that a page shows is tried. A command for which there is no rule fails the tests."""

import importlib
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs.commands import FLAGS, OPEN, SETTINGS, WITH_SETTINGS, shortened
from tests.docs.pages import Piece
from tests.helpers import ROOT

OUTPUTS = ("log_path", "save_path", "output", "video", "record_demos", "json", "logdir")


class Try(NamedTuple):
    words: list[str]
    variables: dict[str, str]  # that the page gave it
    step: Piece


def run_main(this: Try) -> None:
    """Run it with short settings; of a command with parts that the reader fills in, check the flags only."""
    module, words = this.words[2], shortened(this.words[2], this.words[3:])
    if any(OPEN.search(word) for word in this.words):
        flags = {word[2:].partition("=")[0] for word in words if word.startswith("--")}
        assert flags <= FLAGS[module] | (SETTINGS if module in WITH_SETTINGS else set()), flags
    elif this.step.kind == "inline" and len(this.words) == 3:
        assert importlib.util.find_spec(module)  # a name, not a command
    elif any(name.startswith("TF_") for name in this.variables):
        run_process([sys.executable, "-m", module, *words], this)  # TensorFlow reads them when it is imported
    else:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in this.variables.items():
                patch.setenv(name, value)
            try:
                importlib.import_module(module).main(words)
            except SystemExit as ended:
                assert not ended.code, f"{' '.join(words)} ended with code {ended.code}"
        check_outputs(words)


def check_outputs(words: list[str]) -> None:
    for word in words:
        flag, _, value = word.removeprefix("--").partition("=")
        assert flag not in OUTPUTS or Path(value).expanduser().exists(), f"nothing at {value} after {words}"


def run_process(command: list[str], this: Try) -> None:
    env = {**os.environ, **this.variables}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def run_code(this: Try) -> None:
    exec(this.words[2], {"__name__": "__main__"})


def launch(this: Try) -> None:
    """Check the options of mpirun and srun, and run the program with one worker; others test it with more."""
    launcher, rest = this.words[0], this.words[1:]
    options = rest[: rest.index("python")] if "python" in rest else rest
    for flag, value in zip(options[::2], options[1::2], strict=True) if launcher == "mpirun" else ():
        assert flag in ("-np", "-n", "-f", "--hostfile"), f"no option of mpirun: {flag}"
        assert flag in ("-np", "-n") or Path(value).exists(), f"no such file: {value}"
    if program := rest[len(options) :]:
        try_command(this._replace(words=program))


def replace_shell(this: Try) -> None:
    """Try what `exec` runs in the place of the shell."""
    try_command(this._replace(words=this.words[1:]))


def check_reproduce(this: Try) -> None:
    from benchmarks import reproduce

    args = reproduce._parser().parse_args([w for w in this.words[3:] if not (w[0] == "-" and OPEN.search(w))])
    names = [name for name in args.names if not OPEN.search(name)]
    assert {*names} <= reproduce.EXPERIMENTS.keys(), f"no such experiment: {names}"
    assert bool(args.names) != args.all or args.list
    reproduce.plan(names, args.runs, args.seeds)
    if args.list:
        reproduce.main(this.words[3:])


def check_throughput(this: Try) -> None:
    from benchmarks.throughput import PARTS

    assert {*this.words[3:]} <= PARTS.keys(), this.words


def check_pip(this: Try) -> None:
    for word in this.words[this.words.index("install") + 1 :]:
        extras = re.fullmatch(r"\.\[(.*)\]", word)
        assert extras or re.fullmatch(r"\.|-\S+|[\w-]+(==[\w.]+)?", word), f"nothing that pip installs: {word}"
        for extra in extras[1].split(",") if extras else ():
            assert f'        "{extra}": ' in (ROOT / "setup.py").read_text(), f"setup.py has no such extra: {extra}"


def leave(this: Try) -> None:
    """Accept a command that was tried by hand."""


# Of other programs, as the pages have them.
TRIED = ("pytest", "pytest -m not slow", "tensorboard --logdir runs", "wandb sync", "properdocs build --strict",
         "properdocs serve", ".ci/run", ".ci/wheel", "python -m benchmarks.faults --minutes=60",
         "python -m benchmarks.faults --seed=N", "python -m benchmarks.faults --leaks")  # fmt: skip
RULES: dict[str, Callable[[Try], None]] = {
    **{f"python -m {module}": run_main for module in FLAGS},
    **{"python -c": run_code, "mpirun": launch, "srun": launch, "exec": replace_shell, "pip install": check_pip},
    **{"python -m benchmarks.reproduce": check_reproduce, "python -m benchmarks.throughput": check_throughput},
}


def rule_for(words: list[str]) -> Callable[[Try], None]:
    """Return the rule by the first three words, or two, or one that says all."""
    if " ".join(words) in TRIED:
        return leave
    for length in (3, 2) if words[:2] == ["python", "-m"] else (3, 2, 1):
        if rule := RULES.get(" ".join(words[:length])):
            return rule
    raise LookupError(f"no rule in tests/docs/rules.py says how to check: {' '.join(words)}")


def try_command(this: Try) -> None:
    rule_for(this.words)(this)
