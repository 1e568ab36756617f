"""Reading pickles of NumPy arrays, numbers, strings, dicts, lists and tuples, and of nothing else.

A pickle is a program that may call any function. This reader runs it in Python's own unpickler with every global
replaced: a name outside the short list below is refused, and the names on it give objects of ours that only build
arrays from bytes. Nothing of NumPy's own pickle support, which trusts its input, is reached.
"""

import io
import math
import pickle
import struct
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

_KINDS = "fiub"  # floats, integers, unsigned integers, booleans


class Refused(ValueError):
    """The pickle asks for something that arrays do not need."""


def unpickle(content: bytes) -> Any:
    """The object in `content`. Raises Refused, naming what was asked for, or ValueError for damaged input."""
    try:
        return _Reader(io.BytesIO(content)).load()
    except Refused:
        raise
    except Exception as error:  # damaged pickles fail in every way there is
        raise ValueError(f"it is damaged ({type(error).__name__}: {error})") from None


class _Reader(pickle._Unpickler):
    # The one written in Python: damaged input cannot crash it or make it reserve memory, as it can the one in C.

    dispatch = dict(pickle._Unpickler.dispatch)

    def load_bytearray8(self: Any) -> None:
        # The inherited one makes room for as many bytes as are claimed.
        (size,) = struct.unpack("<Q", self.read(8))
        content = self.read(size)
        if len(content) != size:
            raise ValueError("a bytearray is cut off")
        self.append(bytearray(content))

    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8

    def find_class(self, module: str, name: str) -> Any:
        place = module.replace("numpy._core", "numpy.core")
        if (place, name) not in _ALLOWED:
            raise Refused(f"it asks for '{module}.{name}', which demonstrations do not need")
        return _Maker(_ALLOWED[place, name])

    def persistent_load(self, pid: object) -> NoReturn:
        raise Refused("it asks for a persistent object")

    def get_extension(self, code: int) -> NoReturn:
        raise Refused("it asks for an extension")


class _Maker:
    """Something to call, which a pickle cannot alter."""

    __slots__ = ("_make",)
    _make: Callable[..., Any]

    def __init__(self, make: Callable[..., Any]):
        object.__setattr__(self, "_make", make)

    def __call__(self, *arguments: Any) -> Any:
        return self._make(*arguments)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise Refused(f"it sets '{name}' of a function")


class _Dtype:
    """numpy.dtype('f8', False, True), to which a pickle then gives its byte order."""

    __slots__ = ("dtype",)

    def __init__(self, code: Any, *_: Any):
        self.dtype = None if code == "O8" or code == "O" else _number_type(code)

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        if self.dtype is not None and order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """numpy.ndarray under construction: shape, dtype and content come with its state."""

    __slots__ = ("value",)

    def __init__(self, *_: Any):
        self.value: Any = None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.value, dtype)

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, content = state
        if not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError("a shape is not made of whole numbers")
        if dtype.dtype is None:  # an array of objects: its content is a list
            if type(content) is not list or math.prod(shape) != len(content):
                raise ValueError("an array of objects has another size than it promises")
            flat = np.empty(len(content), object)
            flat[:] = content if len(content) != 1 else [content[0]]
        else:
            flat = _numbers(dtype.dtype, content)
            if math.prod(shape) != len(flat):
                raise ValueError("an array has another size than it promises")
        self.value = flat.reshape(shape, order="F" if fortran else "C")


def _numbers(dtype: np.dtype[Any], content: Any) -> np.ndarray:
    if isinstance(content, str):  # pickles of Python 2 and of protocol 2
        content = content.encode("latin1")
    if type(content) is not bytes or len(content) % dtype.itemsize:
        raise ValueError("an array's content is not made of whole numbers of bytes")
    return np.frombuffer(content, dtype)


def _number_type(code: Any) -> np.dtype[Any]:
    if not (isinstance(code, str) and len(code) <= 4 and code.lstrip("<>|=")[:1] in tuple(_KINDS)):
        raise Refused(f"it asks for arrays of type '{code}'")
    return np.dtype(code)


def _encode(text: Any, encoding: str = "utf-8", *_: Any) -> bytes:
    """How protocol 2 writes bytes."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise Refused(f"it asks for the encoding '{encoding}'")
    return text.encode(encoding)


def _from_buffer(content: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    """How protocol 5 writes arrays."""
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", bytes(content)))
    return array


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.multiarray", "scalar"): lambda dtype, content: _numbers(dtype.dtype, content)[0],
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): lambda: b"",  # how protocol 2 writes no bytes at all
}
