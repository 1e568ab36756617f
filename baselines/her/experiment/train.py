"""OpenAI Baselines' command for training, which calls `baselines.run`."""

import argparse
import importlib
import sys


def main(argv: list[str]) -> None:
    """Train; logs and policies go to --logdir. For --num_cpu above 1, `baselines.run` explains mpirun."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--logdir", nargs="?", const="")
    parser.add_argument("--num_cpu", nargs="?", default="1", const="")
    old, words = parser.parse_known_args(argv)
    if old.logdir == "":
        words.append("--logdir")  # `baselines.run` asks for the value
    elif old.logdir:
        saved = any(word.startswith("--save_path") for word in words)
        words += [f"--log_path={old.logdir}", *([] if saved else [f"--save_path={old.logdir}"])]
    if old.num_cpu != "1":
        words.append(f"--num_cpu={old.num_cpu}")
    importlib.import_module("baselines.run").main(["--alg=her", *words])


if __name__ == "__main__":
    main(sys.argv[1:])
