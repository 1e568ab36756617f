"""What --help prints: every flag, setting and preset, with meaning and default."""

import dataclasses
import os
import re

import pytest

from baselines import run
from baselines.common.settings import names_of
from baselines.her.experiment.config import PRESETS, HERConfig
from baselines.run import LauncherOptions

FLAGS = dict(help=None, alg="her", env="FetchReach-v1", num_timesteps="1e6", n_epochs=None,
             num_env="the preset's, else 1", vec_env="auto", step_timeout="0.0", seed="a new one", preset=None,
             load_path=None, save_path=None, policy_save_interval="5", checkpoint_interval="1", resume=None,
             log_path="a new one", play=None, play_episodes="10", record_demos=None, keep_failures=None,
             save_video_interval="0", save_video_length="200", extra_import=None, quiet="False", env_kwargs=None,
             reward_info=None, max_episode_steps="the environment's own", wandb_project=None, config=None,
             seeds=None, n_seeds=None, jobs="1", worker_timeout="1800.0")  # fmt: skip


def described(text):
    """What --help says of each flag and setting; the usage in front is cut off."""
    pieces = re.split(r"\s--(?=\w)", " " + " ".join(text.partition("\noptions:")[2].split()))
    meanings = {}
    for piece in pieces:
        name, _, meaning = piece.partition(" ")
        meanings.setdefault(name.rstrip(","), meaning)  # a flag may be spoken of again in another one's meaning
    return meanings


def words_of(settings):
    return [f"--{name}={value}" for name, value in settings.items()]


def test_help_has_every_flag_with_its_default(cwd, capsys):
    run.main(["--seed=1", "--hidden", "8", "--help", "--play"])
    meanings = described(capsys.readouterr().out)
    assert FLAGS.keys() == {"help", *names_of(LauncherOptions)}
    for flag, default in FLAGS.items():
        assert meanings[flag] and (default is None or f"(default: {default}" in meanings[flag]), flag
    assert os.listdir() == ["taken"]


def test_help_has_every_setting_with_its_meaning_and_default(cwd, capsys):
    run.main(["--alg=her", "-h"])
    text = " ".join(capsys.readouterr().out.split())
    for setting in dataclasses.fields(HERConfig):
        text_or_none = setting.metadata["default_text"]
        default = setting.default if text_or_none is None else text_or_none
        meaning = setting.metadata["meaning"] + (f" (default: {default})" if default != "" else "")
        assert f" --{setting.name} {meaning}" in text


def test_help_has_every_preset_with_its_settings_and_its_environments(cwd, capsys):
    run.main(["--help"])
    presets = capsys.readouterr().out.partition("\npresets of --alg=her:\n")[2].partition("\n\n")[0]
    lines = [line.split() for line in re.sub("\n {6,}", " ", presets).splitlines()]
    expected = []
    for name, preset in PRESETS.items():
        expected.append([name, *words_of({**preset.settings, "num_env": preset.num_env})])
        expected += [[f"{tasks}:", *words_of(own)] for tasks, own in preset.tasks.items()]
    assert lines == expected
    assert ["HandManipulate*:", "--n_critics=1", "--layer_norm=False", "--n_batches=120"] in lines


@pytest.mark.parametrize("columns", [80, 120])
def test_help_fits_the_terminal_in_groups_with_choices_and_ends_with_examples(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    run.main(["--help"])
    text, _, examples = capsys.readouterr().out.partition("\nexamples:\n")
    assert max(map(len, text.splitlines())) in range(columns - 8, columns + 1)
    assert examples.count("  python -m baselines.run --") == len(examples.splitlines()) > 3
    groups = re.findall(r"^(\w[^\n]*):$", text, re.M)
    assert [g for g in "algorithm environment run networks schedule exploration hindsight demonstrations".split()
            if g not in groups] == []  # fmt: skip
    assert "none, auto (it finds" in " ".join(text.split())
