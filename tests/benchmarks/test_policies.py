"""The best policy of finished runs is what is carried away."""

import json

import pytest

import baselines
from benchmarks import policies
from benchmarks.experiments import Arm, Experiment
from benchmarks.runs import Run, write_json
from tests.commands.doors import POINT_REACH_SIZES, command_refused, save

ENV = "--env=PointReach-v0"
TINY = Experiment("Tiny", {"single": Arm(6000, (ENV,))}, (0, 1, 2), 1, "")
RATES = {0: (0.8, 0.7), 1: (0.6, 0.9), 2: (1.0, 1.0)}  # of the latest and the best; seed 2 is not finished


@pytest.fixture
def runs(cwd, monkeypatch):
    monkeypatch.setattr(policies, "EXPERIMENTS", {"tiny": TINY})
    monkeypatch.setattr(policies, "SHIPPED", ("tiny",))
    for seed, rates in RATES.items():
        run = Run(cwd / "runs", TINY.arms["single"], seed)
        for name, rate in zip(run.evaluated, rates, strict=True):
            save(run.folder / "policy" / name, sizes=POINT_REACH_SIZES, gain=10.0 * rate)
            write_json(run.folder / f"{name}.json", {"success_rate": rate, "success_interval": [rate - 0.1, 1.0]})
        write_json(run.folder / "run.json", {"rc": 143 if seed == 2 else 0, "commit": f"abc{seed}"})
    return cwd / "runs"


def test_the_policy_with_the_highest_success_takes_the_place_of_what_was_there(runs, cwd):
    (cwd / "out").mkdir()
    save("out/tiny", sizes=POINT_REACH_SIZES)
    policies.main(["--runs=runs", "--output=out"])
    shipped = baselines.load_policy("out/tiny")
    seen = {k: [[0.1, 0.2]] for k in ("observation", "achieved_goal", "desired_goal")} | {"desired_goal": [[0.15, 0.2]]}
    whole = baselines.load_policy(str(runs / TINY.arms["single"].key / "seed-1" / "policy" / "best"))
    assert (shipped.act(seen) == whole.act(seen)).all() and abs(shipped.act(seen)).max() > 0.1
    assert (
        "| `tiny` | PointReach | best of 6,000 | 1 | 0.900 (0.800 to 1.000) | abc1 |"
        in (cwd / "out/README.md").read_text()
    )


def test_without_finished_runs_nothing_is_touched(runs, capsys):
    for path in runs.glob("*/seed-*/run.json"):
        path.write_text(json.dumps({"rc": 1}))
    line = command_refused(capsys, policies.main, "--runs=runs", "--output=out")
    assert "tiny: expected a finished run" in line
