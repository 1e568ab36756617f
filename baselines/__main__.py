"""All commands behind one: `baselines run ...` does what `python -m baselines.run ...` does."""

import ast
import importlib
import sys
from pathlib import Path

import baselines
from baselines.common.cli import errors_end_the_process, show
from baselines.common.errors import UserError, nearest

_SHORT = {"environments": "envs"}


def main(argv: list[str] | None = None) -> None:
    """Run the command that the first word names."""
    name, *words = (sys.argv[1:] if argv is None else argv) or ["--help"]
    with errors_end_the_process():
        known = commands()
        if name in ("--help", "-h"):
            lines = [f"  {command:<10} {about}" for command, (_, about) in known.items()]
            usage = "usage: baselines COMMAND [--flag=value ...]   (or python -m baselines.COMMAND)"
            end = "baselines COMMAND --help lists a command's flags; baselines --version says the version"
            show("\n".join([usage, "", *lines, "", end]))
        elif name == "--version":
            show(f"baselines {baselines.__version__}")
        elif name not in known:
            raise UserError(f"there is no command '{name}'{nearest(name, known)} (baselines --help lists all)")
        else:
            importlib.import_module(known[name][0]).main(words)


def commands() -> dict[str, tuple[str, str]]:
    """Return the module of each command, and a line about it: the files here that have a function `main`."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))  # to import them all would take seconds
        if path.stem != "__main__" and any(isinstance(n, ast.FunctionDef) and n.name == "main" for n in tree.body):
            about = (ast.get_docstring(tree) or "").partition("\n")[0].partition(":")[0]
            found[_SHORT.get(path.stem, path.stem)] = f"baselines.{path.stem}", about.rstrip(".")
    return found


if __name__ == "__main__":
    main()
