"""`python -m baselines.her.experiment.play DIR`: the name that users of OpenAI Baselines know for `baselines.play`."""

import sys

from baselines import play


def main(argv: list[str] | None = None) -> None:
    """As `baselines.play`, but the policy may be the first word."""
    words = sys.argv[1:] if argv is None else argv
    first = [word if word.startswith("-") else f"--load_path={word}" for word in words[:1]]
    play.main(first + words[1:])


if __name__ == "__main__":
    main()
