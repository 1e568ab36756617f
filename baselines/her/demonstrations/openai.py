"""Demonstrations in the files of OpenAI Baselines: pickled arrays `acs`, `obs` and perhaps `info`.

A pickle is a program that may call any function by its name. It is read in a child process, which runs this file and
knows only the few names that NumPy's arrays need; each of them stands for a function of this file, as NumPy's own
functions trust what a pickle gives them. Whatever a hostile file still does (crash, fill the memory, never end) happens
there, within limits.
"""

import contextlib
import encodings.cp437  # noqa: F401 (zipfile needs it, and the child process cannot open files)
import io
import json
import os
import pickle
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

import numpy as np

_MEMORY = 1 << 30  # bytes
_SECONDS = 60  # of computing
_REFUSED = 3  # exit code of the child process: its output is a message instead of arrays
# An isolated Python (-I) does not search every folder that packages may be in.
_START = """import json, runpy, sys
sys.path += json.loads(sys.argv.pop(1))
runpy.run_path(sys.argv.pop(1), run_name='__main__')"""


def convert_in_child(
    file: IO[bytes], output: IO[bytes], shapes: Mapping[str, tuple[int, ...]], max_episodes: int | None
) -> None:
    """Write what `convert` makes of `file` to `output`, as an .npz file. Raises ValueError, whatever the pickles do."""
    if os.name == "nt":
        raise ValueError("files of OpenAI Baselines are pickles, which are converted on Linux and macOS only")
    arguments = [json.dumps(shapes), json.dumps(max_episodes)]
    run_child(__file__, arguments, file, output, path=[os.path.dirname(os.path.dirname(np.__file__))])


def run_child(
    script: str, arguments: Sequence[str], file: IO[bytes] | None, output: IO[bytes], path: Sequence[str]
) -> None:
    """Run a script that calls `answer`, with `file` as its input. Raises ValueError, whatever happens in it."""
    environ = {"BASELINES_MEMORY": str(_MEMORY), "BASELINES_SECONDS": str(_SECONDS)}
    try:
        code = subprocess.run(
            [sys.executable, "-I", "-c", _START, json.dumps(list(path)), script, *arguments],
            stdin=file or subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL, timeout=2 * _SECONDS,
            env={**os.environ, **environ, "OPENBLAS_NUM_THREADS": "1"},  # each thread reserves memory
        ).returncode  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ValueError(f"its conversion takes more than {2 * _SECONDS} seconds") from None
    output.seek(0)
    if code == _REFUSED:
        raise ValueError(ascii(output.read(300).decode(errors="replace"))[1:-1])
    if code:
        limits = f"more than {_MEMORY >> 20} MiB of memory or {_SECONDS} seconds"
        raise ValueError(f"its conversion ended with code {code}: it is damaged, or needs {limits}")


# ---- in the child process ----


class _Dtype:
    def __init__(self, code: str):
        known = re.fullmatch(r"[<>|=]?([fiub]\d\d?|O\d?)", code)
        self.dtype = np.dtype(code) if known else None  # text and dates are never read

    def __setstate__(self, state: Any) -> None:
        if self.dtype and state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array(list[Any]):
    """An array as nested lists. Pickles create it empty and then set its state."""

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, content = state
        self[:] = _nested(content, dtype, shape, "F" if fortran else "C")


def _nested(content: Any, dtype: _Dtype, shape: Any, order: Any, *_: Any) -> list[Any]:
    if type(dtype) is not _Dtype:
        raise ValueError("it has an array without a type")
    if dtype.dtype is None:
        return []
    if dtype.dtype.hasobject:
        flat = np.fromiter(content, object, len(content))
    else:  # Python 2 wrote the bytes as text
        flat = np.frombuffer(content.encode("latin1") if isinstance(content, str) else content, dtype.dtype)
    nested: list[Any] = np.atleast_1d(flat.reshape(shape, order=order)).tolist()
    return nested


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): lambda *_: _Array(),
    ("numpy.core.multiarray", "scalar"): lambda dtype, content: next(iter(_nested(content, dtype, 1, "C")), None),
    ("numpy.core.numeric", "_frombuffer"): _nested,
    ("numpy", "ndarray"): lambda *_: _Array(),  # an argument of _reconstruct
    ("numpy", "dtype"): lambda code, *_: _Dtype(code),
    ("_codecs", "encode"): lambda text, *_: text.encode("latin1"),  # protocols 0 to 2 write bytes as text
    ("builtins", "bytes"): lambda: b"",
    ("builtins", "set"): lambda items=(): list(items),
    ("builtins", "frozenset"): lambda items=(): list(items),
    ("collections", "OrderedDict"): lambda items=(): dict(items),
    ("collections", "deque"): lambda items=(), maxlen=None: list(items),
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        place = module.replace("numpy._core", "numpy.core").replace("__builtin__", "builtins")
        if (place, name) not in _ALLOWED:
            raise ValueError(f"it asks for {module}.{name}, which demonstrations do not need")
        return _ALLOWED[place, name]


def load(content: bytes) -> Any:
    """Return the array of one .npy file as nested lists."""
    file = io.BytesIO(content)
    major, _ = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    if read_header(file)[2].hasobject:
        return _Unpickler(file, encoding="latin1").load()
    return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False).tolist()


def convert(file: IO[bytes], shapes: dict[str, list[int]], max_episodes: int | None) -> dict[str, np.ndarray]:
    """Return the first episodes as arrays of our own format; `shapes` has the shape [steps, size] of each array.

    Raises ValueError, naming the episode, for what does not fit, and any other error for damaged input.
    """
    with zipfile.ZipFile(file) as archive:
        names = [name for name in ("acs", "obs", "info") if f"{name}.npy" in archive.namelist()]
        columns = [load(archive.read(f"{name}.npy"))[:max_episodes] for name in names]
    counts = [len(column) for column in columns]
    if len(set(counts)) > 1:
        raise ValueError(f"its arrays {', '.join(names)} have {counts} episodes, not equally many")
    N, T = counts[0], shapes["action"][0]
    unused = T - min(T, max(map(len, columns[0]), default=0))  # steps that no episode has
    arrays = {name: np.zeros((N, steps - unused, size), np.float32) for name, (steps, size) in shapes.items()}
    length, success = np.zeros(N, np.int32), np.zeros(N, bool)
    for i, (actions, observations, *infos) in enumerate(zip(*columns, strict=True)):
        L = length[i] = len(actions)
        if not 1 <= L <= T:
            raise ValueError(f"episode {i} has {L} actions, expected 1 to {T}")
        if len(observations) != L + 1:
            remedy = ": append the observation after the last action" if len(observations) == L else ""
            raise ValueError(
                f"episode {i} has {len(observations)} observations for {L} actions, expected {L + 1}{remedy}"
            )
        for name, array in arrays.items():
            vectors = actions if name == "action" else [o.get(name) for o in observations]
            for t, vector in enumerate(vectors[: array.shape[1]]):
                # Checked before NumPy sees it: lists may share lists and unfold without end.
                is_vector = isinstance(vector, (list, tuple)) and len(vector) == array.shape[2]
                if not is_vector or not all(isinstance(x, (int, float)) for x in vector):
                    raise ValueError(
                        f"episode {i} has an entry of {name} that is no vector of {array.shape[2]} numbers"
                    )
                array[i, t] = vector
        flag = infos[0][L - 1].get("is_success", 0) if infos and len(infos[0]) >= L else 0
        success[i] = all(x > 0 for x in (flag if isinstance(flag, list) else [flag]))
    return {**arrays, "reward": np.zeros((N, T - unused), np.float32), "length": length, "is_success": success}


def answer(convert: Callable[[], Mapping[str, np.ndarray]], open_files: int) -> None:
    """Write an .npz file of what `convert` returns, or the message of its ValueError, to standard output."""
    with contextlib.suppress(ImportError):  # Windows
        import resource

        memory = int(os.environ["BASELINES_MEMORY"])
        limits = {
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_CPU: int(os.environ["BASELINES_SECONDS"]),
            resource.RLIMIT_FSIZE: memory // 4,  # of the output
            resource.RLIMIT_NOFILE: open_files,  # files and sockets
        }
        if sys.platform != "darwin":  # macOS has reserved more than any limit before the program begins
            limits[resource.RLIMIT_AS] = memory
        for limit, value in limits.items():
            value = min([value, *(old for old in resource.getrlimit(limit) if old != resource.RLIM_INFINITY)])
            resource.setrlimit(limit, (value, value))
    try:
        arrays = convert()
    except ValueError as error:
        sys.stdout.buffer.write(str(error).encode(errors="replace"))
        sys.exit(_REFUSED)
    np.savez(sys.stdout.buffer, allow_pickle=False, **arrays)


if __name__ == "__main__":
    shapes, most = json.loads(sys.argv[1]), json.loads(sys.argv[2])
    answer(lambda: convert(sys.stdin.buffer, shapes, most), open_files=0)
