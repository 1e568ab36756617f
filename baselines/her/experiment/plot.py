"""`python -m baselines.her.experiment.plot DIR`: the name that users of OpenAI Baselines know for `baselines.plot`."""

import os
import sys

from baselines import plot


def main(argv: list[str] | None = None) -> None:
    """As `baselines.plot`; without an --output, the picture is DIR/curves.png, for the first DIR."""
    words = sys.argv[1:] if argv is None else argv
    if words and not any(word.startswith(("--output", "--help", "-h")) for word in words):
        folder = next((word for word in words if os.path.isdir(word)), None)
        words = [*words, *([f"--output={os.path.join(folder, 'curves.png')}"] if folder else [])]
    plot.main(words)


if __name__ == "__main__":
    main()
