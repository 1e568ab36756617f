"""--env_kwargs and --max_episode_steps, wherever an environment is made by its name."""

import importlib
import json
import shutil
from pathlib import Path

import pytest

import baselines
import tests.environments  # noqa: F401  registers what --env names without a module
from baselines import play, run
from baselines.storage import read_arrays, write_arrays
from tests.helpers import TINY

evaluate = importlib.import_module("baselines.evaluate")  # which `import` makes the function of its name


NAMED = ["--env=tests.environments:Coloured-v0", "--env_kwargs=colour=red", "--max_episode_steps=6"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """On an environment that is registered already, so that evaluate and play import nothing."""
    folder = tmp_path_factory.mktemp("trained")
    words = ["--env=Coloured-v0", *NAMED[1:], "--n_epochs=1", "--seed=0", "--vec_env=sync", *TINY]
    run.main([*words, f"--save_path={folder}/kept", f"--log_path={folder}/log"])
    return folder / "kept"


@pytest.fixture
def policy(cwd, trained):
    shutil.copytree(trained, "kept")
    return "kept"


def test_training_evaluating_and_playing_take_them(policy, capsys):
    evaluate.main([*NAMED, f"--load_path={policy}", "--episodes=4", "--json=found.json"])
    assert json.loads(Path("found.json").read_text())["mean_length"] == 6
    play.main([*NAMED, f"--load_path={policy}", "--episodes=1", "--record_demos=demos.npz", "--keep_failures"])
    assert "wrote 1 of 1 episodes" in capsys.readouterr().out
    found = baselines.evaluate_policy(baselines.load_policy(policy), NAMED[0].removeprefix("--env="), 2,
                               env_kwargs={"colour": "red"}, max_episode_steps=3)  # fmt: skip
    assert found.mean_length == 3


def test_without_them_the_environment_says_what_it_needs(policy, capsys):
    for command in (evaluate, play):
        with pytest.raises(SystemExit) as ended:
            command.main([NAMED[0], f"--load_path={policy}"])
        assert ended.value.code == 2 and "ValueError: expected a red one" in capsys.readouterr().err


# ---- policies remember them ----


@pytest.mark.parametrize("alg", ["her", "ppo2"])
def test_a_policy_is_evaluated_and_played_in_what_it_was_trained_on(alg, policy, capsys):
    if alg == "ppo2":
        run.main(["--alg=ppo2", "--env=Coloured-v0", "--max_episode_steps=6", "--env_kwargs=colour=red", "--n_epochs=1",
                  "--n_cycles=1", "--nsteps=8", "--nminibatches=2", "--num_hidden=4", "--n_test_episodes=2", "--seed=0",
                  "--log_path=ppo2", "--save_path=of_ppo2", "--vec_env=sync"])  # fmt: skip
        policy = "of_ppo2"
    evaluate.main([f"--load_path={policy}", "--episodes=4", "--json=found.json", "--vec_env=sync"])
    assert json.loads(Path("found.json").read_text())["mean_length"] == 6
    if alg == "her":
        play.main([f"--load_path={policy}", "--episodes=1", "--record_demos=demos.npz", "--keep_failures"])
    found = baselines.evaluate_policy(baselines.load_policy(policy), episodes=2, max_episode_steps=3, vec_env="sync")
    assert found.mean_length == 3
    with pytest.raises(SystemExit):
        evaluate.main([f"--load_path={policy}", "--episodes=1", "--env_kwargs=colour=blue", "--vec_env=sync"])
    assert "expected a red one" in capsys.readouterr().err


def test_what_could_name_a_file_is_not_taken_from_a_policys_folder(policy, capsys):
    path = str(Path(policy, "latest.safetensors"))
    sound, arrays = read_arrays(path)
    for kwargs in ("colour=/etc/passwd", "{'colour': ['a', {'b': '..'}]}", "colour=red.xml"):
        write_arrays(path, {**sound, "environment": {**sound["environment"], "env_kwargs": kwargs}}, arrays)
        with pytest.raises(SystemExit) as ended:
            evaluate.main([f"--load_path={policy}", "--episodes=1"])
        line = capsys.readouterr().err
        assert ended.value.code == 2 and "if you trust the policy, give the same --env_kwargs" in line


# ---- what playing says ----


def test_where_success_is_not_said_it_is_a_reward_as_at_the_goal(cwd, capsys):
    words = ["--env=Silent-v0", "--n_epochs=1", "--seed=0", "--save_path=kept", "--log_path=log", "--vec_env=sync"]
    run.main([*words, *TINY])
    evaluate.main(["--load_path=kept", "--episodes=4", "--vec_env=sync", "--json=found.json"])
    said = capsys.readouterr()
    assert said.err.count("success is a reward as at the goal") == 1 and "success rate" in said.out
    assert json.loads(Path("found.json").read_text())["success_rate"] is not None
    play.main(["--load_path=kept", "--episodes=2", "--record_demos=demos.npz", "--keep_failures"])
    assert capsys.readouterr().out.count("success is a reward as at the goal") == 1


def test_what_render_raises_is_said_with_file_and_line(cwd, capsys):
    named = "--env=tests.environments:Silent-v0"
    run.main([named, "--n_epochs=1", "--seed=0", "--save_path=kept", "--log_path=log", "--vec_env=sync", *TINY])
    with pytest.raises(SystemExit) as ended:
        play.main([named, "--load_path=kept", "--video=seen.mp4"])
    line = capsys.readouterr().err
    assert ended.value.code == 2 and not Path("seen.mp4").exists()
    assert "IndexError: list index out of range (environments.py, line " in line


def test_play_after_training_takes_them(cwd, capsys):
    words = ["--n_epochs=1", "--play", "--play_episodes=1", "--record_demos=d.npz", "--keep_failures", "--log_path=log"]
    run.main([*NAMED, *words, *TINY])
    assert "played 1 episodes" in capsys.readouterr().out
