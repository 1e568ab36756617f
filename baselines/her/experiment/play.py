"""`python -m baselines.her.experiment.play DIR`: the name that users of OpenAI Baselines know for `baselines.play`."""

import sys

from baselines import play
from baselines.common.cmd_util import as_one_word


def main(argv: list[str] | None = None) -> None:
    """As `baselines.play`, but the policy may be a word of its own, and --n_test_rollouts says how many episodes."""
    words = []
    for word in as_one_word(sys.argv[1:] if argv is None else argv):
        name, _, value = word.partition("=")
        if name == "--n_test_rollouts":
            words.append(f"--episodes={value}")
        elif not word.startswith("-"):
            words.append(f"--load_path={word}")
        elif word != "--render=1":  # which it does
            words.append(word)
    play.main(words)


if __name__ == "__main__":
    main()
