"""Demonstrations in the files of OpenAI Baselines: arrays `acs`, `obs` and perhaps `info`, which are pickles."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import IO

import numpy as np

from baselines.her.demonstrations import convert_pickles

_MEMORY = 1 << 31  # bytes
_SECONDS = 60  # of computing
_LONGEST_MESSAGE = 300
# NumPy may be in a folder that an isolated Python (-I) does not search.
_START = "import runpy, sys; sys.path.append(sys.argv.pop(1)); runpy.run_path(sys.argv.pop(1), run_name='__main__')"


def convert(file: IO[bytes], plain: IO[bytes], shapes: Mapping[str, tuple[int, ...]], max_episodes: int | None) -> None:
    """Write the first episodes of `file` to `plain`, as `convert_pickles.convert` makes them.

    The pickles are read in a child process of little power. Raises ValueError, with one line, whatever they do to it.
    """
    if os.name == "nt":
        raise ValueError("files of OpenAI Baselines are pickles, which are converted on Linux and macOS only")
    numpy_folder = os.path.dirname(os.path.dirname(np.__file__))
    arguments = [str(_MEMORY), str(_SECONDS), json.dumps(shapes), json.dumps(max_episodes)]
    file.seek(0)
    try:
        code = subprocess.run(
            [sys.executable, "-I", "-c", _START, numpy_folder, convert_pickles.__file__, *arguments],
            stdin=file, stdout=plain, stderr=subprocess.DEVNULL, timeout=2 * _SECONDS,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # each thread reserves memory
        ).returncode  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ValueError(f"its conversion takes more than {2 * _SECONDS} seconds") from None
    plain.seek(0)
    if code == convert_pickles.REFUSED:
        raise ValueError(ascii(plain.read(_LONGEST_MESSAGE).decode(errors="replace"))[1:-1])
    if code:
        limits = f"more than {_MEMORY >> 20} MiB of memory or {_SECONDS} seconds"
        raise ValueError(f"its conversion ended with code {code}: it is damaged, or needs {limits}")
