"""Policies are written whole or not at all."""

import os

import numpy as np
import pytest

from tests.helpers import contents
from tests.storage.policies import arrays_in, assert_same, loads, save


class Crash(BaseException):
    """Not an Exception, as little as KeyboardInterrupt is."""


@pytest.mark.parametrize("error", [OSError("no space left on device"), Crash()], ids=["error", "crash"])
@pytest.mark.parametrize("earlier", [True, False])
def test_a_policy_that_cannot_be_written_to_its_end_leaves_no_trace(error, earlier, tmp_path, arrays, monkeypatch):
    folder = tmp_path / "policies" / "latest"
    folder.parent.mkdir()
    if earlier:
        save(folder, arrays)
    before = contents(tmp_path)

    def half(file, **_):
        file.write(b"half of the data")
        raise error

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(type(error)):
        save(folder, {name: x + 1 for name, x in arrays.items()})
    assert contents(tmp_path) == before
    assert loads(folder) == earlier


@pytest.mark.parametrize("failing", [1, 2])
def test_a_policy_can_be_read_whichever_renaming_the_machine_died_at(failing, policy, arrays, monkeypatch):
    rename, calls = os.rename, []

    def dying(*arguments):
        calls.append(arguments)
        if len(calls) == failing:
            raise Crash
        rename(*arguments)

    monkeypatch.setattr(os, "rename", dying)
    with pytest.raises(Crash):
        save(policy, {name: x + 1 for name, x in arrays.items()})
    assert_same(arrays_in(policy), arrays)


@pytest.mark.parametrize("path", ["", "latest"])
def test_the_earlier_policy_is_read_where_the_newer_one_did_not_arrive(path, tmp_path, arrays):
    save(tmp_path / "latest", arrays)
    (tmp_path / "latest").rename(tmp_path / "latest.old")
    assert_same(arrays_in(tmp_path / path), arrays)
    newer = {name: x + 1 for name, x in arrays.items()}
    save(tmp_path / "latest", newer)
    assert_same(arrays_in(tmp_path / path), newer)
    assert os.listdir(tmp_path) == ["latest"]


def test_a_newer_policy_takes_the_place_of_the_earlier_one_alone(policy, arrays):
    newer = {name: x + 1 for name, x in arrays.items()}
    save(policy, newer)
    assert_same(arrays_in(policy), newer)
    assert os.listdir(policy.parent) == ["policy"]


def test_others_may_read_a_policy(policy):
    assert policy.stat().st_mode & 0o777 == 0o755
