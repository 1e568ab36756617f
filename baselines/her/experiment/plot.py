"""OpenAI Baselines' command for plotting, which calls `baselines.plot`."""

import importlib
import os
import sys


def main(argv: list[str]) -> None:
    """Plot, by default into curves.png in the first folder."""
    folder = next(filter(os.path.isdir, argv), None)
    if folder and not any(word.startswith(("--output", "--help", "-h")) for word in argv):
        argv = [*argv, f"--output={os.path.join(folder, 'curves.png')}"]
    importlib.import_module("baselines.plot").main(argv)


if __name__ == "__main__":
    main(sys.argv[1:])
