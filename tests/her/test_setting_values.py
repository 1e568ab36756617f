"""What is accepted as the value of a setting of HER, and what is refused in one line that names the setting."""

import dataclasses
import re

import pytest

from baselines import run
from baselines.common.errors import UserError
from baselines.her.experiment.config import HERConfig
from baselines.runs.algorithms import find
from baselines.runs.options import Options
from tests.helpers import POINT_REACH, TINY, document, refused

FIELDS = {field.name: field for settings in (HERConfig, Options) for field in dataclasses.fields(settings)}


@pytest.mark.parametrize(
    ("text", "value"),
    [("buffer_size=1e6", 1_000_000), ("buffer_size=1_000", 1000), ("batch_size=64.0", 64), ("hidden=0x10", 16),
     ("polyak=1", 1.0), ("polyak=0", 0.0), ("Q_lr=1e-4", 0.0001), ("action_l2=.5", 0.5), ("replay_k=4", 4.0),
     ("gamma=0.9", 0.9), ("clip_return=true", True), ("clip_return=True", True), ("clip_return=TRUE", True),
     ("clip_return=1", True), ("clip_return=false", False), ("clip_return=False", False), ("clip_return=0", False),
     ("test_with_polyak=1.0", True), ("replay_strategy=none", "none"), ("replay_strategy='none'", "none"),
     ("max_u=1", 1.0), ("hidden=65536", 65536)],
)  # fmt: skip
def test_values_become_the_settings_type(text, value, cwd, monkeypatch):
    kept = []
    monkeypatch.setattr("baselines.her.learn", lambda env, config, run: kept.append(config))
    with pytest.raises(SystemExit):  # learn returns no agent
        run.main([POINT_REACH, f"--{text}"])
    found = getattr(kept[0], text.partition("=")[0])
    assert found == value and type(found) is type(value)


def test_a_flag_of_the_run_may_be_0(cwd, untrained):
    run.main([POINT_REACH, *TINY, "--policy_save_interval=0", "--checkpoint_interval=0", "--log_path=log"])
    found = [document("log")[name] for name in ("policy_save_interval", "checkpoint_interval")]
    assert found == [0, 0] and all(type(value) is int for value in found)


WRONG_KIND = {
    int: ["abc", "1.5", "None", "True", "nan", "inf", "-inf", "1e999", "[8]", "{}", "(8,)", "8+8", "''", "1j"],
    float: ["abc", "None", "True", "nan", "inf", "-inf", "1e999", "[0.5]", "0.5+0.1", "''", "1j"],
    bool: ["yes", "2", "-1", "None", "[True]", "nan", "''"],
    str: ["futur", "5", "None", "True", "['future']", "''"],
}
ACCEPTED = {("gamma", "None"), ("bc_loss", "None"), ("demo_file", "None"), ("demo_file", "futur"),
            ("relay_effector", "None")}  # fmt: skip
# None is the default of these.
KINDS = {"gamma": float, "bc_loss": bool, "demo_file": str, "relay_effector": str}
WRONG = {
    name: [text for text in WRONG_KIND[KINDS.get(name, type(default))] if (name, text) not in ACCEPTED]
    for name, default in [*((field.name, field.default) for field in dataclasses.fields(HERConfig)),
                          ("policy_save_interval", Options().policy_save_interval)]
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_value_of_the_wrong_kind_is_refused_with_the_key(name, cwd, capsys):
    assert len(WRONG[name]) >= {"demo_file": 4, "relay_effector": 5}.get(name, 6)
    for text in WRONG[name]:
        assert name in refused(capsys, POINT_REACH, f"--{name}={text}"), text


OUT_OF_RANGE = [
    "hidden=0", "hidden=-8", "hidden=65537", "layers=0", "layers=101", "layers=1e9", "max_u=0", "max_u=-1", "max_u=1.1",
    "Q_lr=-0.001", "pi_lr=-1", "polyak=-0.1", "polyak=1.5", "gamma=1", "gamma=-0.1", "gamma=2", "action_l2=-1",
    "batch_size=0", "buffer_size=0", "n_cycles=0", "n_batches=0", "n_test_rollouts=0", "policy_save_interval=-1",
    "random_eps=-0.1", "random_eps=1.1", "noise_eps=-0.1", "replay_k=-1", "num_demo=0",
    "demo_batch_size=0", "prm_loss_weight=-1", "aux_loss_weight=-0.1", "clip_obs=0", "clip_obs=-1", "norm_eps=0",
    "norm_clip=0", "norm_clip=-5", "target_interval=-1", "simulated_workers=0", "priority_clip=-1", "n_critics=0",
    "random_hold=0.5", "random_hold=1e7", "guide_eps=-0.1", "guide_eps=1.1", "n_critics=101", "replay_actual=-1",
    "average_actor=-0.1", "average_actor=1",
]  # fmt: skip


@pytest.mark.parametrize("text", OUT_OF_RANGE)
def test_a_value_out_of_range_is_refused_with_the_key_and_the_range(text, cwd, capsys):
    name = text.partition("=")[0]
    line = refused(capsys, POINT_REACH, f"--{text}")
    assert f"{name}: expected" in line
    assert f"{FIELDS[name].metadata['low']:g}" in line
    for low, high, got in re.findall(r"expected (\S+) to (\S+), got (\S+)", line):
        assert not float(low) <= float(got) <= float(high), "the message allows what was refused"


@pytest.mark.parametrize(
    ("word", "nearest"),
    [("bach_size", "batch_size"), ("q_lr", "Q_lr"), ("hiden", "hidden"), ("Hidden", "hidden"), ("noise", "noise_eps"),
     ("replay_strateg", "replay_strategy")],
)  # fmt: skip
def test_an_unknown_key_names_the_nearest(word, nearest, cwd, capsys):
    line = refused(capsys, POINT_REACH, f"--{word}=1")
    assert f"'{word}'" in line
    assert nearest in line.partition("nearest:")[2]


HUGE = ["noise_eps=" + "9" * 400, "hidden=" + "9" * 400, "hidden=0x" + "f" * 6000]
UNPARSED = ["(" * 5000, "[" * 100_000, "-" * 100_000 + "1", "9" * 100_000, "'''", "\\", "1 if"]
CODE = ["__import__('os').system('touch marker')", "__import__('os').mkdir('marker')", "open('marker', 'w')",
        "[open('marker', 'w') for _ in range(1)]", "exec(\"open('marker', 'w')\")",
        "(lambda: open('marker', 'w'))()"]  # fmt: skip


@pytest.mark.parametrize("name", ["hidden", "polyak", "clip_return", "replay_strategy", "gamma"])
def test_values_are_literals_and_never_executed(name, cwd, capsys):
    """Numbers beyond all floats and what Python cannot even parse are refused too."""
    texts = [f"{name}={code}" for code in CODE]
    if name == "hidden":
        texts += HUGE + [f"hidden={text}" for text in UNPARSED]
    for text in texts:
        assert text.partition("=")[0] in refused(capsys, POINT_REACH, f"--{text}"), text[:30]
    assert [path.name for path in cwd.rglob("*")] == ["taken"]


def test_wrong_settings_from_python_are_refused_too_and_a_config_never_changes():
    for given in ({"hiden": 8}, {"hidden": "8"}, {"polyak": float("nan")}):
        with pytest.raises(UserError, match="hidden|polyak"):
            find("her").config("PointReach-v0", given)
    with pytest.raises(dataclasses.FrozenInstanceError):
        HERConfig().hidden = 8
