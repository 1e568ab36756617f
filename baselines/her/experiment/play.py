"""OpenAI Baselines' command for playing a policy, which calls `baselines.play`."""

import importlib
import sys

from baselines.common.cli import as_one_word


def translate(argv: list[str]) -> list[str]:
    """Return the arguments for `baselines.play`: a path becomes --load_path, --n_test_rollouts becomes --episodes."""
    words = []
    for word in as_one_word(argv):
        name, _, value = word.partition("=")
        if name == "--n_test_rollouts":
            words.append(f"--episodes={value}")
        elif not word.startswith("-"):
            words.append(f"--load_path={word}")
        elif word != "--render=1":  # `play` renders anyway
            words.append(word)
    return words


def main(argv: list[str] | None = None) -> None:
    """Run `baselines.play` with the translated arguments."""
    importlib.import_module("baselines.play").main(translate(sys.argv[1:] if argv is None else argv))


if __name__ == "__main__":
    main()
