"""The process that starts the commands of benchmarks.faults at once, on a disk whose n-th call may fail."""

import builtins
import errno
import hashlib
import importlib
import io
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from baselines import storage
from baselines.common.cli import errors_end_the_process
from baselines.common.mpi import Communicator
from baselines.her.demonstrations.files import read_demonstrations
from baselines.learning.quiet import import_tensorflow
from baselines.policies.policy import read_policy, save_policy
from baselines.runs.checkpoints import read_newest
from baselines.runs.logger import Logger

DISK, CALLS = "FAULTY_DISK", "FAULTY_DISK_CALLS"  # variables: NUMBER:FAULT:LASTS; the file for the number of calls


class Disk:
    """Counts the calls that change a folder and lets the n-th fail, or all from then on.

    It takes the place of Python's functions and that of safetensors. TensorFlow, SQLite and ffmpeg have their own.
    """

    def __init__(self, below: str, number: int, fault: str, lasts: bool) -> None:
        self.below, self.number, self.fault, self.lasts, self.calls = below + os.sep, number, fault, lasts, 0
        code = errno.EIO if fault == "EIO" else errno.ENOSPC
        self.error = OSError(code, os.strerror(code))
        for name in ("open", "mkdir", "fsync"):
            setattr(os, name, self.failing(getattr(os, name), reads=name == "open"))
        for name in ("replace", "rename"):
            setattr(os, name, self.failing(getattr(os, name), path=1))
        builtins.open = io.open = self.opening(io.open)
        os.write, storage.save_file = self.writing(os.write), self.saving(storage.save_file)

    def fails(self, where: Any) -> bool:
        """Count a call on a path or an open file, and return True if it is to fail."""
        path = os.readlink(f"/proc/self/fd/{where}") if isinstance(where, int) else os.path.abspath(os.fspath(where))
        counts = path.startswith(self.below)
        self.calls += counts
        return counts and (self.calls == self.number or (self.lasts and 0 < self.number < self.calls))

    def failing(self, real: Callable[..., Any], path: int = 0, reads: bool = False) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            changes = not reads or arguments[1] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if changes and self.fails(arguments[path]):
                raise self.error
            return real(*arguments, **named)

        return call

    def writing(self, real: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
        def write(handle: int, data: Any) -> int:
            if not self.fails(handle):
                return real(handle, data)
            if self.fault != "short write" or self.calls > self.number or len(data) < 2:
                raise self.error
            return real(handle, bytes(data)[: len(data) // 2])

        return write

    def opening(self, real: Callable[..., Any]) -> Callable[..., Any]:
        disk = self

        class File(io.FileIO):
            def write(self, data: Any) -> int:
                return disk.writing(lambda _, part: super(File, self).write(part))(self.fileno(), memoryview(data))

        def open(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
            if not set(mode) & set("wxa") or isinstance(file, int) or "opener" in named:  # of tempfile
                return real(file, mode, *more, **named)
            if disk.fails(file):
                raise disk.error
            buffer = io.BufferedWriter(File(file, mode.strip("bt+")))
            return (
                buffer if "b" in mode else io.TextIOWrapper(buffer, named.get("encoding"), newline=named.get("newline"))
            )

        return open

    def saving(self, real: Callable[..., None]) -> Callable[..., None]:
        def save_file(arrays: Any, path: str, metadata: Any) -> None:
            failed = self.fails(path)
            real(arrays, path, metadata)
            if failed:  # half of it is on the disk
                os.truncate(path, os.path.getsize(path) // 2)
                raise self.error

        return save_file


def digest(document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Return one number for a file's document and arrays, without times and what depends on them."""
    progress = {k: v for k, v in document.get("progress", {}).items() if k != "seconds"}
    rest = {k: v for k, v in document.items() if k not in ("progress", "positions")}
    whole = hashlib.sha256(json.dumps([progress, rest], sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        whole.update(f"{name}{array.dtype}{array.shape}".encode() + array.tobytes())
    return whole.hexdigest()


def read(kind: str, path: str) -> None:
    """Print the digest of what a file's reader returns."""
    if kind == "state":
        saved = read_newest(path, 1, Communicator(), Logger())
        print(digest(*saved) if saved else "none")
    elif kind == "policy":
        policy = read_policy(path)
        print(digest(policy.document(), policy.arrays))
    else:
        print(digest({}, read_demonstrations(path, read_policy("policy").spec)._asdict()))


def _main(words: list[str]) -> None:
    """Run `MODULE words`, `read KIND PATH` or `save SOURCE TARGET`."""
    number, fault, lasts = os.environ.get(DISK, "0::").split(":")
    disk = Disk(os.getcwd(), int(number), fault, bool(lasts))
    try:
        if words[0] in ("read", "save"):
            with errors_end_the_process():
                read(*words[1:]) if words[0] == "read" else save_policy(words[2], read_policy(words[1]))
        else:
            importlib.import_module(words[0]).main(words[1:])
    finally:
        if CALLS in os.environ:
            Path(os.environ[CALLS]).write_text(str(disk.calls))


if __name__ == "__main__":
    import_tensorflow()
    for module in ("run", "play", "evaluate", "export", "tune", "her.train", "ppo2.train", "runs.tuning"):
        importlib.import_module(f"baselines.{module}")
    importlib.import_module("tests.environments")
    forks = importlib.import_module("tests.runs.forks")
    if (words := forks.serve(sys.argv[1])) is not None:
        _main(words)
