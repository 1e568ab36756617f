"""Hostile and damaged files of demonstrations: one clear line, and nothing is executed."""

import io
import pickle
import re
import zipfile

import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.her.demonstrations import openai, read_demonstrations, write_demonstrations
from tests.helpers import damaged
from tests.her.demonstrations.files import SPEC, npy, openai_bytes, text, zipped

TOUCH = b"S'touch %s'\n"
CALLED = {  # each would leave a file behind
    "posix.system": b"cposix\nsystem\n(%s" + b"tR.",
    "os.system": b"\x80\x04\x8c\x02os\x8c\x06system\x93(%stR.",
    "nt.system": b"(%sint\nsystem\n.",
    "builtins.eval": b"cbuiltins\neval\n(%stR.",
    "builtins.getattr": b"cbuiltins\ngetattr\n(cos\nS'system'\ntR(%stR.",
    "operator.attrgetter": b"coperator\nattrgetter\n(S'system'\ntR(cos\ntR(%stR.",
    "importlib.import_module": b"cimportlib\nimport_module\n(S'os'\ntR.",
    "numpy.load": b"cnumpy\nload\n(%stR.",
    "numpy.ndarray.__class__": b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93(%stR.",
    "collections.OrderedDict.fromkeys": b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.fromkeys\x93(%stR.",
    "numpy.core.multiarray.fromfile": b"cnumpy.core.multiarray\nfromfile\n(%stR.",
    "copyreg._reconstructor": b"ccopyreg\n_reconstructor\n(cos\nsystem\nNtR.",
}  # fmt: skip
STATE = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
OBJECTS = b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR"
DAMAGED = {
    "persistent object": b"Pid\n.",
    "extension": b"\x82\x01.",
    "attribute of a function": b"cnumpy\ndtype\n}S'a'\ncnumpy\nndarray\nsb.",
    "state of a function": b"cnumpy\ndtype\n(I3\nS'|'\nNNNI-1\nI-1\nI63\ntb.",
    "new object of a function": b"\x80\x02cnumpy\nndarray\n(I8\nt\x81.",
    "objects out of bytes": STATE + b"(I1\n(I1\nt" + OBJECTS + b"I00\nS'AAAAAAAA'\ntb.",
    "objects called bytes": STATE + b"(I1\n(I1\nt" + OBJECTS + b"(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'AAAAAAAA'\ntb.",
    "objects in a buffer": b"cnumpy.core.numeric\n_frombuffer\n(S'AAAAAAAA'\n" + OBJECTS + b"(I1\ntS'C'\ntR.",
    "no dtype": b"cnumpy.core.numeric\n_frombuffer\n(S'AAAAAAAA'\ncnumpy\nndarray\n(I1\ntS'C'\ntR.",
    "more items than bytes": b"cnumpy.core.numeric\n_frombuffer\n(S'AA'\ncnumpy\ndtype\n(S'i1'\ntR(I9\ntS'C'\ntR.",
    "a million million bytes": b"\x80\x05\x96" + (10**12).to_bytes(8, "little") + b"x.",
    "a huge memo": b"Nr\xff\xff\xff\x7f.",
    "a hash without end": b"}K\x01K\x01\x86" + b"2\x86" * 60 + b"Ns.",
    "deep nesting": b"]" * 10**6 + b"a" * (10**6 - 1) + b".",
}


def refused(path, content):
    """The line that a file of these bytes is answered with."""
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_demonstrations(str(path), SPEC)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(f"cannot read demonstrations {path}: ")
    return str(caught.value).split(": ", 1)[1]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "hostile.npz"


@pytest.mark.parametrize("name", CALLED)
def test_a_function_that_demonstrations_do_not_need_is_never_called(file, tmp_path, name):
    marker = tmp_path / "marker"
    program = CALLED[name].replace(b"%s", TOUCH % str(marker).encode())
    with pytest.raises(ValueError, match=f"asks for {name}, which|asks for os.system, which"):
        openai.load(npy(program))  # here, without the limits of the child process
    assert not marker.exists()
    if name in ("posix.system", "os.system"):
        assert refused(file, zipped({"acs": npy(program), "obs": b""})).startswith(f"it asks for {name}, which")
        pickle.loads(program)
        assert marker.exists(), "the file was harmless, so the test showed nothing"


@pytest.mark.parametrize("name", DAMAGED)
def test_a_pickle_that_breaks_its_reader_is_one_line(file, monkeypatch, name):
    monkeypatch.setattr(openai, "_SECONDS", 1)
    refused(file, zipped({"acs": npy(DAMAGED[name]), "obs": npy(DAMAGED[name])}))


CODE = {  # what a hostile file does once it executes code after all, and the answer
    "os.abort()": "ended with code -6",
    "os._exit(0)": "it is not an .npz file",
    "sys.stdout.write('x' * 10**6); sys.exit(3)": "x{300}$",
    "print('a\\x1b[31m\\nb'); sys.exit(3)": r"a\\x1b\[31m\\nb\\n$",
    "exec('while True: pass')": "ended with code -|takes more than 2 seconds",
    "import time; time.sleep(1000)": "takes more than 2 seconds",
    "exec('while True: os.write(1, bytes(10**6))')": "ended with code",
    "exec('x = []\\nwhile True: x.append(bytes(10**6))')": "ended with code 1",
    "open({marker!r}, 'w')": "ended with code 1",
}


@pytest.mark.parametrize("code", CODE)
def test_even_code_in_the_child_process_could_end_in_one_line_only(file, tmp_path, monkeypatch, code):
    script, marker = tmp_path / "script.py", tmp_path / "marker"
    script.write_text(
        f"import os, runpy, sys\nanswer = runpy.run_path({openai.__file__!r})['answer']\n"
        f"def convert():\n    {code.format(marker=str(marker))}\nanswer(convert, 0)\n"
    )
    monkeypatch.setattr(openai, "__file__", str(script))
    monkeypatch.setattr(openai, "_SECONDS", 1)
    monkeypatch.setattr(openai, "_MEMORY", 1 << 29)
    assert re.search(CODE[code], refused(file, zipped({"acs": b"", "obs": b""})))
    assert not marker.exists()


def test_archives_of_our_format_that_claim_too_much_are_refused(file, played):
    write_demonstrations(str(file), played, SPEC)
    with zipfile.ZipFile(file) as archive:
        members = {name.removesuffix(".npy"): archive.read(name) for name in archive.namelist()}
    claim = npy(b"\0" * 100, "<f4", (10**6, 10**3, 10**3))
    refused(file, zipped({**members, "action": claim}))
    assert "RecursionError" in refused(file, zipped({"header": text(b"[" * 100000 + b"]" * 100000)}))
    assert "its header is too long" in refused(file, zipped({"header": npy(b"", "|u1", (1 << 31,))}))
    assert "its arrays have more than 256 MiB" in refused(
        file, zipped({**members, "length": npy(b"", shape=(10**6,), descr="<i4")})
    )
    assert "is not an array of numbers" in refused(file, zipped({**members, "reward": npy(b"", "<U9999", (4, 30))}))
    assert "long header" in refused(file, zipped({**members, "reward": b"\x93NUMPY\x02\0" + b"\xff" * 4}))
    many = zipped({str(i): b"" for i in range(30_000)})
    assert "it claims to have a piece of 1 MiB" in refused(file, many)
    assert "NumPy does not use" in refused(file, zipped(members, zipfile.ZIP_LZMA))
    assert "it is not an .npz file" in refused(file, b"text")
    assert "allow_pickle=False" in refused(file, zipped({**members, "action": npy(b"N.")}))


def test_damaged_files_of_openai_give_one_clear_error_and_nothing_else(file, episodes):
    """In the members as well as in the archive around them."""
    sound = openai_bytes(episodes)
    with zipfile.ZipFile(io.BytesIO(sound)) as archive:
        members = {name.removesuffix(".npy"): archive.read(name) for name in archive.namelist()}
    rng, count = np.random.default_rng(0), 0
    for case in range(15):
        name = rng.choice(list(members))
        inside = zipped({**members, name: damaged(members[name], rng)})
        file.write_bytes(inside if case % 2 else damaged(sound, rng))
        try:
            read_demonstrations(str(file), SPEC)
        except UserError as error:
            assert "\n" not in str(error)
            count += 1
    assert count > 4
