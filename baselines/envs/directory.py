"""The working directory of environments, whose code may change it, apart from that of this process."""

import contextlib
import os
from collections.abc import Iterator

_theirs: dict[str, str] = {}  # by the directory of this process; there is only one for all threads
_inside = [False]


@contextlib.contextmanager
def environment_code() -> Iterator[None]:
    """Run code of an environment in the directory that it changed to before, and come back: none of our files moves."""
    try:
        ours = os.getcwd()
    except OSError:  # it was removed
        ours = ""
    if _inside[0] or not ours:
        yield
        return
    _inside[0] = True
    try:
        if ours in _theirs:
            with contextlib.suppress(OSError):
                os.chdir(_theirs[ours])
        yield
    finally:
        _inside[0] = False
        with contextlib.suppress(OSError):
            if ours in _theirs or os.getcwd() != ours:
                _theirs[ours] = os.getcwd()
                os.chdir(ours)
