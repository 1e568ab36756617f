"""An algorithm of the user's own: examples/cross_entropy.py through the launcher, and modules with `learn` alone."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

import baselines
from baselines import run
from baselines.common.errors import UserError
from baselines.evaluate import main as evaluate
from baselines.play import main as play
from baselines.runs.run import Run
from tests.environments import PointReach
from tests.helpers import POINT_REACH, ROOT, document, refused, rows, timeless, write_package

ALG = "--alg=examples.cross_entropy"
CART_POLE = [ALG, "--env=CartPole-v1", "--num_env=2", "--vec_env=sync", "--seed=0", "--population=4", "--elites=2"]
SHORT = [*CART_POLE, "--generations=2", "--n_epochs=3"]
pytestmark = pytest.mark.usefixtures("cwd")


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The log folder and the policies of a short run."""
    folder = tmp_path_factory.mktemp("cross_entropy")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        run.main([*SHORT, f"--log_path={folder / 'log'}", f"--save_path={folder / 'policies'}"])
    return folder / "log", folder / "policies"


@pytest.mark.slow
def test_the_example_has_fewer_than_100_lines_and_learns_to_balance_the_pole():
    assert len((ROOT / "examples/cross_entropy.py").read_text().splitlines()) < 100
    seen = []
    baselines.train(alg="examples.cross_entropy", env="CartPole-v1", num_env=2, vec_env="sync", n_epochs=2, seed=0,
                    callback=lambda row: seen.append(row["test/mean_return"]))  # fmt: skip
    assert seen[-1] > 300  # a pole that nobody balances falls after 10 to 30 steps


def test_help_lists_its_settings_and_none_of_another_algorithm(capsys):
    run.main([ALG, "--help"])
    text = capsys.readouterr().out
    assert "--population" in text and "candidates per generation and worker (default: 16)" in text
    assert "--polyak" not in text and "--hidden" not in text and "presets" not in text


@pytest.mark.parametrize(("word", "message"), [("--population=1", "population: expected at least 2, got 1"),
                                               ("--populaton=4", "nearest: population"),
                                               ("--preset=single", "has none"),
                                               ("--load_path={}", "does not fit CartPole-v1")])  # fmt: skip
def test_its_settings_are_checked_and_a_policy_of_another_algorithm_is_refused(word, message, capsys, finished):
    assert message in refused(capsys, ALG, "--env=CartPole-v1", word.format(finished[1]))


def test_it_logs_and_saves(trained):
    log, policies = trained
    table = rows(log)
    assert [row["epoch"] for row in table] == ["0", "1", "2"]
    steps = [int(float(row["total/timesteps"])) for row in table]
    assert 0 < steps[0] < steps[1] < steps[2]
    assert {"log.txt", "progress.csv", "progress.json", "config.json", "checkpoint"} <= set(os.listdir(log))
    assert document(log)["config"]["population"] == 4 and document(log)["alg"] == "examples.cross_entropy"
    assert sorted(os.listdir(policies)) == ["best.safetensors", "latest.safetensors"]


@pytest.mark.slow
def test_its_policies_are_loaded_played_and_evaluated(trained, capsys):
    policy = baselines.load_policy(str(trained[1]))
    assert policy.act([[0.0] * 4] * 3).shape == (3,) and policy.act([0.0] * 4) in (0, 1)
    best = max(float(row["test/mean_return"]) for row in rows(trained[0]))
    evaluate([f"--load_path={trained[1] / 'best'}", "--episodes=200", "--json=figures.json"])
    figures = json.loads(Path("figures.json").read_text())
    assert figures["mean_return"] == figures["mean_length"] == pytest.approx(best, rel=0.35)
    assert figures["success_rate"] is None and figures["mean_final_distance"] is None
    play([f"--load_path={trained[1] / 'best'}", "--episodes=2"])
    assert "played 2 episodes, mean return" in capsys.readouterr().out


def test_training_begins_with_a_loaded_policy(trained):
    run.main([*CART_POLE, "--n_epochs=0", f"--load_path={trained[1]}", "--log_path=log", "--save_path=p"])
    before, after = (baselines.load_policy(str(path)).arrays for path in (trained[1], "p"))
    assert before.keys() == after.keys()
    for name, array in before.items():
        np.testing.assert_array_equal(array, after[name])


@pytest.mark.parametrize("cycles", [4, 5])  # the end of an epoch, the middle of one
def test_a_run_that_was_stopped_continues_exactly(cycles, trained, monkeypatch):
    import examples.cross_entropy as example

    real, count = example.next_generation, []

    def next_generation(*arguments):
        count.append(1)
        if len(count) == cycles:
            os.kill(os.getpid(), signal.SIGTERM)
        real(*arguments)

    with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(example, "next_generation", next_generation)
        run.main([*SHORT, "--log_path=log"])
    assert ended.value.code == 128 + signal.SIGTERM
    run.main(["--resume=log"])
    assert timeless("log") == timeless(trained[0])


@pytest.mark.slow
def test_two_workers_train_one_policy_together(forks):
    done = forks.run(2, *SHORT, "--log_path=log", "--save_path=p")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("| epoch ") == 3 and sorted(os.listdir("p")) == ["best.safetensors", "latest.safetensors"]
    assert {p.stem.partition("-")[2] for p in Path("log/checkpoint").iterdir()} == {"rank0", "rank1"}
    again = forks.run(2, "--resume=log", "--n_epochs=4")
    assert again.returncode == 0, again.stderr
    whole = forks.run(2, *SHORT[:-1], "--n_epochs=4", "--log_path=whole")
    assert whole.returncode == 0, whole.stderr
    assert timeless("log") == timeless("whole") and len(rows("log")) == 4


# ---- nothing but learn ----


def test_a_module_with_nothing_but_learn_is_an_algorithm(modules, capsys):
    text = """
from baselines.algorithm import Agent, NetworkPolicy

class Still(Agent):
    def __init__(self, spec):
        self.spec = spec
    def policy(self):
        n = sum(self.spec.observation_sizes.values())
        return NetworkPolicy(self.spec, [([[0.0] * self.spec.action_size] * n, [0.0] * self.spec.action_size)])

def learn(env, config, run):
    run.logger.info(f"mine: {run.options.num_timesteps:g} steps, seed {run.seed}, {env.reset()['observation'].shape}")
    return Still(env.spec)
"""
    write_package(modules, "mine", algorithm=text)
    words = ["--alg=mine.algorithm", POINT_REACH, "--num_env=3", "--vec_env=sync", "--num_timesteps=2e3", "--seed=7"]
    run.main(words)
    assert capsys.readouterr().out == "mine: 2000 steps, seed 7, (3, 2)\n"
    (log,) = Path("runs").glob("mine.algorithm-*/log.txt")
    assert log.read_text() == "mine: 2000 steps, seed 7, (3, 2)\n"
    assert "there is no setting 'flavour'" in refused(capsys, *words, "--flavour=sweet")


ENDLESS = """
from examples.cross_entropy import CrossEntropy
def learn(env, config, run):
    run.plan(1, 10)
    run.register(CrossEntropy(env.spec))
    for epoch in run.epochs():
        pass
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [("answer = 42", "learn(env, config, run)"), ("def learn(", "SyntaxError"),
     ("def learn(env, config, run):\n    return 42", "must return a baselines.algorithm.Agent, got 42"),
     ("Config = dict\ndef learn(env, config, run):\n    pass", "Settings"), (ENDLESS, "run.end_epoch")],
)  # fmt: skip
def test_a_module_that_is_no_algorithm_is_refused(text, message, modules):
    name = f"no_algorithm_{abs(hash(text))}"
    write_package(modules, name, algorithm=text)
    with pytest.raises(UserError) as error:
        baselines.train(alg=f"{name}.algorithm", env="PointReach-v0", n_epochs=1)
    assert message in str(error.value)


def test_environments_without_a_time_limit_are_refused_by_an_algorithm_that_plans_by_it():
    with pytest.raises(UserError, match="no time limit"):
        baselines.train(alg="examples.cross_entropy", env=PointReach(), n_epochs=1)


def test_a_score_of_nan_is_never_the_best_and_is_warned_of_once(cwd, capsys, monkeypatch):
    scores = iter([np.nan, 1.0, np.nan, 0.5])
    monkeypatch.setattr(Run, "end_epoch", lambda run, row, score, end=Run.end_epoch: end(run, row, next(scores)))
    agent = baselines.train(alg="examples.cross_entropy", env="CartPole-v1", n_epochs=4, seed=0, population=4, elites=2,
                            generations=1, num_env=2, vec_env="sync", save_path=Path("kept"),
                            log_path=Path("log"))  # fmt: skip
    printed = capsys.readouterr().out
    assert printed.count("the score: nan") == printed.count("warning: epoch") == 1
    best, latest = (baselines.load_policy(Path("kept", name)) for name in ("best", "latest"))
    agent.save(Path("saved"))
    np.testing.assert_array_equal(baselines.load_policy(Path("saved")).layers[0][0], latest.layers[0][0])
    assert (best.layers[0][0] != latest.layers[0][0]).any()
    for word in (None, 3, "", b"kept", "a\0b", agent):
        with pytest.raises(UserError, match="path: expected a file or folder, got"):
            baselines.load_policy(word)
    with pytest.raises(UserError, match="expected a policy, from agent.policy"):
        baselines.export_policy(agent, "numpy", Path("a.py"))


@pytest.mark.parametrize(
    ("rates", "falls"), [((0.9, 0.8, 0.2, 0.3, 0.1), 1), ((0.9, 0.1, 0.8, 0.7, 0.2), 0), ((0.2, 0, 0, 0, 0), 0)]
)
def test_a_run_whose_success_falls_says_so_once_and_names_the_best_policy(rates, falls, cwd, capsys, monkeypatch):
    rates = iter(rates)

    def end(run, row, score, end=Run.end_epoch):
        rate = next(rates)
        end(run, {**row, "test/success_rate": rate}, rate)

    monkeypatch.setattr(Run, "end_epoch", end)
    baselines.train(alg="examples.cross_entropy", env="CartPole-v1", n_epochs=5, seed=0, population=4, elites=2,
                    generations=1, num_env=2, vec_env="sync", save_path="kept", log_path="log")  # fmt: skip
    said = "success fell from 0.90 to 0.43, the mean of 3 evaluations: the best policy is kept/best.safetensors"
    assert capsys.readouterr().out.count(said) == falls
