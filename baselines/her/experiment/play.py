"""OpenAI Baselines' command for playing a policy, which calls `baselines.play`."""

import importlib
import sys


def main(argv: list[str]) -> None:
    """Play the policy whose path is a word by itself, for --n_test_rollouts episodes; --render=1 is not needed."""
    words: list[str] = []
    for word in argv:
        if word.startswith("-"):
            words.append(word)
        elif words and words[-1].startswith("--") and "=" not in words[-1]:
            words[-1] += f"={word}"
        else:
            words.append(f"--load_path={word}")
    words = [word.replace("--n_test_rollouts=", "--episodes=") for word in words if word != "--render=1"]
    importlib.import_module("baselines.play").main(words)


if __name__ == "__main__":
    main(sys.argv[1:])
