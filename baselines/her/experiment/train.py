"""OpenAI Baselines' command for training, which calls `baselines.run`."""

import importlib
import sys

from baselines.common.cli import as_one_word


def translate(argv: list[str]) -> list[str]:
    """Return the arguments for `baselines.run`: logs and policies go to --logdir, and --num_cpu=1 is dropped."""
    arguments = as_one_word(argv)
    words = ["--alg=her"]
    for word in arguments:
        name, _, value = word.partition("=")
        if name == "--logdir":
            saved = [] if any(w.startswith("--save_path") for w in arguments) else [f"--save_path={value}"]
            words += [f"--log_path={value}", *saved]
        elif word != "--num_cpu=1":  # for other numbers `baselines.run` explains mpirun
            words.append(word)
    return words


def main(argv: list[str] | None = None) -> None:
    """Run `baselines.run` with the translated arguments."""
    importlib.import_module("baselines.run").main(translate(sys.argv[1:] if argv is None else argv))


if __name__ == "__main__":
    main()
