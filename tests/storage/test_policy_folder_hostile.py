"""What a hostile policy can do: nothing."""

import os
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

from tests.helpers import POINT_REACH, refused
from tests.storage.policies import (
    CONFIG,
    edit_document,
    load_refused,
    members,
    npy,
    replace_member,
    setting,
    with_header,
    write_members,
)


class Bomb:
    """Its pickle makes a folder when it is loaded."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_a_pickled_object_is_refused_and_not_executed(policy, tmp_path):
    bomb = np.array([[Bomb(tmp_path / "marker")] * CONFIG.hidden] * 4, dtype=object)
    for name in ("main_pi/0_kernel", "unasked"):
        replace_member(policy, name, npy(bomb, allow_pickle=True))
        load_refused(policy)
    assert not (tmp_path / "marker").exists()
    with np.load(policy / "arrays.npz", allow_pickle=True) as archive:
        archive["main_pi/0_kernel"]  # it does make the folder where pickles are allowed
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize("shape", ["(1000000000000,)", "(4, 1000000000000)", f"({10**30}, 3)", "(-4, 3)"])
def test_a_header_that_claims_a_huge_array_is_refused_before_anything_is_allocated(shape, policy):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    replace_member(policy, "main_pi/0_kernel", with_header(header))
    start = time.perf_counter()
    tracemalloc.start()
    load_refused(policy)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6 and time.perf_counter() - start < 2


HEADERS = {
    "open bracket": "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), ",
    "open string": "'''",
    "indentation": "  x\n y",
    "deep brackets": "(" * 9000,
    "deep signs": "-" * 9000 + "1",
    "unhashable key": "{[]: 1}",
    "no dictionary": "[]",
    "nothing": "",
    "other keys": "{'descr': '<f4'}",
    "type that is no type": "{'descr': 'f4,,', 'fortran_order': False, 'shape': (4, 3), }",
    "type of parts": "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4, 3), }",
    "type of odd parts": "{'descr': [('a',)], 'fortran_order': False, 'shape': (4, 3), }",
    "objects": "{'descr': '|O', 'fortran_order': False, 'shape': (4, 3), }",
    "other byte order": "{'descr': '>f4', 'fortran_order': False, 'shape': (4, 3), }",
    "call": "__import__('os').mkdir('marker')",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_header_that_makes_no_sense_is_refused(header, policy, cwd):
    replace_member(policy, "main_pi/0_kernel", with_header(header))
    load_refused(policy)
    assert os.listdir() == ["taken"]


def test_arrays_are_not_unpacked_to_more_than_the_size_of_the_file(policy):
    whole = members(policy)
    bomb = whole["main_pi/0_kernel.npy"] + bytes(10**8)
    write_members(policy, {**whole, "main_pi/0_kernel.npy": bomb}, zipfile.ZIP_DEFLATED)
    assert "it holds more than" in load_refused(policy)


def test_a_small_file_that_unpacks_to_a_large_one_takes_no_memory_even_where_its_document_claims_so(policy):
    edit_document(policy, setting("config", hidden=65536, layers=100))
    write_members(policy, {**members(policy), "main_pi/1_kernel.npy": bytes(2 * 10**8)}, zipfile.ZIP_DEFLATED)
    assert (policy / "arrays.npz").stat().st_size < 10**6
    tracemalloc.start()
    load_refused(policy)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10**8


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_LZMA])
def test_what_a_hostile_file_makes_the_launcher_say_is_one_line(compression, policy, cwd, capsys):
    write_members(policy, {"two\nlines.npy": npy(np.zeros(1)), **members(policy)}, compression)
    assert "lines" in refused(capsys, POINT_REACH, f"--load_path={policy}")


def test_the_algorithm_that_a_document_names_is_not_imported(policy, cwd, modules):
    (modules / "hostile_algorithm.py").write_text("import os; os.mkdir('marker')")
    edit_document(policy, lambda document: document.update(alg="hostile_algorithm"))
    assert "--alg=hostile_algorithm" in load_refused(policy)
    for name in ("..her", "her.experiment", "common", "", None, ["her"], "baselines.her"):
        edit_document(policy, lambda document, name=name: document.update(alg=name))
        load_refused(policy)
    assert os.listdir() == ["taken"]
