"""What a file is that was given in place of another: its first bytes say, and nothing of it is executed."""

import io
import itertools
import os
import pickletools

_MOST = 1 << 16  # bytes that are looked at
_SIGNS = {
    b"version https://git-lfs.github.com": "a pointer of Git LFS, not the file itself: run `git lfs pull` first",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, which is not read here (demonstrations of Minari are given as minari:NAME)",
    b"\x93NUMPY": "a single array (.npy), not an .npz file of several: write it with np.savez",
    b"\x1f\x8b": "compressed by gzip: unpack it first",
    b"BZh": "compressed by bzip2: unpack it first",
    b"\xfd7zXZ\x00": "compressed by xz: unpack it first",
    b"x\x9c": "compressed by zlib, as joblib's pickles are, which are not read here: they may do anything when loaded",
    b"ZF": "a pickle of joblib's, which is not read here: it may do anything when loaded",
}
_PICKLE = (
    "a pickle, which is not read here, as it may do anything when loaded: if you trust it, load it yourself and write "
    "its arrays with np.savez"
)
_PAGE = "a web page, not the file itself: download the raw file"
_ARCHIVE = b"PK\x03\x04"  # which .npz files are


def odd_kind(path: str) -> str:
    """'it is a web page, ...' for a file that is no archive and known by its content; empty for all others.

    Raises OSError where it cannot be read.
    """
    if os.path.isdir(path):
        return "it is a folder, not a file"
    if not os.path.isfile(path):
        return ""
    with open(path, "rb") as file:
        start = file.read(_MOST)
    if not start:
        return "it is empty: was it copied or written whole?"
    if start.startswith(_ARCHIVE):
        return ""
    for sign, kind in _SIGNS.items():
        if start.startswith(sign):
            return f"it is {kind}"
    if start.removeprefix(b"\xef\xbb\xbf").lstrip()[:9].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return f"it is {_PAGE}"
    return f"it is {_PICKLE}" if _is_pickle(start, whole=len(start) < _MOST) else ""


def _is_pickle(start: bytes, whole: bool) -> bool:
    """Whether a pickle begins so: protocols 2 to 5 say so themselves, 0 and 1 are known by their program."""
    if start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return True
    if start[:1] not in (b"(", b"c", b"]", b"}", b")"):  # with which all but single numbers and words begin
        return False
    try:
        words = list(itertools.islice(pickletools.genops(io.BytesIO(start)), 1000))
    except Exception:  # it has words that pickles have not, or is cut off
        return False
    return len(words) == 1000 or whole
