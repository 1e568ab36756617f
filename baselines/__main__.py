"""All commands behind one: `baselines run ...` does what `python -m baselines.run ...` does."""

import ast
import importlib
import importlib.util
import sys

import baselines
from baselines.common.cli import errors_end_the_process, show
from baselines.common.errors import UserError, nearest

_MODULES = {"envs": "environments"}
COMMANDS = ("run", "play", "evaluate", "plot", "tune", "export", "envs")


def main(argv: list[str] | None = None) -> None:
    """Run the command that the first word names."""
    name, *words = (sys.argv[1:] if argv is None else argv) or ["--help"]
    with errors_end_the_process():
        if name in ("--help", "-h"):
            show(_help())
        elif name == "--version":
            show(f"baselines {baselines.__version__}")
        elif name not in COMMANDS:
            raise UserError(f"there is no command '{name}'{nearest(name, COMMANDS)} (baselines --help lists all)")
        else:
            importlib.import_module(f"baselines.{_MODULES.get(name, name)}").main(words)


def _help() -> str:
    lines = ["usage: baselines COMMAND [--flag=value ...]   (or python -m baselines.COMMAND)", ""]
    for name in COMMANDS:
        spec = importlib.util.find_spec(f"baselines.{_MODULES.get(name, name)}")
        assert spec and spec.origin
        with open(spec.origin, encoding="utf-8") as file:
            about = ast.get_docstring(ast.parse(file.read())) or ""  # an import would take seconds
        lines.append(f"  {name:<10} {about.splitlines()[0].partition(':')[0].rstrip('.')}")
    end = "baselines COMMAND --help lists a command's flags; baselines --version says the version"
    return "\n".join([*lines, "", end])


if __name__ == "__main__":
    main()
