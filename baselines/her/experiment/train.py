"""`python -m baselines.her.experiment.train --env=FetchReach-v1`: the name that old users know for `baselines.run`."""

import sys

from baselines import run
from baselines.common.cmd_util import as_one_word


def main(argv: list[str] | None = None) -> None:
    """As `baselines.run --alg=her`; --logdir is where policies are kept too, and --num_cpu=1 is obeyed."""
    given = as_one_word(sys.argv[1:] if argv is None else argv)
    words = ["--alg=her"]
    for word in given:
        name, _, value = word.partition("=")
        if name == "--logdir":
            saved = [] if any(w.startswith("--save_path") for w in given) else [f"--save_path={value}"]
            words += [f"--log_path={value}", *saved]
        elif word != "--num_cpu=1":  # one worker, as there is; of more, the launcher says how they are started
            words.append(word)
    run.main(words)


if __name__ == "__main__":
    main()
