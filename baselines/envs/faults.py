"""What environments do wrong: each error names the environment by its index."""

import atexit
import contextlib
import functools
import multiprocessing
import os
import re
import signal
import time
import traceback
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv, VectorEnv

import baselines
from baselines.common.errors import TrainingError, UserError


def said_by(error: BaseException) -> str:
    """What somebody's code raised, and where: of the places on the way there, the last that is not a library's."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<")]
    own = [f for f in frames if not f.filename.startswith(_LIBRARIES) and "site-packages" not in f.filename]
    where = next(((f.filename, f.lineno) for f in reversed(own or frames)), None)
    if isinstance(error, SyntaxError) and error.filename:
        where = error.filename, error.lineno
    place = f" ({os.path.basename(where[0])}, line {where[1]})" if where else ""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {text}{place}"


# The standard library, and this project.
_LIBRARIES = (os.path.dirname(os.__file__), os.path.dirname(baselines.__file__))


class Guarded(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Says which environment raised, where, or returned something else than it promised."""

    def __init__(self, env: gymnasium.Env, index: int, read: tuple[str, ...] = ()):
        """`read` are the entries of its info that are kept: as float64, as a vector has one type for all."""
        super().__init__(env)
        self._index, self._steps, self.read = index, 0, read

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self._steps = 0
        with self._named():
            result = self.env.reset(seed=seed, options=options)
        if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], dict)):
            self._fail(f"returned {_kind(result)} from reset, not an observation and a dictionary (info); {_OLD_GYM},")
        self._check(result[0])
        return result

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        self._steps += 1
        with self._named():
            result = self.env.step(action)
        if not (isinstance(result, tuple) and len(result) == 5 and isinstance(result[4], dict)):
            expected = "an observation, reward, terminated, truncated and a dictionary (info)"
            self._fail(f"returned {_kind(result)} from step, not {expected}; {_OLD_GYM},")
        observed, reward, terminated, truncated, info = result
        self._check(observed)
        if self.read:
            info = {**info, **{name: _as_float(info[name]) for name in self.read if name in info}}
        ends = bool(self._one("terminated", terminated)), bool(self._one("truncated", truncated))
        return observed, float(self._one("the reward", reward)), *ends, info

    def _one(self, name: str, value: Any) -> Any:
        """A number, also one that comes in an array of one."""
        try:
            array = np.asarray(value)
            if array.size == 1 and array.dtype.kind in "biuf":
                return array.reshape(())[()]
        except ValueError:  # lists of several lengths
            pass
        self._fail(f"returned {_kind(value)} as {name}, not one number,")

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if count := _unpacked_by_gymnasium(error):
                self._fail(f"returned {count}, as old gym does; {_OLD_GYM},", error)
            self._fail(f"raised {said_by(error)}", error)

    def _check(self, observed: Any) -> None:
        space = self.observation_space
        entries = space.spaces if isinstance(space, gymnasium.spaces.Dict) else {"": space}
        for key, entry in entries.items():
            name = f"an observation whose '{key}'" if key else "an observation that"
            part = (observed.get(key) if isinstance(observed, dict) else None) if key else observed
            got = "nothing" if part is None else _shape(part)
            if got != entry.shape and entry.shape is not None:  # which a dictionary within has not
                self._fail(f"returned {name} has shape {got}, not {entry.shape}")

    def _fail(self, what: str, cause: Exception | None = None) -> NoReturn:
        raise TrainingError(f"environment {self._index} {what} at step {self._steps} of its episode") from cause


_OLD_GYM = "an environment of old gym is given as --env=gym:module:Id (pip install 'baselines-her[gym]')"


def _unpacked_by_gymnasium(error: Exception) -> str | None:
    """Where one of Gymnasium's wrappers got another number of values than it expected: what it got."""
    *_, last = traceback.extract_tb(error.__traceback__)
    found = re.fullmatch(r"(?:not enough|too many) values to unpack \(expected ([25])(?:, got (\d+))?\)", str(error))
    if not found or not last.filename.startswith(os.path.dirname(gymnasium.__file__)):
        return None
    which = {"2": "reset", "5": "step"}[found[1]]
    return f"{found[2]} values from {which}" if found[2] else f"another number of values than {found[1]} from {which}"


def _as_float(value: Any) -> Any:
    array = np.asarray(value) if not isinstance(value, (str, dict)) else np.array(None)
    return array.astype(np.float64) if array.dtype.kind in "biuf" else value


def _kind(value: Any) -> str:
    if isinstance(value, tuple):
        return f"{len(value)} values"
    return f"an array of shape {np.shape(value)}" if isinstance(value, np.ndarray) else f"{value!r:.60}"


def _shape(value: Any) -> Any:
    try:
        return np.shape(value)
    except ValueError:
        return "of lists of several lengths"


def _in_process(
    make: Callable[[], gymnasium.Env], index: int, main: int, variables: dict[str, str], read: tuple[str, ...] = ()
) -> gymnasium.Env:
    """For a process of its own; but Gymnasium also makes one in the process `main`, to look at."""
    if os.getpid() != main:
        # The fork server has those of its own start: MUJOCO_GL may be set since.
        for name in os.environ.keys() - variables.keys():
            del os.environ[name]
        os.environ.update(variables)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    return Guarded(make(), index, read)


def in_processes(makers: Sequence[Callable[[], gymnasium.Env]], read: tuple[str, ...] = ()) -> AsyncVectorEnv:
    """A process for each environment.

    Ctrl-C reaches all processes of a terminal, SIGTERM those of a job: both are for the main process to handle, which
    still needs its environments then. What would end them by SIGTERM has to kill them.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        # This process was started for an environment, and runs the user's script from its beginning, with no end to it.
        os._exit(1)
    known = os.getpid(), dict(os.environ), read
    alone = [functools.partial(_in_process, maker, i, *known) for i, maker in enumerate(makers)]
    # Not forked from this process, whose TensorFlow has threads.
    try:
        vector = AsyncVectorEnv(alone, context="forkserver")
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise UserError(
            "the processes of the environments could not be started: a module must register the environment "
            '(--env=module:Id), and a script must start them below if __name__ == "__main__":, as Python runs it again '
            "in each process; or use --vec_env=sync"
        ) from None
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
    except (TrainingError, UserError, KeyboardInterrupt):
        raise
    except Exception as error:  # of a vector that the user made, whose environments are not `Guarded`
        raise TrainingError(f"an environment raised {said_by(error)}") from error
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
