"""Trained policies to ship: `python -m benchmarks.policies` fills data/policies from finished runs.

It takes the policy with the highest success over its 1,000 episodes, latest or best, of all seeds in the folder of
runs.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

from baselines.common.cli import errors_end_the_process, show
from baselines.common.errors import UserError
from baselines.common.specs import without_version
from baselines.policies.policy import read_policy, save_policy
from baselines.results.tables import markdown
from benchmarks.experiments import EXPERIMENTS
from benchmarks.result_files import write_text
from benchmarks.runs import Run, finished, mark, read_json

SHIPPED = ("fetch-reach", "fetch-push", "fetch-pick-and-place", "fetch-slide", "hand-reach")
ARM = "single"
ABOUT = """# Trained policies

    python -m baselines.play --load_path=data/policies/fetch-pick-and-place
    python -m baselines.evaluate --load_path=data/policies/fetch-pick-and-place

Each policy is the best of all available seeds by its success over 1,000 episodes after training. So it looks better
than a typical one: all seeds are in [data/results](../results/README.md). Each file holds all networks, the settings
and the environment, so training can begin from it. Reading one executes nothing.
`python -m benchmarks.policies` wrote this page.

"""


class Found(NamedTuple):
    """A policy of a finished run."""

    path: Path  # without .safetensors
    run: Run
    success: float


def best_of(name: str, runs: Path) -> Found:
    """Return the policy with the highest success. Raises UserError where the experiment has no finished run."""
    experiment = EXPERIMENTS[name]
    done = [run for seed in experiment.seeds if finished(run := Run(runs, experiment.arms[ARM], seed))]
    if not done:
        raise UserError(f"{name}: expected a finished run in {runs}, got none: python -m benchmarks.reproduce {name}")
    every = [
        Found(run.folder / "policy" / which, run, read_json(run.folder / f"{which}.json")["success_rate"])
        for run in done
        for which in run.evaluated
    ]
    return max(every, key=lambda found: found.success)


def row_of(name: str, found: Found) -> list[object]:
    experiment, run = EXPERIMENTS[name], found.run
    low, high = read_json(run.folder / f"{found.path.name}.json")["success_interval"]
    rate = f"{found.success:.3f} ({low:.3f} to {high:.3f})"
    steps = f"{found.path.name} of {experiment.arms[ARM].num_timesteps:,}"
    return [f"`{name}`", without_version(run.arm.env), steps, run.seed, rate, mark(run)["commit"]]


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policies", description=__doc__, allow_abbrev=False)
    parser.add_argument("--runs", type=Path, default=Path("runs/reproduce"), help="folder of the runs (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("data/policies"), help="folder to fill (%(default)s)")
    args = parser.parse_args(argv)
    with errors_end_the_process():
        found = {name: best_of(name, args.runs) for name in SHIPPED}
        for name, policy in found.items():
            save_policy(str(args.output / name), read_policy(str(policy.path)))
            show(f"{args.output / name}: {policy.path}, success {policy.success:.3f}")
        head = ["policy", "task", "steps", "seed", "success over 1,000 episodes (95 percent)", "commit"]
        table = markdown(head, [row_of(name, policy) for name, policy in found.items()])
        write_text(args.output / "README.md", ABOUT + "\n".join(table) + "\n")


if __name__ == "__main__":
    main()
