"""Whole runs of PPO as users start them: their logs, their policies, stopping and resuming."""

import json
import math
import os
import re
import signal
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import baselines
from baselines import run
from baselines.evaluate import main as evaluate
from baselines.play import main as play
from baselines.ppo2 import train
from baselines.ppo2.config import PPOConfig
from baselines.ppo2.ppo import PPO
from baselines.storage import read_arrays
from tests.environments import PointReach
from tests.helpers import POINT_REACH, ROOT, checkpoints, document, refused, rows, timeless, uninterrupted
from tests.ppo2.helpers import COUNTING, TINY, TINY_SETTINGS

pytestmark = pytest.mark.usefixtures("cwd", "eagerly")
KINDS = {
    "discrete in EnvPool": ["--env=CartPole-v1", "--num_env=2", "--vec_env=envpool"],
    "discrete": ["--env=CartPole-v1", "--num_env=2", "--vec_env=sync"],
    "continuous in EnvPool": ["--env=Pendulum-v1", "--num_env=3", "--vec_env=envpool"],
    "continuous": ["--env=Pendulum-v1", "--num_env=3", "--vec_env=sync", "--value_network=shared"],
    "goals": [POINT_REACH, "--num_env=2", "--vec_env=sync"],
    "goals in processes": [POINT_REACH, "--num_env=2", "--vec_env=async"],
}


def words(kind, *more):
    """The command line of a small run of one of KINDS."""
    return [*TINY, *KINDS[kind], "--policy_save_interval=2", *more]


def policies_in(folder):
    """Documents and arrays of all policies."""
    policies = {path.name: read_arrays(str(path)) for path in Path(folder).iterdir()}
    return {name: (head, {k: x.tobytes() for k, x in arrays.items()}) for name, (head, arrays) in policies.items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """`whole(kind)`: the log and the policies of an uninterrupted run of three epochs."""
    return uninterrupted(tmp_path_factory.mktemp("whole"), words, n_epochs=3)


# ---- logs ----


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_logs_what_it_did_and_saves_policies(kind, whole):
    log, policies = whole(kind)
    table, num_env = rows(log), int(KINDS[kind][1].partition("=")[2])
    assert [row["epoch"] for row in table] == ["0", "1", "2"]
    for count, row in enumerate(table, 1):
        steps = int(row["total/timesteps"])
        assert int(row["total/updates"]) == 8 * count, "2 cycles of 2 x 2 updates"
        # Steps that only begin an episode are none; an epoch's last end may have no such step in it.
        assert 64 * num_env * count - int(row["train/episode"]) <= steps <= 64 * num_env * count
    assert all(math.isfinite(float(row[name])) for row in table for name in row if name.startswith(("loss/", "test/")))
    assert {"log.txt", "progress.csv", "progress.json", "config.json", "checkpoint"} <= set(os.listdir(log))
    assert sorted(os.listdir(policies)) == ["best.safetensors", "epoch_1.safetensors", "latest.safetensors"]
    assert document(log)["alg"] == "ppo2" and document(log)["config"] == {
        **PPOConfig(**TINY_SETTINGS).document(), "value_network": "shared" if kind == "continuous" else "copy"
    }  # fmt: skip


def test_episodes_of_pendulum_are_all_cut_off_at_200_steps(whole):
    for kind in ("continuous", "continuous in EnvPool"):
        table = rows(whole(kind)[0])
        assert {float(row["test/mean_length"]) for row in table} == {200}
        # An epoch has 64 steps and begins anew: no episode ends in training.
        assert {row["train/mean_return"] for row in table} == {"nan"} and int(table[-1]["train/episode"]) == 0


def test_success_is_logged_where_the_environment_reports_it(whole):
    table = rows(whole("goals")[0])
    assert all(0 <= float(row[f"{part}/success_rate"]) <= 1 for row in table for part in ("test", "train"))
    assert {float(row["train/mean_length"]) for row in table} == {30} and table[-1]["train/episode"] == "12"
    assert "test/success_rate" not in rows(whole("discrete")[0])[0]


def test_episodes_that_ended_in_training_are_logged_with_their_means(monkeypatch):
    env_id = COUNTING.replace("-v0", "Success-v0")
    real, ended = train.log_row, []
    monkeypatch.setattr(train, "log_row", lambda *given: ended.append(np.array(given[1].finished)) or real(*given))
    run.main([*TINY, f"--env={env_id}", "--num_env=2", "--vec_env=sync", "--n_epochs=2", "--log_path=log"])
    for row, finished in zip(rows("log"), ended, strict=True):
        logged = [float(row[f"train/{name}"]) for name in ("mean_return", "mean_length", "success_rate")]
        np.testing.assert_allclose(logged, finished.mean(0), rtol=1e-6)
        assert 0 < logged[2] < 1, "a time limit cuts some of them off"
    assert int(rows("log")[1]["train/episode"]) == sum(map(len, ended))


@pytest.mark.parametrize("kind", ["discrete in EnvPool", "continuous"])
def test_the_same_seed_gives_the_same_run_and_another_another(kind, whole):
    run.main(words(kind, "--n_epochs=3", "--log_path=again", "--save_path=policies"))
    run.main(words(kind, "--n_epochs=3", "--log_path=other", "--seed=1"))
    log, policies = whole(kind)
    assert timeless("again") == timeless(log) != timeless("other")
    assert policies_in("policies") == policies_in(policies)


def test_training_counts_down_to_the_last_cycle(monkeypatch):
    real, seen = PPO.train, []
    monkeypatch.setattr(PPO, "train", lambda *given: seen.append(given[2]) or real(*given))
    run.main(words("discrete", "--n_epochs=2", "--log_path=log"))
    assert seen == [1, 0.75, 0.5, 0.25]


# ---- saved policies ----


@pytest.mark.parametrize("kind", ["discrete in EnvPool", "continuous in EnvPool", "goals"])
def test_saved_policies_are_evaluated_and_played(kind, whole, capsys):
    log, policies = whole(kind)
    env = [KINDS[kind][0]] if kind == "goals" else []  # a module of the user's own is named again
    evaluate([f"--load_path={policies}/best.safetensors", "--episodes=20", "--json=e.json", *env, KINDS[kind][2]])
    figures = json.loads(Path("e.json").read_text())
    best = max(float(row["test/mean_return"]) for row in rows(log))
    assert figures["episodes"] == 20 and figures["mean_return"] == pytest.approx(best, rel=0.9)
    assert (figures["success_rate"] is None) == (kind != "goals")
    play([f"--load_path={policies}", "--episodes=2", *env])
    assert "played 2 episodes" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["discrete", "continuous"])
def test_training_begins_with_a_loaded_policy_and_its_settings(kind, whole):
    _, policies = whole(kind)
    run.main(["--alg=ppo2", *KINDS[kind][:3], f"--load_path={policies}", "--n_epochs=0", "--log_path=log",
              "--save_path=p", "--nsteps=32"])  # fmt: skip
    before, after = (baselines.load_policy(str(path)) for path in (policies, "p"))
    assert before.arrays.keys() == after.arrays.keys()
    for name, array in before.arrays.items():
        np.testing.assert_array_equal(array, after.arrays[name])
    config = document("log")["config"]
    assert config["num_hidden"] == 8 and config["value_network"] == before.config["value_network"]


def test_a_loaded_policy_of_other_sizes_or_another_algorithm_is_refused(whole, capsys, finished):
    _, policies = whole("discrete")
    line = refused(capsys, *TINY, "--env=Pendulum-v1", "--vec_env=sync", f"--load_path={policies}")
    assert "does not fit Pendulum-v1" in line
    assert "--alg=her" in refused(capsys, *TINY, POINT_REACH, f"--load_path={finished[1]}")
    line = refused(capsys, *TINY, *KINDS["discrete"], f"--load_path={policies}", "--value_network=shared")
    assert "value_network=shared" in line and "value_network=copy" in line


# ---- stopped and resumed ----


def stop_after(monkeypatch, cycles):
    """Send this process SIGTERM in the middle of that cycle."""
    real, count = PPO.train, []

    def train_and_stop(*arguments):
        count.append(1)
        if len(count) == cycles:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(*arguments)

    monkeypatch.setattr(PPO, "train", train_and_stop)


RESUMED = ["discrete in EnvPool", "discrete", "continuous in EnvPool", "continuous", "goals",
           pytest.param("goals in processes", marks=pytest.mark.slow)]  # fmt: skip


@pytest.mark.parametrize("cycles", [2, 3])  # before the first epoch's evaluation, in the middle of the second
@pytest.mark.parametrize("kind", RESUMED)
def test_a_run_that_was_stopped_continues_exactly(kind, cycles, whole, monkeypatch):
    log, policies = whole(kind)
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:
        stop_after(patch, cycles)
        run.main(words(kind, "--n_epochs=3", "--log_path=parts", "--save_path=policies"))
    assert ended.value.code == 128 + signal.SIGTERM
    assert len(rows("parts")) == 1 if cycles == 3 else not Path("parts/progress.csv").exists()
    assert checkpoints("parts")[-1] == {2: 2, 3: 4}[cycles]  # one a cycle and one an epoch
    run.main(["--resume=parts"])
    assert timeless("parts") == timeless(log)
    assert policies_in("policies") == policies_in(policies)


def test_a_run_with_constant_rates_can_be_given_more_epochs():
    constant = ["--lr_schedule=constant", "--n_epochs=3"]
    run.main(words("discrete", *constant, "--log_path=log"))
    run.main(words("discrete", *constant[:1], "--n_epochs=1", "--log_path=parts"))
    run.main(["--resume=parts", "--n_epochs=3"])
    assert timeless("parts") == timeless("log") and len(rows("parts")) == 3


def test_every_key_of_the_log_is_in_the_document_and_the_other_way_round():
    table = (ROOT / "docs" / "ppo2.md").read_text().split("| key | meaning |")[1].split("\n\n")[0]
    documented = {key for line in table.splitlines()[2:] for key in re.findall(r"`([^`]+)`", line.split("|")[1])}
    logged = []
    baselines.train("ppo2", "tests.environments:PointReach-v0", n_epochs=1, seed=0, nsteps=64, nminibatches=2,
                    n_cycles=1, n_test_episodes=2, num_hidden=4, callback=logged.append)  # fmt: skip
    shared = {key for key in logged[0] if key.startswith(("time/", "total/")) or key in ("epoch", "fps")}
    assert documented == logged[0].keys() - shared


def test_a_log_has_the_same_columns_where_some_episodes_report_no_success(cwd):
    class Moody(gymnasium.Wrapper):
        """Reports success only in every other episode."""

        count = 0

        def reset(self, **kwargs):
            self.count += 1
            return self.env.reset(**kwargs)

        def step(self, action):
            *result, info = self.env.step(action)
            return *result, info if self.count % 2 else {}

    env = gymnasium.wrappers.TimeLimit(Moody(PointReach()), 10)
    baselines.train("ppo2", env, eval_env=env, n_epochs=4, seed=0, nsteps=20, nminibatches=2, n_cycles=1,
                    n_test_episodes=1, num_hidden=4, log_path="log")  # fmt: skip
    assert len({tuple(row) for row in rows("log")}) == 1 and len(rows("log")) == 4
