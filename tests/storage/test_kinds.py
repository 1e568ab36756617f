"""Files given in place of others are named for what they are."""

import collections
import gzip
import io
import os
import pickle
import zipfile

import numpy as np
import pytest

import baselines
from baselines.common.errors import UserError
from baselines.her.demonstrations import read_demonstrations
from baselines.her.types import GoalEnvSpec
from baselines.storage.kinds import odd_kind

SPEC = GoalEnvSpec("PointReach-v0", 2, 2, 2, 30)
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
PAGE = b"\n<!DOCTYPE html>\n<html><head></head></html>"
CONTENT = {"acs": [np.zeros(2)], "obs": collections.OrderedDict(a=[1.5, None]), "info": ({}, True)}


def array():
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


FILES = {
    "pointer": (POINTER, "it is a pointer of Git LFS, not the file itself: run `git lfs pull` first"),
    "page": (PAGE, "it is a web page, not the file itself"),
    "page in capitals": (b"\xef\xbb\xbf<HTML>", "it is a web page"),
    "nothing": (b"", "it is empty"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "it is an HDF5 file"),
    "array": (array(), "it is a single array"),
    "gzip": (gzip.compress(b"x" * 100), "it is compressed by gzip: unpack it first"),
    **{f"pickle {p}": (pickle.dumps(CONTENT, p), "it is a pickle, which is not read here") for p in range(6)},
    **{f"large pickle {p}": (pickle.dumps([CONTENT] * 9999, p), "it is a pickle") for p in range(6)},
    **{f"dict {p}": (pickle.dumps({"a": 1}, p), "it is a pickle") for p in range(6)},
}


@pytest.mark.parametrize(("content", "said"), FILES.values(), ids=FILES)
def test_a_file_is_named_for_what_it_is_by_its_content(tmp_path, content, said):
    path = str(tmp_path / "file")
    with open(path, "wb") as file:
        file.write(content)
    assert odd_kind(path).startswith(said)
    with pytest.raises(UserError) as error:
        read_demonstrations(path, SPEC)
    assert str(error.value).startswith(f"cannot read demonstrations {path}: {said}")
    with pytest.raises(UserError) as error:
        baselines.load_policy(path)
    assert str(error.value).startswith(f"no policy at {path}: {said}") and "--save_path=DIR" in str(error.value)


@pytest.mark.parametrize(
    "content", [b"a file", b"(see below).", b"}", b"cat and dog\n.", b"[]", b'{"json": 1}', b"\x80\x99", bytes(100)]
)
def test_what_is_not_known_is_not_named(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    assert odd_kind(str(tmp_path / "file")) == ""


def test_archives_and_what_is_not_there_are_not_odd_and_folders_are(tmp_path):
    with zipfile.ZipFile(tmp_path / "file", "w") as archive:
        archive.writestr("a.npy", b"x")
    assert odd_kind(str(tmp_path / "file")) == odd_kind(str(tmp_path / "nowhere")) == ""
    assert odd_kind(str(tmp_path)) == "it is a folder, not a file"


@pytest.mark.parametrize("name", ["policy.json", "arrays.npz"])
def test_a_policy_whose_files_were_not_pulled_says_so(tmp_path, name):
    (tmp_path / "policy.json").write_text("{}")
    (tmp_path / "arrays.npz").write_bytes(array())
    (tmp_path / name).write_bytes(POINTER)
    with pytest.raises(UserError, match=f"cannot read .*{name}: it is a pointer of Git LFS.*git lfs pull"):
        baselines.load_policy(str(tmp_path))


@pytest.mark.parametrize(
    ("files", "path", "said"),
    [
        ([], "nowhere", "there is no such folder"),
        ([], "", "it has no policy.json, nor a folder 'latest'"),
        (["policy_best.pkl"], "", "policy_best.pkl is a pickle, which is not read here"),
        (["config.json", "checkpoint"], "", "it is a run's log folder; give the folder that its --save_path named"),
        (["policy.json"], "policy.json", "it is one file of a folder; give that: "),
        (["text"], "text", "it is a file. Policies here are folders, which --save_path=DIR writes"),
    ],
)
def test_what_is_no_policy_is_answered_with_what_to_give(tmp_path, files, path, said):
    for name in files:
        (tmp_path / name).write_text("{}")
    with pytest.raises(UserError, match=f"no policy (at|in) .*: {said}"):
        baselines.load_policy(os.path.join(tmp_path, path))


def test_a_folder_of_demonstrations_is_answered_with_what_to_give(tmp_path):
    with pytest.raises(UserError, match=r"it is a folder; give the \.npz file"):
        read_demonstrations(str(tmp_path), SPEC)
