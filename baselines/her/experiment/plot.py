"""OpenAI Baselines' command for plotting, which calls `baselines.plot`."""

import os
import runpy
import sys


def translate(argv: list[str]) -> list[str]:
    """Return the arguments for `baselines.plot`, which by default writes curves.png into the first folder."""
    folder = next((word for word in argv if os.path.isdir(word)), None)
    if folder is None or any(word.startswith(("--output", "--help", "-h")) for word in argv):
        return argv
    return [*argv, f"--output={os.path.join(folder, 'curves.png')}"]


def main(argv: list[str] | None = None) -> None:
    """Run `baselines.plot` with the translated arguments."""
    sys.argv[1:] = translate(sys.argv[1:] if argv is None else argv)
    runpy.run_module("baselines.plot", run_name="__main__")


if __name__ == "__main__":
    main()
