"""Policies in files: what comes back, what is refused, and what is never touched."""

import copy
import json
import os
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import baselines
from baselines import storage
from baselines.common.errors import UserError
from baselines.common.specs import EnvSpec
from baselines.policies.policy import FORMAT, NetworkPolicy, Policy, read_policy, save_policy
from baselines.storage import read_arrays, write_arrays
from tests.commands.doors import servo
from tests.helpers import POINT_REACH, contents, refused, write_package

VECTOR = EnvSpec("Pendulum-v1", {"observation": 3}, 2, 200)


def network(seed=0):
    rng = np.random.default_rng(seed)
    return NetworkPolicy(VECTOR, [(rng.normal(size=(a, b)), rng.normal(size=b)) for a, b in ((3, 5), (5, 2))])


def same(policy, other):
    arrays, others = ({k: (x.dtype, x.tolist()) for k, x in it.arrays.items()} for it in (policy, other))
    return policy.document() == other.document() and arrays == others


def load_refused(path):
    with pytest.raises(UserError) as error:
        baselines.load_policy(str(path))
    assert "\n" not in str(error.value)
    return str(error.value)


# ---- names ----


def test_the_suffix_may_be_left_out_and_a_folder_means_its_latest(cwd):
    save_policy("reach", network())
    save_policy("runs/latest.safetensors", network(seed=1))
    assert same(read_policy("reach"), read_policy("reach.safetensors")) and os.path.isfile("reach.safetensors")
    assert same(read_policy("runs"), read_policy("runs/latest"))
    os.symlink("reach.safetensors", "link.safetensors")
    save_policy("link", network(seed=2))
    assert os.path.islink("link.safetensors") and same(read_policy("reach"), network(seed=2))


def test_the_permissions_are_those_of_the_users_umask(cwd):
    before = os.umask(0o027)
    try:
        save_policy("reach", network())
    finally:
        os.umask(before)
    assert os.stat("reach.safetensors").st_mode & 0o777 == 0o640


TAKEN = {
    "a folder": lambda: os.makedirs("reach.safetensors/more"),
    "text": lambda: Path("reach.safetensors").write_text("a file"),
    "another safetensors file": lambda: save_file({"x": np.zeros(2)}, "reach.safetensors"),
    "a checkpoint": lambda: write_arrays("reach.safetensors", {"format": "baselines state 2"}, {}),
}


@pytest.mark.parametrize("take", TAKEN.values(), ids=TAKEN)
def test_only_a_policy_is_replaced(take, cwd):
    take()
    before = contents(".")
    with pytest.raises(UserError, match=r"cannot save the policy to reach.safetensors: .*give "):
        save_policy("reach", network())
    assert contents(".") == before


def test_a_folder_or_a_link_to_one_gets_the_file_that_is_loaded_from_it(cwd):
    os.makedirs("disk/more")
    Path("disk/notes.txt").write_text("mine")
    os.symlink("disk", "reach")
    for _ in range(2):
        save_policy("reach", network())
    assert sorted(os.listdir("disk")) == ["latest.safetensors", "more", "notes.txt"] and os.path.islink("reach")
    assert read_policy("reach").spec == network().spec
    os.rename("disk/latest.safetensors", "elsewhere.safetensors")
    os.symlink("../elsewhere.safetensors", "disk/latest.safetensors")
    with pytest.raises(UserError, match="is a link: give the file that it leads to"):
        read_policy("reach")


def test_what_could_not_be_loaded_is_not_saved(cwd):
    policy = network()
    policy.arrays["pi/0_bias"][1] = np.inf
    with pytest.raises(UserError, match="cannot save the policy to reach.safetensors: array 'pi/0_bias' has values"):
        save_policy("reach", policy)
    assert os.listdir() == ["taken"]


def test_what_version_0_4_0_wrote_is_named(cwd):
    for folder in ("old/latest", "single"):
        os.makedirs(folder)
        for name in ("policy.json", "arrays.npz"):
            Path(folder, name).write_text("{}")
    for path in ("old", "old/latest", "single", "single/policy"):
        assert "a policy of version 0.4.0 or older" in load_refused(path)


@pytest.mark.parametrize("path", ["nowhere", "empty", "empty/best"])
def test_where_there_is_no_policy_the_message_says_what_was_expected(path, cwd):
    os.mkdir("empty")
    assert load_refused(path).startswith(f"no policy at {path}: expected a ")


# ---- whole or not at all ----


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("at", ["save_file", "os.fsync", "os.replace"])
def test_a_policy_that_cannot_be_written_leaves_the_earlier_one_and_no_trace(at, error, cwd, monkeypatch):
    save_policy("reach", network())
    before = contents(".")

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(storage if at == "save_file" else os, at.removeprefix("os."), fail)
    with pytest.raises((UserError, KeyboardInterrupt)):
        save_policy("reach", network(seed=1))
    assert contents(".") == before


# ---- damage ----


def test_a_flipped_bit_in_every_byte_and_every_cut_is_noticed(cwd):
    write_arrays("reach.safetensors", {"format": FORMAT}, {"x": np.ones((1, 2), np.float32)})
    whole = Path("reach.safetensors").read_bytes()
    flipped = (whole[:i] + bytes([whole[i] ^ 1 << i % 8]) + whole[i + 1 :] for i in range(len(whole)))
    cut = (whole[:size] for size in range(len(whole)))
    for damaged in (*flipped, *cut, whole + b"\0"):
        Path("reach.safetensors").write_bytes(damaged)
        with pytest.raises(UserError):
            read_arrays("reach.safetensors")


def file_of(metadata, dtype="F32", shape=(2,), end=8):
    """A file of one array, as its header says."""
    header = {"__metadata__": metadata, "x": {"dtype": dtype, "shape": shape, "data_offsets": [0, end]}}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(8)


OURS = {"baselines": '{"document": {}, "crc32": {}}'}
OTHER_FILES = {
    "nothing": b"",
    "a page": b"<!DOCTYPE html>\n<html></html>",
    "a pickle": b"\x80\x04cos\nmkdir\n(S'marker'\ntR.",
    "a header of 10**18 bytes": (10**18).to_bytes(8, "little") + b"{}",
    "deep lists": (10**5).to_bytes(8, "little") + b"[" * 10**5,
    "huge": file_of(OURS, shape=(10**12,), end=4 * 10**12),
    "more than there is": file_of(OURS, shape=(4,), end=16),
    "objects": file_of(OURS, "O", (1,)),
    "a type that NumPy has not": file_of(OURS, "BF16", (4,)),
    "no document": file_of({}),
    "no dictionary": file_of({"baselines": '{"document": null}'}),
    "deep lists as document": file_of({"baselines": "[" * 10**5}),
    "a long number": file_of({"baselines": "1" * 5000}),
    "no checksums": file_of(OURS),
    "half a checksum": file_of({"baselines": '{"document": {}, "crc32": ['}),
}


@pytest.mark.parametrize("content", OTHER_FILES.values(), ids=OTHER_FILES)
def test_other_files_are_refused_in_one_line_neither_executed_nor_given_memory(content, cwd):
    Path("reach.safetensors").write_bytes(content)
    tracemalloc.start()
    assert "it is not a .safetensors file of baselines (" in load_refused("reach")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6 and sorted(os.listdir()) == ["reach.safetensors", "taken"]


# ---- documents and arrays, with sound checksums ----


def at(*path, value):
    """An edit of one value of the document."""

    def edit(document):
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return edit


DOCUMENTS = {
    "another format": at("format", value="baselines policy 2"),
    "no algorithm": lambda document: document.pop("alg"),
    "a list as algorithm": at("alg", value=["her"]),
    "a word as config": at("config", value="default"),
    "no environment": lambda document: document.pop("environment"),
    "an environment without a name": at("environment", "env_id", value=None),
    "more about the environment": at("environment", "colour", value="red"),
    "observations in a list": at("environment", "observation_sizes", value=[3]),
    "a huge observation": at("environment", "observation_sizes", value={"observation": 10**400}),
    "more actions": at("environment", "action_size", value=3),
    "a negative horizon": at("environment", "horizon", value=-1),
    "no design": lambda document: document.pop("design"),
    "a word as design": at("design", value="mlp"),
    "more design": at("design", "colour", value="red"),
    "no columns": at("design", "columns", value=[]),
    "columns of numbers": at("design", "columns", value=[[1, 2]]),
    "another column": at("design", "columns", value=[["camera", ""]]),
    "a column less another": at("design", "columns", value=[["observation", "camera"]]),
    "another network": at("design", "network", value="main_pi"),
    "statistics of networks": at("design", "statistics", value=["pi"]),
    "a bound that is NaN": at("design", "clip", value=float("nan")),
    "a bound beyond all floats": at("design", "clip", value=10**400),
    "a word as bound": at("design", "clip", value="1"),
    "a scale above 1": at("design", "scale", value=2),
    "another activation": at("design", "activation", value="__import__('os')"),
    "another squash": at("design", "squash", value="softmax"),
}


@pytest.mark.parametrize("edit", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_that_does_not_fit_is_refused_in_one_line(edit, cwd):
    document = json.loads(json.dumps(network().document()))
    edit(document)
    write_arrays("reach.safetensors", document, network().arrays)
    assert "reach.safetensors holds no policy that can be used: " in load_refused("reach")


ARRAYS = [
    ("main_pi/0_kernel", np.zeros((3, 4), np.float32), r"array 'main_pi/0_kernel': expected \[4, n\]"),
    ("main_pi/0_kernel", np.float32(1), r"array 'main_pi/0_kernel': expected \[4, n\]"),
    ("main_pi/0_kernel", np.zeros((4, 4), np.float64), "float32"),
    ("main_pi/0_kernel", None, "array 'main_pi/0_kernel' is missing"),
    ("main_pi/1_bias", None, "array 'main_pi/1_bias' is missing"),
    ("main_pi/1_bias", np.zeros((2, 1), np.float32), r"array 'main_pi/1_kernel': expected"),
    ("main_pi/2_kernel", np.zeros((2, 2), np.float32), "array 'main_pi/2_bias' is missing"),
    ("main_pi/1_kernel", None, "network 'main_pi': expected 2 outputs, got 4"),
    ("o_stats/mean", np.zeros(3, np.float32), r"expected mean and std of 4 numbers in o_stats, g_stats, got \[5\]"),
    ("o_stats/std", None, "array 'o_stats/std' is missing"),
    ("o_stats/std", np.zeros(2, np.float32), "a standard deviation is not positive"),
    ("g_stats/std", np.full(2, np.nan, np.float32), "array 'g_stats/std' has values that are not finite"),
    ("target_Q/0_bias", np.full(4, np.inf, np.float32), "array 'target_Q/0_bias' has values that are not finite"),
]


@pytest.mark.parametrize(("name", "array", "message"), ARRAYS)
def test_arrays_that_do_not_fit_are_refused_by_name(name, array, message, cwd):
    policy = servo()
    arrays = {key: x for key, x in {**policy.arrays, name: array}.items() if x is not None}
    with pytest.raises(UserError, match=message):
        Policy(policy.spec, policy.design, arrays).check_values()
    write_arrays("reach.safetensors", policy.document(), arrays)
    with pytest.raises(UserError, match=message):
        read_policy("reach")


# ---- whose code is run ----


def test_a_policy_of_ones_own_algorithm_is_plain_data(cwd, modules):
    write_package(modules, "foreign_one", __init__=f"open({str(cwd / 'marker')!r}, 'w')", algorithm="learn = print")
    for alg in ("foreign_one.algorithm", "os.path", "../her", ""):
        policy = copy.copy(network())
        policy.alg = alg
        save_policy("reach", policy)
        loaded = read_policy("reach")
        assert same(loaded, policy) and type(loaded) is Policy and loaded.alg == alg
        np.testing.assert_array_equal(loaded.act(np.ones(3)), policy.act(np.ones(3)))
    assert not (cwd / "marker").exists() and "foreign_one" not in sys.modules


def test_the_launcher_says_in_one_line_what_a_hostile_file_holds(cwd, capsys):
    policy = servo()
    write_arrays("reach.safetensors", policy.document(), {**policy.arrays, "two\nlines": np.full(1, np.nan)})
    refused(capsys, POINT_REACH, "--load_path=reach")


def test_the_document_says_what_it_is(cwd):
    save_policy("reach", network())
    assert storage.read_document("reach.safetensors") == {
        "format": FORMAT, "version": baselines.__version__, "alg": "network", "config": {},
        "environment": {"env_id": "Pendulum-v1", "observation_sizes": {"observation": 3}, "action_size": 2,
                        "horizon": 200, "discrete": False, "has_reward_function": False,
                        "actions": {"low": [], "high": [], "type": "float32"}, "env_kwargs": "", "left_out": "",
                        "layouts": {}},
        "design": {"columns": [["observation", ""]], "network": "pi", "statistics": [], "clip": None,
                   "norm_clip": None, "activation": "relu", "squash": "clip", "scale": 1.0},
    }  # fmt: skip
