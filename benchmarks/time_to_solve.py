"""Wall time of whole commands until a task is solved: `python -m benchmarks.time_to_solve [--env=...] [--seeds=5]`.

A task is solved by an evaluation with a success rate of at least 0.95. Start-up and evaluations count. Results are
written to benchmarks/results/time_to_solve.json.
"""

import argparse
import csv
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import output, report
from benchmarks.peers import import_sb3, make_sb3

SOLVED = 0.95
EPISODES = 10  # of an evaluation of Stable-Baselines3, as an epoch of ours has with one environment
MOST_STEPS = 20_000


def ours(words: list[str], seed: int) -> tuple[float, float]:
    """Return seconds and environment steps until solved, or inf where it never was."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        start = time.perf_counter()
        output([sys.executable, "-m", "baselines.run", *words, f"--seed={seed}", f"--log_path={log}"])
        seconds = time.perf_counter() - start
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader((log / "progress.csv").open())]
    for row in rows:
        if row["test/success_rate"] >= SOLVED:
            return seconds - (rows[-1]["total/seconds"] - row["total/seconds"]), row["total/timesteps"]
    return float("inf"), float("inf")


def theirs(algorithm: str, env_id: str, seed: int) -> tuple[float, float]:
    """Return the same of Stable-Baselines3, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.time_to_solve", f"--sb3={algorithm}", f"--env={env_id}"]
    start = time.perf_counter()
    steps = float(output([*command, f"--seed={seed}"]).split()[-1])
    return (time.perf_counter() - start if steps < float("inf") else steps), steps


def solve_with_sb3(algorithm: str, env_id: str, seed: int) -> float:
    """Return steps until solved, with 40 updates after each episode and an evaluation every 10 episodes."""
    from stable_baselines3.common.evaluation import evaluate_policy

    model = make_sb3(algorithm, env_id, 1, "DummyVecEnv", seed, train_freq=50, gradient_steps=40)
    test = make_sb3(algorithm, env_id, 1, "DummyVecEnv", seed + 1000).get_env()
    for steps in range(500, MOST_STEPS + 1, 500):
        model.learn(500, reset_num_timesteps=False)
        last = []
        evaluate_policy(
            model,
            test,
            EPISODES,
            callback=lambda known, _, last=last: last.append(known["info"]["is_success"]) if known["done"] else None,
        )
        if statistics.mean(last) >= SOLVED:
            return steps
    return float("inf")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.time_to_solve", description=__doc__.splitlines()[0])
    parser.add_argument("--env", default="FetchReach-v1", help="(default: FetchReach-v1)")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each, with seeds from 0 (default: 5)")
    parser.add_argument("--sb3", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    args, words = parser.parse_known_args()  # the rest is for baselines.run
    if args.sb3:
        print(solve_with_sb3(args.sb3, args.env, args.seed))
        return
    words = [f"--env={args.env}", *(words or ["--num_timesteps=5000"])]
    who = {" ".join(["ours:", *words]): lambda seed: ours(words, seed)}
    if import_sb3() and args.env == "FetchReach-v1":
        who |= {f"SB3 {a}": lambda seed, a=a: theirs(a, args.env, seed) for a in ("DDPG", "SAC")}
    runs = {name: [] for name in who}
    for seed in range(args.seeds):
        for name, solve in who.items():
            runs[name].append(solve(seed))
            print(f"seed {seed}  {name}  {runs[name][-1][0]:.1f} s  {runs[name][-1][1]:g} steps", flush=True)
    rows = [
        {
            "who": name,
            "seeds": args.seeds,
            "s until solved (median)": statistics.median(s for s, _ in found),
            "steps until solved (median)": statistics.median(n for _, n in found),
            "all (s, steps)": found,
        }
        for name, found in runs.items()
    ]
    report("time_to_solve.json", " ".join(words), rows)


if __name__ == "__main__":
    main()
