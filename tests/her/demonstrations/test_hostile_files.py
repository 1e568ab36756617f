"""Hostile and damaged files of demonstrations: one clear error, and nothing is executed."""

import os
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.her.demonstrations import read_demonstrations, write_demonstrations
from baselines.her.demonstrations.safe_unpickle import unpickle
from tests.her.demonstrations.files import SPEC, npy, object_rows, openai_lists, write_openai, zipped


class Hostile:
    def __init__(self, marker):
        self._marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self._marker),)


@pytest.mark.parametrize("field", ["acs", "obs", "info"])
def test_a_hostile_file_is_refused_by_the_name_of_what_it_asks_for(tmp_path, episodes, field):
    marker = tmp_path / "marker"
    value = openai_lists(episodes)[field]
    value[0][0] = Hostile(marker)
    array = object_rows(value)
    path = str(tmp_path / "hostile.npz")
    np.savez(path, **{**{k: np.array(v, object) for k, v in openai_lists(episodes).items()}, field: array})
    with pytest.raises(UserError, match=r"(posix|nt)\.mkdir"):
        read_demonstrations(path, SPEC)
    assert not marker.exists()
    np.load(path, allow_pickle=True)[field]
    assert marker.exists(), "the file was harmless, so the test showed nothing"


HOSTILE_PICKLES = [
    b"cos\nsystem\n(S'touch {0}'\ntR.",
    b'c__builtin__\neval\n(S\'open("{0}","w")\'\ntR.',
    b"cnumpy\nload\n(S'{0}'\ntR.",
    b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntRcos\nsystem\nb.",
    b"c_codecs\nencode\n(S'x'\nS'../../{0}'\ntR.",
    b"cnumpy\ndtype\n}}S'_make'\ncos\nsystem\nsb.",
    b"Pid\n.",
    b"\x82\x01.",
]


@pytest.mark.parametrize("program", HOSTILE_PICKLES)
def test_hostile_pickles_run_nothing(tmp_path, program):
    marker = tmp_path / "marker"
    content = npy(np.array([None], object))
    header = content[: content.index(b"\n") + 1]
    path = str(tmp_path / "hostile.npz")
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("acs", "obs"):
            archive.writestr(f"{name}.npy", header + program.replace(b"{0}", str(marker).encode()))
    with pytest.raises(UserError, match="cannot read demonstrations"):
        read_demonstrations(path, SPEC)
    assert not marker.exists()


def test_a_bytearray_takes_no_more_memory_than_it_has():
    program = b"\x80\x05\x96" + struct.pack("<Q", 1 << 33) + b"x."
    tracemalloc.start()
    with pytest.raises(ValueError, match="cut off"):
        unpickle(program)
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()


@pytest.mark.parametrize("kind", ["ours", "openai"])
def test_damaged_files_give_one_clear_error_and_nothing_else(tmp_path, episodes, kind):
    """Bytes flipped, cut and repeated, in the members as well as in the archive around them."""
    path = str(tmp_path / "sound.npz")
    if kind == "ours":
        write_demonstrations(path, episodes, "PointReach-v0")
    else:
        write_openai(path, episodes)
    rng = np.random.default_rng(0)
    with open(path, "rb") as opened:
        sound = opened.read()
    with np.load(path, allow_pickle=True) as arrays:
        members = {name: npy(arrays[name]) for name in arrays.files}
    refused = 0
    for case in range(400):
        if case % 3 == 0:
            content = damaged(sound, rng)
        elif case % 3 == 1:
            kind = rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
            content = damaged(zipped({"acs": members.get("acs", b""), "header": b"x" * 500}, int(kind)), rng)
        else:
            name = rng.choice(list(members))
            content = zipped({**members, name: damaged(members[name], rng)})
        broken = tmp_path / "broken.npz"
        broken.write_bytes(content)
        try:
            read_demonstrations(str(broken), SPEC)
        except UserError as error:
            assert "\n" not in str(error).strip()
            refused += 1
    assert refused > 100


def damaged(content, rng):
    content = bytearray(content)
    kind = rng.integers(3)
    # Half of the damage in the first bytes, where headers and the pickles' own words are.
    place = int(rng.integers(len(content) if rng.random() < 0.5 else min(300, len(content))))
    if kind == 0:
        for _ in range(rng.integers(1, 4)):
            content[place] = rng.integers(256)
            place = int(rng.integers(len(content)))
    elif kind == 1:
        del content[place:]
    else:
        content[place:place] = content[place : place + int(rng.integers(1, 40))]
    return bytes(content)
