"""The README: what it names exists, what it shows runs."""

import dataclasses
import re
from pathlib import Path

import pytest

from baselines.common.cmd_util import make_parser
from baselines.her.experiment.config import HERConfig
from baselines.her.experiment.data_generation import fetch_data_generation as generation

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.S)


def flags_of(parser):
    return {option.lstrip("-") for action in parser._actions for option in action.option_strings}


def test_every_flag_that_the_readme_names_exists():
    not_ours = {"setting", "logdir", "output", "load_path", "save_path", "tf_xla_persistent_cache_directory"}
    named = set(re.findall(r"--(\w[\w-]*)", README)) - {"no-deps"} - not_ours
    known = (
        flags_of(make_parser()) | flags_of(generation.make_parser()) | {f.name for f in dataclasses.fields(HERConfig)}
    )
    assert named and named <= known


def test_every_key_of_the_log_is_in_the_glossary_and_the_other_way_round():
    from tests.test_learning import train_point_reach

    table = README[README.index("| key | meaning |") :].split("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    glossary = [key for row in rows for key in re.findall(r"`([^`]+)`", row)]
    logged = train_point_reach(n_epochs=1, hidden=8, layers=1, n_cycles=1, n_batches=1, n_test_rollouts=1)[0]
    assert sorted(glossary) == sorted(logged)


def test_every_file_that_the_code_map_names_exists():
    code_map = README[README.index("## Code map") :]
    for row in re.findall(r"^\| (`baselines.*?) \|", code_map, re.M):
        first, *others = re.findall(r"`([^`]+)`", row)
        for path in [first, *(f"{Path(first).parent}/{other}" for other in others)]:
            assert (ROOT / path).exists(), path


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS, ids=["policy", "from_python", "teleoperation"][: len(BLOCKS)])
def test_the_python_of_the_readme_runs(block, tmp_path, monkeypatch):
    from baselines import run

    monkeypatch.chdir(tmp_path)
    short = ["--n_cycles=1", "--n_batches=1", "--hidden=8", "--n_epochs=1", "--save_path=reach"]
    run.main(["--env=FetchReach-v1", *short])
    names = {"observation": dict(observation=[0.0] * 10, achieved_goal=[0.0] * 3, desired_goal=[0.0] * 3)}
    exec(block.replace("total_timesteps=5000", "total_timesteps=50"), names)
    assert "action" in names or (tmp_path / "teleoperated.npz").exists()
