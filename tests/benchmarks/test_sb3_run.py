"""The peers' run, with a stand-in for Stable-Baselines3."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import peers, sb3_run
from tests.helpers import POINT_REACH, straight

WORDS = [POINT_REACH, "--vec_env=sync", "--num_timesteps=9000", "--seed=3", "--log_path=log", "--json=latest.json"]


class Model:
    """Stands still for its first 4,000 steps, then goes straight to the goal."""

    steps = 0

    def learn(self, steps, reset_num_timesteps):
        assert not reset_num_timesteps
        self.steps += steps

    def predict(self, observation, deterministic):
        assert deterministic
        return straight(observation).astype(np.float32) * (self.steps > 4000), None


@pytest.fixture
def made(monkeypatch):
    made = []
    monkeypatch.setattr(peers, "import_sb3", lambda: True)
    monkeypatch.setattr(peers, "make_sb3", lambda *words, **schedule: made.append((words, schedule)) or Model())
    return made


def test_a_row_for_each_4000_steps_and_an_evaluation_at_the_end(made, cwd, capsys):
    sb3_run.main(["--alg=SAC", *WORDS])
    words = ("SAC", POINT_REACH.removeprefix("--env="), 8, "EnvPool", 3)
    assert made == [(words, {"train_freq": 5, "gradient_steps": 4})]
    with Path("log/progress.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert list(first) == ["epoch", "total/timesteps", "total/seconds", "test/success_rate"]
    assert (first["epoch"], first["total/timesteps"], second["total/timesteps"]) == ("0", "4000", "8000")
    assert float(first["test/success_rate"]) < 0.2 and float(second["test/success_rate"]) == 1
    found = json.loads(Path("latest.json").read_text())
    assert found["episodes"] == 1000 and found["success_rate"] == 1
    assert capsys.readouterr().out.count("epoch ") == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (WORDS, "sb3_run: Stable-Baselines3 is not installed; pip install"),
        (["--alg=TD3"], "alg: expected one of DDPG, SAC, got 'TD3'"),
        ([POINT_REACH], "expected --log_path=DIR"),
        (["--log_path=taken"], "cannot write to folder taken"),
        (["--num_timesteps=5"], "num_timesteps: expected 4000 to"),
    ],
)
def test_bad_input_is_one_line(words, expected, cwd, capsys, monkeypatch):
    monkeypatch.setattr(peers, "import_sb3", lambda: None)
    with pytest.raises(SystemExit) as ended:
        sb3_run.main(list(words))
    said = capsys.readouterr().err
    assert ended.value.code == 2 and expected in said and said.count("\n") == 1
    assert [p.name for p in cwd.iterdir()] == ["taken"]
