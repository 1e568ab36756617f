"""OpenAI Baselines' command for plotting, which calls `baselines.plot`."""

import importlib
import os
import sys


def translate(argv: list[str]) -> list[str]:
    """Return the arguments for `baselines.plot`, which by default writes curves.png into the first folder."""
    folder = next((word for word in argv if os.path.isdir(word)), None)
    if folder is None or any(word.startswith(("--output", "--help", "-h")) for word in argv):
        return argv
    return [*argv, f"--output={os.path.join(folder, 'curves.png')}"]


def main(argv: list[str] | None = None) -> None:
    """Run `baselines.plot` with the translated arguments."""
    importlib.import_module("baselines.plot").main(translate(sys.argv[1:] if argv is None else argv))


if __name__ == "__main__":
    main()
