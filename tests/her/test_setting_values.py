"""What is accepted as the value of a setting of HER, and what is refused in one line that names the setting."""

import dataclasses

import pytest

from baselines import run
from baselines.common.settings import names_of
from baselines.her.experiment.config import HERConfig
from baselines.runs.options import Options
from tests.helpers import POINT_REACH, refused

FIELDS = {field.name: field for settings in (HERConfig, Options) for field in dataclasses.fields(settings)}


@pytest.mark.parametrize(
    ("text", "value"),
    [("buffer_size=1e6", 1_000_000), ("buffer_size=1_000", 1000), ("batch_size=64.0", 64), ("hidden=0x10", 16),
     ("polyak=1", 1.0), ("Q_lr=1e-4", 0.0001), ("action_l2=.5", 0.5), ("clip_return=TRUE", True),
     ("clip_return=0", False), ("replay_strategy=none", "none"), ("replay_strategy='none'", "none")],
)  # fmt: skip
def test_values_become_the_settings_type(text, value, cwd, monkeypatch):
    kept = []
    monkeypatch.setattr("baselines.her.learn", lambda env, config, run: kept.append(config))
    with pytest.raises(SystemExit):  # learn returns no agent
        run.main([POINT_REACH, f"--{text}"])
    found = getattr(kept[0], text.partition("=")[0])
    assert found == value and type(found) is type(value)


WRONG_KIND = {
    int: ["abc", "1.5", "None", "True", "1e999", "[8]", "8+8", "''"],
    float: ["abc", "None", "True", "nan", "-inf", "1e999", "[0.5]", "1j"],
    bool: ["yes", "2", "-1", "None", "[True]"],
    str: ["futur", "5", "None", "True", "['future']", "''"],
}
KINDS = {"gamma": float, "bc_loss": bool, "demo_file": str, "relay_effector": str}  # None is the default of these
ACCEPTED = {*((name, "None") for name in KINDS), ("demo_file", "futur")}
NUMBERS = [name for name in names_of(HERConfig) if FIELDS[name].metadata["low"] is not None]


@pytest.mark.parametrize("name", [*names_of(HERConfig), "policy_save_interval"])
def test_a_value_of_the_wrong_kind_is_refused_with_the_key(name, cwd, capsys):
    for text in WRONG_KIND[KINDS.get(name, type(FIELDS[name].default))]:
        if (name, text) not in ACCEPTED:
            assert name in refused(capsys, POINT_REACH, f"--{name}={text}"), text


@pytest.mark.parametrize("name", [*NUMBERS, "policy_save_interval"])
def test_a_value_out_of_range_is_refused_with_the_key_and_the_range(name, cwd, capsys):
    low, high = (FIELDS[name].metadata[end] for end in ("low", "high"))
    below = low - 1 if isinstance(FIELDS[name].default, int) else low - 0.01
    for value in (below, *([] if high is None else [2 * high])):
        line = refused(capsys, POINT_REACH, f"--{name}={value}")
        assert f"{name}: expected" in line and f"{low:g}" in line and (high is None or f"{high:g}" in line)


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
