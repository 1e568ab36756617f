"""--env_kwargs and --max_episode_steps, wherever an environment is made by its name."""

import importlib
import json
from pathlib import Path

import gymnasium
import pytest

import baselines
from baselines import play, run
from tests.environments import PointReach
from tests.helpers import TINY

evaluate = importlib.import_module("baselines.evaluate")  # which `import` makes the function of its name


class Coloured(PointReach):
    def __init__(self, colour="grey", **kwargs):
        if colour != "red":
            raise ValueError("expected a red one")
        super().__init__(**kwargs)


gymnasium.register("Coloured-v0", Coloured)
NAMED = ["--env=tests.commands.test_env_arguments:Coloured-v0", "--env_kwargs=colour=red", "--max_episode_steps=6"]


@pytest.fixture
def policy(cwd):
    run.main([*NAMED, "--n_epochs=1", "--seed=0", "--save_path=saved", "--log_path=log", *TINY])
    return "saved"


def test_training_evaluating_and_playing_take_them(policy, capsys):
    evaluate.main([*NAMED, f"--load_path={policy}", "--episodes=4", "--json=found.json"])
    assert json.loads(Path("found.json").read_text())["mean_length"] == 6
    play.main([*NAMED, f"--load_path={policy}", "--episodes=1", "--record_demos=demos.npz", "--keep_failures"])
    assert "wrote 1 of 1 episodes" in capsys.readouterr().out
    found = baselines.evaluate(baselines.load_policy(policy), NAMED[0].removeprefix("--env="), 2,
                               env_kwargs={"colour": "red"}, max_episode_steps=3)  # fmt: skip
    assert found.mean_length == 3


def test_without_them_the_environment_says_what_it_needs(policy, capsys):
    for command in (evaluate, play):
        with pytest.raises(SystemExit) as ended:
            command.main([NAMED[0], f"--load_path={policy}"])
        assert ended.value.code == 2 and "ValueError: expected a red one" in capsys.readouterr().err


def test_play_after_training_takes_them(cwd, capsys):
    words = ["--n_epochs=1", "--play", "--play_episodes=1", "--record_demos=d.npz", "--keep_failures", "--log_path=log"]
    run.main([*NAMED, *words, *TINY])
    assert "played 1 episodes" in capsys.readouterr().out
