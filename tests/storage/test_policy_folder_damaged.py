"""Policies that are damaged, or none of ours: one clear error."""

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import contents, damaged
from tests.storage.policies import (
    edit_document,
    load_refused,
    loads,
    members,
    npy,
    replace_member,
    setting,
    write_members,
)


def test_a_missing_and_an_extra_array_are_refused_with_their_names(policy):
    whole = members(policy)
    write_members(policy, {name: part for name, part in whole.items() if name != "g_stats/std.npy"})
    assert "g_stats/std" in load_refused(policy)
    write_members(policy, {**whole, "main_pi/7_kernel.npy": whole["main_pi/0_kernel.npy"]})
    assert "main_pi/7_kernel" in load_refused(policy)
    write_members(policy, {})
    load_refused(policy)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["main_pi/0_kernel", "target_Q/2_bias", "o_stats/sum", "g_stats/std"])
def test_a_value_that_is_not_finite_is_refused(name, value, policy, arrays):
    broken = arrays[name].copy()
    broken.flat[-1] = value
    replace_member(policy, name, npy(broken))
    assert name in load_refused(policy)


@pytest.mark.parametrize("name", ["main_pi/0_kernel", "main_Q/2_bias", "target_pi/1_kernel"])
@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32, np.complex64, bool, "S4"])
def test_an_array_of_another_type_is_refused(name, dtype, policy, arrays):
    replace_member(policy, name, npy(np.zeros(arrays[name].shape, dtype)))
    assert name in load_refused(policy)


@pytest.mark.parametrize("shape", [(3, 4), (4,), (12,), (4, 3, 1), (), (0, 3), (4, 4)])
def test_an_array_of_another_shape_is_refused(shape, policy, arrays):
    assert arrays["main_pi/0_kernel"].shape == (4, 3)
    replace_member(policy, "main_pi/0_kernel", npy(np.zeros(shape, np.float32)))
    assert "main_pi/0_kernel" in load_refused(policy)


@pytest.mark.parametrize(("name", "value"), [("std", 0), ("std", -1), ("count", 0), ("count", -1)])
def test_statistics_that_no_run_can_have_are_refused(name, value, policy, arrays):
    replace_member(policy, f"o_stats/{name}", npy(np.full_like(arrays[f"o_stats/{name}"], value)))
    assert f"o_stats/{name}" in load_refused(policy)


def text(content):
    return lambda document: content


DOCUMENTS = {
    "no JSON": text("hidden: 8"),
    "nothing": text(""),
    "a list": text("[]"),
    "a number": text("1"),
    "null": text("null"),
    "an empty object": text("{}"),
    "2 MB": lambda document: json.dumps(document) + " " * 2_000_000,
    "deep lists": text("[" * 200_000),
    "deep objects": text('{"format":' * 90_000),
    "deep and closed": text("[" * 90_000 + "]" * 90_000),
    "a number of 5000 digits": text('{"format": ' + "1" * 5000 + "}"),
    "another format": lambda document: document.update(format="baselines.her policy 999"),
    "a list as format": lambda document: document.update(format=[1]),
    "a format of the future": lambda document: document.update(format="baselines policy 3"),
    "no algorithm": lambda document: document.pop("alg") and None,
    "the format of an algorithm that there is not": lambda document: document.update(format="baselines.him policy 1"),
    "no environment": lambda document: document.pop("environment") and None,
    "no config": lambda document: document.pop("config") and None,
    "null as environment": lambda document: document.update(environment=None),
    "a list as environment": lambda document: document.update(environment=[1, 2, 3, 4, 5]),
    "a word as config": lambda document: document.update(config="default"),
    "an unknown setting": setting("config", hiden=8),
    "a setting out of range": setting("config", polyak=2),
    "a setting that is NaN": setting("config", polyak=float("nan")),
    "a setting beyond all floats": setting("config", clip_obs=10**400),
    "layers 10**9": setting("config", layers=10**9),
    "hidden 10**9": setting("config", hidden=10**9),
    "hidden 65536": setting("config", hidden=65536),
    "observation_size 10**9": setting("environment", observation_size=10**9),
    "observation_size 10**5": setting("environment", observation_size=10**5),
    "goal_size 10**400": setting("environment", goal_size=10**400),
    "action_size 0": setting("environment", action_size=0),
    "action_size -2": setting("environment", action_size=-2),
    "horizon true": setting("environment", horizon=True),
    "observation_size 2.5": setting("environment", observation_size=2.5),
    "goal_size '2'": setting("environment", goal_size="2"),
    "an environment without a name": setting("environment", env_id=None),
    "an environment whose name is an object": setting("environment", env_id={"a": []}),
    "more about the environment": setting("environment", colour="red"),
}


@pytest.mark.parametrize("edit", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_that_is_none_of_ours_is_refused_quickly(edit, policy):
    edit_document(policy, edit)
    start = time.perf_counter()
    load_refused(policy)
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("name", ["policy.json", "arrays.npz"])
def test_a_file_that_is_missing_empty_or_a_folder_is_refused(name, policy):
    (policy / name).write_bytes(b"")
    assert name in load_refused(policy)
    (policy / name).unlink()
    assert name in load_refused(policy)
    (policy / name).mkdir()
    assert name in load_refused(policy)


def test_a_folder_of_something_else_is_refused(tmp_path):
    assert re.search("no policy|cannot read", load_refused(tmp_path))
    assert "no policy" in load_refused(tmp_path / "nowhere")


def test_bytes_that_are_no_text_are_refused(policy):
    (policy / "policy.json").write_bytes(b"\xff\xfe\x00")
    load_refused(policy)


@pytest.mark.parametrize("what", ["policy.json", "arrays.npz", "a member of arrays.npz"])
def test_damaged_files_are_loaded_or_refused_and_nothing_else(what, policy):
    whole, parts = contents(policy), members(policy)
    outcomes = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        if what in ("policy.json", "arrays.npz"):
            (policy / what).write_bytes(damaged(whole[Path(what)], rng))
        else:  # with a correct checksum, so that the damage arrives
            name = list(parts)[rng.integers(len(parts))]
            write_members(policy, {**parts, name: damaged(parts[name], rng)})
        try:
            outcomes.append(loads(policy))
        except Exception as error:
            raise AssertionError(f"case {seed} of {what}") from error
        for file, data in whole.items():
            (policy / file).write_bytes(data)
    assert set(outcomes) == {True, False}
    assert loads(policy)
