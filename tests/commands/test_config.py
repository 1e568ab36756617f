"""--config: flags and settings from a file of the user's, or from the config.json of a run."""

import json
import sys
from pathlib import Path

import pytest

from baselines import run
from tests.helpers import POINT_REACH, POINT_REACH_ID, TINY, TINY_SETTINGS, document, refused, timeless

YAML = """
env: tests.environments:PointReach-v0
num-timesteps: 1e2   # PyYAML takes this for a word
env_kwargs: {}
seeds: [3]
config:
  polyak: 9e-1
  replay_strategy: final
"""


def test_a_file_gives_flags_and_settings_and_the_command_line_wins(cwd, untrained):
    Path("mine.yaml").write_text(YAML)
    run.main([*TINY, "--config=mine.yaml", "--n_epochs=2", "--seed=4", "--polyak=0.8", "--log_path=log"])
    found = document("log")
    assert (found["env"], found["n_epochs"], found["num_timesteps"], found["seed"]) == (POINT_REACH_ID, 2, None, 4)
    assert (found["config"]["polyak"], found["config"]["replay_strategy"]) == (0.8, "final")
    assert "command: python -m baselines.run --n_cycles=2 " in Path("log/log.txt").read_text()
    run.main([*TINY, "--config=mine.yaml", "--seed=4", "--log_path=other"])
    assert (document("other")["num_timesteps"], document("other")["config"]["polyak"]) == (100, 0.9)


@pytest.mark.parametrize("steps", [120, 30])
def test_a_run_is_repeated_from_its_config_json(steps, cwd, eagerly):
    run.main([POINT_REACH, *TINY, f"--num_timesteps={steps}", "--seed=1", "--log_path=log", "--save_path=policies"])
    if steps == 30:  # an epoch that is shortened, in the record of a resumed run, which has no other length
        run.main(["--resume=log"])
        assert document("log")["num_timesteps"] is None
    run.main(["--config=log/config.json", "--log_path=again"])
    assert timeless("again") == timeless("log")
    ours, theirs = document("again"), document("log")
    free = dict.fromkeys(("num_timesteps", "save_path", "folder", "crc32"))
    assert {**ours, **free} == {**theirs, **free} and ours["save_path"] is None


def test_a_repeated_run_takes_other_settings(finished, cwd, untrained):
    run.main([f"--config={finished[0]}/config.json", "--hidden=4", "--n_epochs=7", "--log_path=again"])
    again = document("again")
    assert again["config"] == {**document(finished[0])["config"], "hidden": 4} and again["schedule"]["n_epochs"] == 7


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("nowhere.yaml", None, "No such file"),
        ("list.json", "[1]", "expected a mapping"),
        ("empty.yaml", "", "expected a mapping"),
        ("word.yaml", "config: other", "expected a mapping"),
        ("bad.json", '{"a": ', "Expecting value"),
        ("bad.yaml", "a: [", "while parsing"),
        ("tag.yaml", "a: !!python/object/apply:os.system ['touch pwned']", "could not determine a constructor"),
        ("numbers.yaml", "1: 2", "expected the names"),
        ("deep.yaml", "[" * 9000, "config=deep.yaml"),
        ("unknown.yaml", "bach_size: 3", "'bach_size'; nearest: batch_size"),
        ("sb3.yaml", "learning_rate: 1e-3", "use --Q_lr and --pi_lr"),
        ("kind.yaml", "buffer_size: [1]", "buffer_size: expected a whole number"),
        ("record.json", '{"format": "baselines run 3", "config": {}}', None),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(name, text, said, cwd, capsys, untrained):
    if text is not None:
        Path(name).write_text(text)
    if said is None:
        run.main([f"--config={name}", POINT_REACH, "--log_path=log"])
        return
    assert said in refused(capsys, f"--config={name}", POINT_REACH, *TINY)


def test_a_preset_contradicts_the_settings_of_a_run(finished, cwd, capsys):
    line = refused(capsys, f"--config={finished[0]}/config.json", "--preset=single")
    assert "has all settings of a run with no preset; leave one out" in line


def test_yaml_without_pyyaml_names_it(cwd, capsys, monkeypatch, untrained):
    monkeypatch.setitem(sys.modules, "yaml", None)
    Path("mine.yaml").write_text("hidden: 8")
    assert "pip install pyyaml" in refused(capsys, "--config=mine.yaml")
    Path("mine.json").write_text(json.dumps({"env": POINT_REACH_ID, "log_path": "log", **TINY_SETTINGS}))
    run.main(["--config=mine.json"])
    assert document("log")["config"]["hidden"] == 8
