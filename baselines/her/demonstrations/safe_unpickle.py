"""Reading pickles of NumPy arrays, numbers and strings in containers, and of nothing else.

A pickle is a program that may call any function. This reader runs it in Python's own unpickler with every global
replaced: a name outside the short list below is refused where it is called, and the names on it give objects of ours
that only build arrays from bytes and dicts, lists and tuples from their items. A named tuple is a tuple, and
somebody's own kind of dict a dict, whatever its class. Nothing is imported, and nothing of NumPy's own pickle support,
which trusts its input, is reached.
"""

import io
import math
import pickle
import struct
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

_KINDS = "fiubSU"  # floats, integers, unsigned integers, booleans, and words of one size
_MOST_COPIES = 8  # of all bytes of a pickle, by what it has built from what it already has


class Refused(ValueError):
    """The pickle asks for something that arrays do not need."""


def unpickle(content: bytes) -> Any:
    """The object in `content`. Raises Refused, naming what was asked for, or ValueError for damaged input."""
    try:
        return _Reader(content).load()
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

    def load_build(self: Any) -> None:
        built, state = self.stack[-2:]
        if isinstance(built, _Instance) and not built:  # what it holds are no items of a dict
            raise Refused(f"it asks for an object of {built.kind!r}, which demonstrations do not need")
        if isinstance(built, (dict, list, tuple)):  # which has items; the attributes beside them are nobody's data
            self.stack.pop()
            return
        self.pay(state)
        pickle._Unpickler.load_build(self)  # type: ignore[attr-defined]

    dispatch[pickle.BUILD[0]] = load_build

    def load_newobj(self: Any) -> None:
        made, items = self.stack[-2:]
        if not isinstance(made, _Class) or type(items) is not tuple:
            raise Refused(f"it asks for an object of {made!r}, which demonstrations do not need")
        self.stack[-2:] = [items or _Instance(made)]  # a named tuple, as it seems

    dispatch[pickle.NEWOBJ[0]] = load_newobj

    def __init__(self, content: bytes):
        super().__init__(io.BytesIO(content))
        self._left = _MOST_COPIES * len(content)

    def pay(self, copied: Any) -> None:
        """A few bytes can ask for a copy of anything that was read before, again and again: there is an end to it."""
        for x in copied if isinstance(copied, tuple) else (copied,):
            if isinstance(x, (str, bytes, bytearray, list, tuple, dict, set, frozenset)):
                self._left -= len(x)
        if self._left < 0:
            raise Refused("it asks for more copies of its content than demonstrations need")

    def find_class(self, module: str, name: str) -> Any:
        place = _PLACES.get(module, module.replace("numpy._core", "numpy.core"))
        if (place, name) not in _ALLOWED:
            return _Class(f"{module}.{name}")
        return _Maker(_ALLOWED[place, name], self.pay)

    def persistent_load(self, pid: object) -> NoReturn:
        raise Refused("it asks for a persistent object")

    def get_extension(self, code: int) -> NoReturn:
        raise Refused("it asks for an extension")


class _Maker:
    """Something to call, which a pickle cannot alter."""

    __slots__ = ("_make", "_pay")
    _make: Callable[..., Any]
    _pay: Callable[[Any], None]

    def __init__(self, make: Callable[..., Any], pay: Callable[[Any], None]):
        object.__setattr__(self, "_make", make)
        object.__setattr__(self, "_pay", pay)

    def __call__(self, *arguments: Any) -> Any:
        self._pay(arguments)
        return self._make(*arguments)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise Refused(f"it sets '{name}' of a function")


class _Class:
    """The name of anything else: harmless as long as nothing is done with it."""

    __slots__ = ("_name",)
    _name: str

    def __init__(self, name: str):
        object.__setattr__(self, "_name", name)

    def __repr__(self) -> str:
        return f"'{self._name}'"

    def __call__(self, *_: Any) -> NoReturn:
        raise Refused(f"it asks for {self!r}, which demonstrations do not need")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise Refused(f"it sets '{name}' of {self!r}")


class _Instance(dict[Any, Any]):
    """Of a class of somebody's own: a dict, to which its items come later."""

    __slots__ = ("kind",)

    def __init__(self, kind: _Class):
        super().__init__()
        self.kind = kind


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
    """numpy.ndarray: shape, dtype and content come with its state."""

    __slots__ = ("value",)

    def __init__(self, *_: Any):
        self.value: Any = None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.value, dtype)

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, place: Any) -> Any:
        return self.value[place]

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


def _dict(items: Any = (), *_: Any) -> dict[Any, Any]:
    """collections.OrderedDict(), to which its items come later; those of Python 2 come at once."""
    return dict(items) if type(items) in (list, tuple) else {}


def _list(items: Any = (), *_: Any) -> list[Any]:
    """collections.deque(), likewise."""
    return list(items) if type(items) in (list, tuple) else []


def _set(items: Any = ()) -> frozenset[Any]:
    return frozenset(items if type(items) in (list, tuple) else ())


def _reconstructed(made: Any, base: Any, items: Any) -> Any:
    """How protocols 0 and 1 write objects: those of containers are their items."""
    if type(items) not in (list, tuple, dict):
        raise Refused(f"it asks for an object of {made!r}, which demonstrations do not need")
    return items


def _scalar(dtype: Any, content: Any) -> Any:
    (number,) = _numbers(dtype.dtype, content)
    return number


def _from_buffer(content: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    """How protocol 5 writes arrays."""
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", bytes(content)))
    return array


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): lambda: b"",  # how protocol 2 writes no bytes at all
    ("__builtin__", "set"): _set,
    ("__builtin__", "frozenset"): _set,
    ("collections", "OrderedDict"): _dict,
    ("collections", "defaultdict"): lambda *_: {},
    ("collections", "deque"): _list,
    ("copy_reg", "_reconstructor"): _reconstructed,
}
_PLACES = {"builtins": "__builtin__", "copyreg": "copy_reg"}  # Python 3's names of Python 2's
