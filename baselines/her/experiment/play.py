"""`python -m baselines.her.experiment.play DIR`: the name that users of OpenAI Baselines know for `baselines.play`."""

import sys

from baselines import play


def main(argv: list[str] | None = None) -> None:
    """As `baselines.play`, but the policy may be a word of its own."""
    words = sys.argv[1:] if argv is None else argv
    play.main([word if word.startswith("-") else f"--load_path={word}" for word in words])


if __name__ == "__main__":
    main()
