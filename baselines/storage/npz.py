"""Untrusted `.npz` files: sizes are checked before memory is allocated."""

import io
import math
import zipfile
from typing import IO, Any, Literal

import numpy as np

# Not LZMA: its decoder allocates what the file claims, up to 4 GB.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_PIECE = 1 << 22  # bytes
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_members(path: str, most_bytes: int) -> dict[str, bytes]:
    """Return the content of each file in the archive, by its name without '.npy'.

    Raises OSError or ValueError where it is not a valid archive, and ValueError where all contents together have more
    than `most_bytes`, whatever the archive claims.
    """
    contents, left = {}, most_bytes
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.compress_type not in _COMPRESSIONS:
                    raise ValueError(f"'{member.filename}' is compressed in a way that NumPy never uses")
                if left >= 0:
                    with archive.open(member) as opened:
                        content = _read_up_to(opened, left + 1)
                    left -= len(content)
                    contents[member.filename.removesuffix(".npy")] = content
    except OSError:
        raise
    except Exception as error:  # damaged archives raise exceptions of many kinds
        raise ValueError(f"it is not a valid .npz file ({type(error).__name__}: {error})") from None
    if left < 0:
        raise ValueError(f"it holds more than {most_bytes} bytes")
    return contents


def _read_up_to(file: IO[bytes], most: int) -> bytes:
    """Read in pieces: one read of `most` bytes would allocate as much, however small the file is."""
    pieces = []
    while most > 0 and (piece := file.read(min(most, _PIECE))):
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)


def plain_array(content: bytes) -> np.ndarray:
    """Return the array of one `.npy` file. Raises ValueError for Python objects and for wrong sizes."""
    shape, order, dtype, data = header_of(content)
    if dtype.hasobject:
        raise ValueError("it holds Python objects instead of numbers")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(
            f"its header promises {list(shape)} of {dtype}, which are not the {len(data)} bytes that follow"
        )
    array: np.ndarray = np.frombuffer(data, dtype).reshape(shape, order=order)
    return array


def header_of(content: bytes) -> tuple[tuple[int, ...], Literal["C", "F"], "np.dtype[Any]", bytes]:
    """Return shape, order ("C" or "F"), dtype and the bytes after the header of one `.npy` file. Raises ValueError."""
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        shape, fortran, dtype = _HEADERS[version](file)
    except Exception as error:  # NumPy's parser raises exceptions of many kinds
        raise ValueError(f"the header of an array is damaged ({type(error).__name__})") from None
    return shape, "F" if fortran else "C", dtype, content[file.tell() :]
