"""`python -m baselines.her.experiment.train --env=...`: an old name of `baselines.run` in OpenAI Baselines."""

import runpy
import sys

from baselines.common.cli import as_one_word


def translate(argv: list[str]) -> list[str]:
    """Make words for `baselines.run`: --logdir is where logs and policies go, --num_cpu=1 is dropped."""
    given = as_one_word(argv)
    words = ["--alg=her"]
    for word in given:
        name, _, value = word.partition("=")
        if name == "--logdir":
            saved = [] if any(w.startswith("--save_path") for w in given) else [f"--save_path={value}"]
            words += [f"--log_path={value}", *saved]
        elif word != "--num_cpu=1":  # for more workers the launcher says how to start them
            words.append(word)
    return words


def main(argv: list[str] | None = None) -> None:
    """Run `baselines.run` with the translated words."""
    sys.argv[1:] = translate(sys.argv[1:] if argv is None else argv)
    runpy.run_module("baselines.run", run_name="__main__")


if __name__ == "__main__":
    main()
