"""The README: what it names exists, what it shows runs."""

import re
from pathlib import Path

import numpy as np
import pytest

from baselines.common.settings import names_of
from baselines.evaluate import EvaluateOptions
from baselines.export import ExportOptions
from baselines.her.demonstrations import read_demonstrations
from baselines.her.experiment.config import HERConfig
from baselines.her.experiment.data_generation.fetch_data_generation import GenerationOptions
from baselines.play import PlayOptions
from baselines.run import Words
from baselines.tune import TuneOptions
from tests.commands.doors import FETCH_REACH_SIZES, save
from tests.helpers import ROOT, train_rows

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.S)
FLAGS = {
    "run": {*names_of(Words), *names_of(HERConfig), "help"},
    "play": {*names_of(PlayOptions), "help"},
    "evaluate": {*names_of(EvaluateOptions), "help"},
    "export": {*names_of(ExportOptions), "help"},
    "her.experiment.data_generation.fetch_data_generation": {*names_of(GenerationOptions), "help"},
    "tune": {*names_of(TuneOptions), *names_of(HERConfig), "help"},
    "plot": {"x", "y", "output", "help"},
}
FLAGS["her.experiment.play"], FLAGS["her.experiment.plot"] = FLAGS["play"], FLAGS["plot"]
FLAGS["her.experiment.train"] = {*FLAGS["run"], "logdir", "num_cpu"}


def test_every_flag_that_the_readme_names_exists():
    not_ours = {"setting", "logdir", "no-deps", "tf_xla_persistent_cache_directory"}
    named = set(re.findall(r"--(\w[\w-]*)", README)) - not_ours
    known = set().union(*FLAGS.values())
    assert named and sorted(named - known) == []


def test_every_command_that_the_readme_shows_has_these_flags():
    commands = re.findall(r"python -m baselines\.([\w.]+)([^\n`;]*)", README)
    assert {"run", "play", "evaluate", "plot"} <= {command for command, _ in commands}
    for command, words in commands:
        assert set(re.findall(r"--(\w[\w-]*)", words)) <= FLAGS[command], (command, words)


def test_every_key_of_the_log_is_in_the_glossary_and_the_other_way_round():
    table = README[README.index("| key | meaning |") :].split("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    glossary = [key for cell in cells for key in re.findall(r"`([^`]+)`", cell)]
    logged = train_rows(n_epochs=1, hidden=8, layers=1, n_cycles=1, n_batches=1, n_test_rollouts=1)[0]
    assert sorted(glossary) == sorted(logged)


def test_every_file_that_the_code_map_names_exists():
    code_map = README[README.index("## Code map") :]
    table = re.findall(r"^\| (`baselines.*?) \|", code_map, re.M)
    assert table
    for row in table:
        first, *others = re.findall(r"`([^`]+)`", row)
        for path in [first, *(f"{Path(first).parent}/{other}" for other in others)]:
            assert (ROOT / path).exists(), path


def test_every_file_that_the_readme_links_to_or_names_exists():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("http")]
    named = re.findall(r"`((?:tests|docs|data|benchmarks|examples)/[\w./]*)`", README)
    assert links and named
    for path in links + named:
        assert (ROOT / path).exists(), path


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS, ids=[re.findall(r"(\w+)\(", block)[-1] for block in BLOCKS])
def test_the_python_of_the_readme_runs(block, cwd, capsys):
    save("reach/best", sizes=FETCH_REACH_SIZES)
    names = {"observation": dict(observation=[0.0] * 10, achieved_goal=[0.0] * 3, desired_goal=[0.0] * 3)}
    exec(block.replace("total_timesteps=5000", "total_timesteps=50"), names)
    if "write_demonstrations" in block:
        assert read_demonstrations("teleoperated.npz", FETCH_REACH_SIZES).success.mean() > 0.5
    elif "load_policy" in block:
        assert names["action"].shape == (4,) and np.isfinite(names["action"]).all()
    else:
        assert "Evaluation(episodes=20, success_rate=" in capsys.readouterr().out
        assert Path("mine/policy.json").exists() and Path("runs/mine/progress.csv").exists()
