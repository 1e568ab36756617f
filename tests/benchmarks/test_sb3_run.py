"""Runs of the peers, with a double of Stable-Baselines3."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from baselines.runs.algorithms import find
from benchmarks import peers, sb3_run
from tests.commands.doors import command_refused
from tests.helpers import POINT_REACH, straight

WORDS = [POINT_REACH, "--vec_env=sync", "--num_timesteps=9000", "--seed=3", "--log_path=log", "--json=latest.json"]


class Model:
    """Stands still for its first 4,000 steps, then goes straight to the goal."""

    steps, normalizer = 0, None

    def get_vec_normalize_env(self):
        return self.normalizer

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
    assert list(first) == ["epoch", "total/timesteps", "total/seconds", "test/mean_return", "test/success_rate"]
    assert (first["epoch"], first["total/timesteps"], second["total/timesteps"]) == ("0", "4000", "8000")
    assert float(first["test/success_rate"]) < 0.2 and float(second["test/success_rate"]) == 1
    found = json.loads(Path("latest.json").read_text())
    assert found["episodes"] == 1000 and found["success_rate"] == 1
    assert capsys.readouterr().out.count("epoch ") == 2


class Balancing(Model):
    """Pushes the cart to where the pole leans, in normalised observations, which are twice as large."""

    class normalizer:
        @staticmethod
        def normalize_obs(observation):
            return 2 * observation

    def predict(self, observation, deterministic):
        assert deterministic and observation.shape[1:] == (4,)
        assert np.abs(observation[:, 2]).max() > 0
        return (observation[:, 2] + observation[:, 3] > 0).astype(int), None


def test_ppo_has_the_settings_and_the_epochs_of_our_preset(cwd, monkeypatch):
    made = []
    monkeypatch.setattr(peers, "import_sb3", lambda: True)
    monkeypatch.setattr(peers, "make_sb3_ppo", lambda *words: made.append(words) or Balancing())
    words = "--alg=PPO", "--env=CartPole-v1", "--num_timesteps=25000", "--log_path=log", "--json=latest.json"
    sb3_run.main(list(words))
    ((env, config, num_env, seed, num_timesteps),) = made
    assert (env, num_env, seed, num_timesteps) == ("CartPole-v1", 8, 0, 25000)
    assert config == find("ppo2").config("CartPole-v1", {}, "single") and config.nsteps == 32
    with Path("log/progress.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["total/timesteps"] for row in rows] == ["10240", "20480"]  # 40 cycles of 32 steps of 8 environments
    assert all(100 < float(row["test/mean_return"]) <= 500 and row["test/success_rate"] == "nan" for row in rows)
    assert json.loads(Path("latest.json").read_text())["success_rate"] is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (WORDS, "sb3_run: Stable-Baselines3 is not installed; pip install"),
        ([POINT_REACH], "--log_path is missing (folder for progress.csv)"),
        (["--log_path=taken"], "cannot write to folder taken"),
    ],
)
def test_bad_input_is_one_line(words, expected, cwd, capsys, monkeypatch):
    monkeypatch.setattr(peers, "import_sb3", lambda: None)
    assert expected in command_refused(capsys, sb3_run.main, *words)
