"""--env_kwargs and --max_episode_steps, wherever an environment is made by its name."""

import importlib
import json
import shutil
from pathlib import Path

import pytest
import tensorflow as tf

import baselines
import tests.environments  # noqa: F401  registers what --env names without a module
from baselines import play, run
from baselines.storage import read_arrays, write_arrays
from tests.commands.doors import command_refused
from tests.helpers import TINY

evaluate = importlib.import_module("baselines.evaluate")  # which `import` makes the function of its name

ARGUMENTS = ["--env_kwargs=colour=red", "--max_episode_steps=6"]
MODULE = "--env=tests.environments:"


def learn(folder, *words):
    run.main([*words, "--n_epochs=1", "--seed=0", "--vec_env=sync", f"--save_path={folder}/kept",
              f"--log_path={folder}/log"])  # fmt: skip
    return folder / "kept"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """On environments that are registered already, so that evaluate and play import nothing."""
    her, ppo2, silent = (tmp_path_factory.mktemp(name) for name in ("her", "ppo2", "silent"))
    playing = ["--play", "--play_episodes=1", f"--record_demos={her}/d.npz", "--keep_failures"]
    small = ["--n_cycles=1", "--nsteps=8", "--nminibatches=2", "--num_hidden=4", "--n_test_episodes=2"]
    tf.config.run_functions_eagerly(True)
    policies = {
        "her": learn(her, "--env=Coloured-v0", *ARGUMENTS, *playing, *TINY),
        "ppo2": learn(ppo2, "--alg=ppo2", "--env=Coloured-v0", *ARGUMENTS, *small),
        "silent": learn(silent, "--env=Silent-v0", *TINY),
    }
    tf.config.run_functions_eagerly(False)
    return policies


def mean_length(*words):
    evaluate.main([*words, "--episodes=4", "--json=result.json", "--vec_env=sync"])
    return json.loads(Path("result.json").read_text())["mean_length"]


def test_commands_take_them_and_say_what_the_environment_needs(trained, cwd, capsys):
    named, policy = f"{MODULE}Coloured-v0", f"--load_path={trained['her']}"
    assert mean_length(named, *ARGUMENTS, policy) == 6
    play.main([named, *ARGUMENTS, policy, "--episodes=1", "--record_demos=demos.npz", "--keep_failures"])
    assert "wrote 1 of 1 episode " in capsys.readouterr().out
    result = baselines.evaluate_policy(baselines.load_policy(trained["her"]), named.removeprefix("--env="), 2,
                                       env_kwargs={"colour": "red"}, max_episode_steps=3)  # fmt: skip
    assert result.mean_length == 3
    for command in (evaluate, play):
        other = "--env_kwargs=colour=blue"
        assert "ValueError: expected a red one" in command_refused(capsys, command.main, named, other, policy)
    assert mean_length(named, policy) == 6, "a policy remembers the arguments"


@pytest.mark.parametrize("alg", ["her", "ppo2"])
def test_a_policy_is_evaluated_and_played_in_what_it_was_trained_on(alg, trained, cwd, capsys):
    policy = f"--load_path={trained[alg]}"
    assert mean_length(policy) == 6
    if alg == "her":
        play.main([policy, "--episodes=1", "--record_demos=demos.npz", "--keep_failures"])
    result = baselines.evaluate_policy(baselines.load_policy(trained[alg]), episodes=2, max_episode_steps=3,
                                       vec_env="sync")  # fmt: skip
    assert result.mean_length == 3
    line = command_refused(capsys, evaluate.main, policy, "--episodes=1", "--env_kwargs=colour=blue", "--vec_env=sync")
    assert "expected a red one" in line


@pytest.mark.parametrize("kwargs", ["colour=/etc/passwd", "{'colour': ['a', {'b': '..'}]}", "colour=red.xml"])
def test_what_could_name_a_file_is_not_taken_from_a_policys_folder(kwargs, trained, cwd, capsys):
    path = str(Path(shutil.copytree(trained["her"], "kept"), "latest.safetensors"))
    sound, arrays = read_arrays(path)
    write_arrays(path, {**sound, "environment": {**sound["environment"], "env_kwargs": kwargs}}, arrays)
    line = command_refused(capsys, evaluate.main, "--load_path=kept", "--episodes=1")
    assert "if you trust the policy, give the same --env_kwargs" in line


def test_where_success_is_not_said_it_is_a_reward_as_at_the_goal(trained, cwd, capsys):
    policy = f"--load_path={trained['silent']}"
    assert mean_length(policy) == 6
    said = capsys.readouterr()
    assert said.err.count("success is a reward as at the goal") == 1 and "success rate" in said.out
    assert json.loads(Path("result.json").read_text())["success_rate"] is not None
    play.main([policy, "--episodes=2", "--record_demos=demos.npz", "--keep_failures"])
    assert capsys.readouterr().out.count("success is a reward as at the goal") == 1


def test_what_render_raises_is_said_with_file_and_line(trained, cwd, capsys):
    words = [f"{MODULE}Silent-v0", f"--load_path={trained['silent']}", "--video=seen.mp4"]
    line = command_refused(capsys, play.main, *words)
    assert "IndexError: list index out of range (environments.py, line " in line
