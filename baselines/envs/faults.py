"""Faults of environments and their processes, as one line that names the environment."""

import atexit
import contextlib
import errno
import functools
import multiprocessing
import os
import signal
import sys
import traceback
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from multiprocessing.connection import wait
from typing import Any, NoReturn

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv, VectorEnv
from gymnasium.vector.async_vector_env import _async_worker

import baselines
from baselines.common.errors import STOP_SIGNALS, TrainingError, UserError
from baselines.common.streams import show
from baselines.common.waiting import slices
from baselines.envs.info import NO_INFO, read_info

REWARD_INFO = "baselines: reward_info"  # the key of the row of numbers in a vector's info
SUCCESS_KEYS = ("is_success", "success")
_LIBRARIES = (os.path.dirname(os.__file__), os.path.dirname(baselines.__file__))
_OLD_GYM = "if it returns 4 values from step, as in old gym: --env=gym:module:Id (pip install 'baselines-her[gym]')"

_REMEDIES = {
    errno.EMFILE: "raise `ulimit -n`, or use",
    errno.ENOSPC: "make room in /dev/shm (docker run --shm-size=1g), or use",
    errno.EAGAIN: "raise `ulimit -u`, or use",
}


def describe_error(error: BaseException) -> str:
    """Return the exception with file and line, preferably in code that is not a library's; of ours only the text."""
    if isinstance(error, (TrainingError, UserError)):
        return str(error)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<")]
    own = [f for f in frames if not f.filename.startswith(_LIBRARIES) and "site-packages" not in f.filename]
    place = "".join(f" ({os.path.basename(f.filename)}, line {f.lineno})" for f in (own or frames)[-1:])
    return f"{type(error).__name__}: {error}" + ("" if isinstance(error, SyntaxError) else place)  # says it already


def one_number(value: Any) -> float:
    """Return a real number, which may come in an array of one. Raises ValueError."""
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "biuf":
        raise ValueError(f"expected one number, got {value!r:.60}")
    return float(array.reshape(()))


def close(env: gymnasium.Env) -> None:
    """Close an environment; tell a failure."""
    try:
        env.close()
    except (Exception, SystemExit) as error:
        _tell(f"warning: an environment could not be closed: {describe_error(error)}")


@functools.cache  # many environments fail alike
def _tell(line: str) -> None:
    show(line, sys.stderr)


class ErrorContext(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Adds the environment's index, its step and the place in its code to errors, and checks what it returns."""

    def __init__(self, env: gymnasium.Env, index: int, keep_info: bool = False):
        """Reduce infos, which vectors cannot always join, to success and the entries, unless `keep_info`."""
        super().__init__(env)
        self._index, self._steps, self._keep_info = index, 0, keep_info
        self.info_type = NO_INFO  # the entries that compute_reward reads; vectors set it

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode. Raises TrainingError."""
        self._steps = 0
        with self._naming():
            observation, info = self.env.reset(seed=seed, options=options)
            self._check(observation)
            return observation, dict(info) if self._keep_info and isinstance(info, Mapping) else {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take a step. Raises TrainingError."""
        self._steps += 1
        with self._naming():
            observation, reward, terminated, truncated, info = self.env.step(action)
            self._check(observation)
            info = info if isinstance(info, Mapping) else {}
            kept = dict(info) if self._keep_info else {}
            for key in [key for key in SUCCESS_KEYS if key in info][:1]:
                kept[SUCCESS_KEYS[0]] = self._flag(f"info['{key}']", info[key])
            if self.info_type.names:
                kept[REWARD_INFO] = read_info(self.info_type, info)
            try:
                number = one_number(reward)
            except ValueError:
                self._fail(f"returned {reward!r:.60} as reward, not one number,")
            return observation, number, self._flag("terminated", terminated), self._flag("truncated", truncated), kept

    def close(self) -> None:
        """Close the environment; a failure is only told, because it must not end a finished run."""
        close(self.env)

    def _flag(self, name: str, value: Any) -> bool:
        with contextlib.suppress(ValueError):
            if (number := one_number(value)) in (0, 1):
                return bool(number)
        self._fail(f"returned {value!r:.60} as {name}, not True or False,")

    def _check(self, observation: Any) -> None:
        space = self.observation_space
        entries = space.spaces if isinstance(space, gymnasium.spaces.Dict) else {"": space}
        for key, entry in entries.items():
            part = observation.get(key) if key else observation
            if entry.shape is not None and np.shape(part) != entry.shape:  # a nested dictionary has no shape
                self._fail(f"returned '{key or 'observation'}' of shape {np.shape(part)}, not {entry.shape},")

    @contextlib.contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except TrainingError:
            raise
        except UserError as error:
            self._fail(f"returned an info that --reward_info cannot read ({error})", error)
        except Exception as error:
            hint = f": {_OLD_GYM}" if isinstance(error, ValueError) and "to unpack" in str(error) else ""
            self._fail(f"raised {describe_error(error)}", error, hint)

    def _fail(self, what: str, cause: Exception | None = None, hint: str = "") -> NoReturn:
        raise TrainingError(f"environment {self._index} {what} at step {self._steps} of its episode{hint}") from cause


class _SpacesOnly(gymnasium.Env[Any, Any]):
    """The spaces of `model`, in the place of an environment; a reset says why there is none."""

    def __init__(self, model: gymnasium.Env):
        self.observation_space, self.action_space = model.observation_space, model.action_space
        self.metadata, self.render_mode, self.why = model.metadata, model.render_mode, ""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> NoReturn:
        raise TrainingError(self.why)


def in_processes(make: Callable[[int], gymnasium.Env], num_env: int, model: gymnasium.Env) -> AsyncVectorEnv:
    """Start a process for each of `num_env` environments like `model`, `make(index)`. Raises UserError.

    The processes ignore Ctrl-C and SIGHUP, which reach all processes of a terminal, and SIGTERM, which reaches all of a
    job: the main process handles these, and still needs its environments then. So they are ended by SIGKILL.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(1)  # a process for an environment, which runs the user's script again: it would start more, and so on
    if multiprocessing.current_process().daemon:
        raise UserError(
            "this process may start none for environments, as it is a daemon, e.g. of multiprocessing.Pool: use "
            "concurrent.futures.ProcessPoolExecutor, or --vec_env=sync"
        )
    main, variables, others = os.getpid(), dict(os.environ), set(multiprocessing.active_children())
    spaces = _SpacesOnly(model)

    def start(index: int) -> gymnasium.Env:
        if os.getpid() == main:  # where Gymnasium only asks for the spaces
            return spaces
        # The fork server has the variables of its own start: MUJOCO_GL may have been set since.
        os.environ.clear()
        os.environ.update(variables)
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        try:
            return make(index)
        except (Exception, SystemExit) as error:  # the first reset tells it, without a traceback
            spaces.why = f"environment {index} cannot be made in a process of its own: {describe_error(error)}"
            return spaces

    starts = [functools.partial(start, i) for i in range(num_env)]
    try:
        return _started(starts)
    except BaseException as error:  # also Ctrl-C: Python would wait at its end for those that have started
        _kill(set(multiprocessing.active_children()) - others)
        if isinstance(error, (EOFError, ConnectionError)):
            raise UserError(
                "the processes of the environments could not be started: a module must register the environment "
                '(--env=module:Id), and a script must start them below if __name__ == "__main__":, as Python runs it '
                "again in each process; or use --vec_env=sync"
            ) from None
        if isinstance(error, OSError):
            why = f"{error.strerror or error}: {_REMEDIES.get(error.errno or 0, 'use')} --vec_env=sync"
            raise UserError(f"cannot start a process for each of {num_env} environments: {why}") from None
        raise


def _started(starts: Sequence[Callable[[], gymnasium.Env]]) -> AsyncVectorEnv:
    with contextlib.ExitStack() as stack:  # try first: without them, the fork server prints a traceback of its own
        for _ in range(4 * len(starts) + 24):
            stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
    # A fork of this process would inherit TensorFlow's locks.
    vector = AsyncVectorEnv(starts, context="forkserver", worker=_work)
    for process in vector.processes:
        process.terminate = process.kill  # type: ignore[method-assign]
    atexit.register(_kill, weakref.WeakSet(vector.processes))  # before multiprocessing waits for them
    return vector


def _work(*arguments: Any) -> None:
    """Step an environment in a process of its own, which ends without a traceback if the main process was killed."""
    with contextlib.suppress(EOFError, ConnectionError):
        _async_worker(*arguments)


def wait_for_answers(vector: Any, seconds: float) -> None:
    """Wait until all processes have answered or died. Raises TrainingError after `seconds` (--step_timeout)."""
    silent = {pipe: index for index, pipe in enumerate(vector.parent_pipes)}
    for time in slices(seconds):
        for pipe in wait(list(silent), time):
            del silent[pipe]
        if not silent:
            return
    _fail(vector, [*silent.values()], "environment", f"did not answer within {seconds:g} s (--step_timeout)")


@contextlib.contextmanager
def naming_environments(vector: VectorEnv) -> Iterator[None]:
    """Turn failures of a vector's processes into TrainingError."""
    level = gymnasium.logger.min_level
    gymnasium.logger.min_level = gymnasium.logger.ERROR + 1  # Gymnasium prints tracebacks
    try:
        yield
    except (EOFError, ConnectionError):
        sentinels = [process.sentinel for process in getattr(vector, "processes", [])]
        dead = [sentinels.index(sentinel) for sentinel in wait(sentinels, 2)]  # its pipe may break a moment before
        _fail(vector, dead, "the process of environment", "died; --vec_env=sync shows how")
    except (TrainingError, UserError):
        raise
    except Exception as error:  # in a vector of the user's own, without ErrorContext
        raise TrainingError(f"an environment raised {describe_error(error)}") from error
    finally:
        gymnasium.logger.min_level = level


def _fail(vector: VectorEnv, indices: list[Any], what: str, why: str) -> NoReturn:
    _kill(getattr(vector, "processes", []))  # to close them one after the other would wait for those that hang
    vector.closed = True
    raise TrainingError(f"{what} {indices[0] if indices else 'unknown'} {why}") from None


def _kill(processes: Iterable[Any]) -> None:
    for process in processes:
        process.kill()
