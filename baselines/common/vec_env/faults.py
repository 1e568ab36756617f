"""What environments do wrong: each error names the environment by its index."""

import atexit
import contextlib
import functools
import multiprocessing
import os
import signal
import time
import traceback
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv, VectorEnv

from baselines.common.errors import TrainingError


class Guarded(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Says which environment raised, where, or returned observations of another shape than it promised."""

    def __init__(self, env: gymnasium.Env, index: int):
        super().__init__(env)
        self._index, self._steps = index, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self._steps = 0
        with self._named():
            observed, info = self.env.reset(seed=seed, options=options)
        self._check(observed)
        return observed, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        self._steps += 1
        with self._named():
            result = self.env.step(action)
        self._check(result[0])
        return result

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{os.path.basename(frame.filename)}, line {frame.lineno}"
            self._fail(f"raised {type(error).__name__}: {error} ({where})", error)

    def _check(self, observed: Any) -> None:
        space = self.observation_space
        entries = space.spaces if isinstance(space, gymnasium.spaces.Dict) else {"": space}
        for key, entry in entries.items():
            name = f"an observation whose '{key}'" if key else "an observation that"
            part = observed.get(key) if key and isinstance(observed, dict) else None if key else observed
            got = "nothing" if part is None else np.shape(part)
            if got != entry.shape:
                self._fail(f"returned {name} has shape {got}, not {entry.shape}", None)

    def _fail(self, what: str, cause: Exception | None) -> NoReturn:
        raise TrainingError(f"environment {self._index} {what} at step {self._steps} of its episode") from cause


def _in_process(make: Callable[[], gymnasium.Env], index: int, main: int) -> gymnasium.Env:
    """For a process of its own; but Gymnasium also makes one in the process `main`, to look at."""
    if os.getpid() != main:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    return Guarded(make(), index)


def in_processes(makers: Sequence[Callable[[], gymnasium.Env]]) -> AsyncVectorEnv:
    """A process for each environment.

    Ctrl-C reaches all processes of a terminal, SIGTERM those of a job: both are for the main process to handle, which
    still needs its environments then. What would end them by SIGTERM has to kill them.
    """
    alone = [functools.partial(_in_process, maker, i, os.getpid()) for i, maker in enumerate(makers)]
    # Not forked from this process, whose TensorFlow has threads.
    vector = AsyncVectorEnv(alone, context="forkserver")
    for process in vector.processes:
        process.terminate = process.kill  # type: ignore[method-assign]
    atexit.register(_kill, weakref.WeakSet(vector.processes))  # before multiprocessing waits for them
    return vector


@contextlib.contextmanager
def name_the_environment(vector: VectorEnv, seconds: float) -> Iterator[None]:
    """Turn what goes wrong between processes into TrainingError; `seconds` is the timeout that was set."""
    level = gymnasium.logger.min_level
    gymnasium.logger.min_level = gymnasium.logger.ERROR + 1  # it prints tracebacks
    try:
        yield
    except multiprocessing.TimeoutError:
        # Only those that hang have not answered.
        silent = [i for i, pipe in enumerate(getattr(vector, "parent_pipes", [])) if not pipe.poll(0)]
        which = f"environment {silent[0]}" if silent else "an environment"
        _end(vector)
        raise TrainingError(f"{which} did not answer within {seconds:g} s (--step_timeout)") from None
    except (EOFError, BrokenPipeError, ConnectionResetError):
        dead = _first_dead(getattr(vector, "processes", []))
        which = "an environment" if dead is None else f"environment {dead}"
        _end(vector)
        raise TrainingError(f"the process of {which} died; --vec_env=sync shows how") from None
    finally:
        gymnasium.logger.min_level = level


def _first_dead(processes: list[Any], patience: float = 2.0) -> int | None:
    """The index of the process that has ended; its pipe may break a moment before."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        for i, process in enumerate(processes):
            if not process.is_alive():
                return i
        time.sleep(0.01)
    return None


def _end(vector: VectorEnv) -> None:
    """Closing in order would wait for those that hang."""
    _kill(getattr(vector, "processes", []))
    vector.closed = True


def _kill(processes: Iterable[Any]) -> None:
    for process in processes:
        process.kill()
