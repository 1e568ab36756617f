"""The `baselines` command, the list of environments, and the words of other libraries."""

import os
import pkgutil
import subprocess
import sys

import pytest

import baselines
from baselines.__main__ import commands, main
from baselines.common import old_names
from baselines.common.cli import show
from baselines.common.settings import names_of
from baselines.environments import describe
from baselines.runs.algorithms import find
from tests.commands.doors import command_refused
from tests.docs.commands import OPTIONS, SETTINGS
from tests.helpers import ROOT

pytestmark = pytest.mark.usefixtures("cwd")


def test_every_command_is_a_subcommand_with_a_line_of_help(capsys):
    main(["--help"])
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert [name for name, _ in lines] == [*commands()] and all(about for _, about in lines)
    modules = {m.name for m in pkgutil.iter_modules(baselines.__path__) if not m.ispkg}
    others = {"__main__", "api", "algorithm", "logger", "seeds"}
    assert {"environments" if name == "envs" else name for name in commands()} == modules - others


def test_subcommands_and_the_version(capsys):
    main(["--version"])
    assert capsys.readouterr().out == f"baselines {baselines.__version__}\n"
    main(["evaluate", "--help"])
    assert "--load_path" in capsys.readouterr().out
    assert "there is no command 'evalute'; nearest: evaluate" in command_refused(capsys, main, "evalute")


def test_environments_are_listed_with_what_is_known_of_them(capsys):
    main(["envs", "--env=FetchPush*"])
    dense, push = (block.splitlines() for block in sorted(capsys.readouterr().out.split("FetchPush")[1:], reverse=True))
    assert "observation 25, goal 3, action 4; 50 steps" in push[0] and push[1] == "  --alg=her can train here"
    assert "0.9 after " in push[2] and "seed" in push[2] and len(dense) == 2
    main(["envs", "--env=tests.environments:PointReach-v0"])
    assert "PointReach-v0: Gymnasium; observation 2, goal 2, action 2; 30 steps" in capsys.readouterr().out
    _, why, *_ = describe("CartPole-v1", find("her"))
    assert "--alg=her cannot train here: " in why and "desired_goal" in why
    assert describe("GymV21Environment-v0", find("her"))[0].startswith("GymV21Environment-v0: cannot be used: ")
    assert "no environment has such a name" in command_refused(capsys, main, "envs", "--env=Fetsh*")


def test_a_module_of_ones_own_is_listed_without_those_of_the_libraries(cwd):
    (cwd / "mine.py").write_text(
        "import gymnasium\nfrom tests.environments import PointReach\n"
        "gymnasium.register('Mine-v0', PointReach, max_episode_steps=7)\n"
    )
    command = [sys.executable, "-m", "baselines.environments", "--env=mine:*"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(cwd)])}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120)
    assert "mine:Mine-v0: Gymnasium; " in done.stdout and "7 steps" in done.stdout and "Fetch" not in done.stdout


def test_the_words_of_others_lead_to_settings_that_there_are():
    ours = {*SETTINGS}.union(*map(names_of, OPTIONS.values()))
    for new, others in old_names._RENAMED.items():
        assert {*new.split()} <= ours and others.split(), new
        assert old_names.hint(others.split()[0], new.split()).startswith(f": use --{new.split()[0]}")


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [("learning_rate", ["Q_lr", "pi_lr"], ": use --Q_lr and --pi_lr"), ("learning_rate", ["lr"], ": use --lr"),
     ("tau", ["polyak"], ": use --polyak (which is 1 - tau)"), ("device", [], ": TensorFlow uses a GPU"),
     ("total_timesteps", ["timesteps"], ": use --timesteps"), ("bach_size", ["batch_size"], "; nearest: batch_size")],
)  # fmt: skip
def test_a_hint_names_what_the_command_has(word, known, said):
    assert old_names.hint(word, known).startswith(said)


@pytest.mark.parametrize("columns", [80, 120])
def test_lines_fit_a_terminal_between_words_and_commands_stay_whole(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    sentence, command, table = "a sentence of words " * 12, f"  python -m {'x' * 150}", f"| {'-' * 150} |"
    show(f"{sentence}\n{command}\n{table}")
    assert capsys.readouterr().out == f"{sentence}\n{command}\n{table}\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    show(f"{sentence}\n{command}\n{table}")
    *lines, last, lines_of_table = capsys.readouterr().out.splitlines()
    assert (last, lines_of_table) == (command, table)
    assert " ".join(" ".join(lines).split()) == sentence.strip() and columns - 9 < max(map(len, lines)) <= columns
