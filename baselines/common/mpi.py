"""Workers that train together: the only file that knows of mpi4py."""

import os
import sys
import time
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import TypeVar

import numpy as np

from baselines.common.errors import UserError

T = TypeVar("T")

# What mpirun of Open MPI, MPICH (and Intel MPI), and srun with PMI set in every process they start.
_LAUNCHER_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "MPI_LOCALNRANKS", "MV2_COMM_WORLD_SIZE")


class Communicator:
    """One worker alone; `MpiCommunicator` is many. Arrays go in and come back as NumPy."""

    rank, size = 0, 1

    def mean(self, x: np.ndarray) -> np.ndarray:
        """The mean of `x` over all workers, the same bits on each."""
        return x

    def broadcast(self, x: np.ndarray) -> np.ndarray:
        """Rank 0's `x`, which has the same shape and type on every worker."""
        return x

    def all_gather(self, x: T) -> list[T]:
        """`x` of every rank, in their order."""
        return [x]

    def share_of_cores(self) -> int:
        """How many of this machine's processors are this worker's, at least 1."""
        return len(_affinity())

    def abort(self, code: int) -> None:
        """End this worker and all others."""
        sys.stdout.flush()
        sys.stderr.flush()
        sys.exit(code)


class MpiCommunicator(Communicator):
    """The workers that `mpirun` started."""

    def __init__(self) -> None:
        from mpi4py import MPI

        self._mpi = MPI
        self._world = MPI.COMM_WORLD
        self.rank, self.size = self._world.rank, self._world.size

    def mean(self, x: np.ndarray) -> np.ndarray:
        total = np.array(x)
        self._world.Allreduce(self._mpi.IN_PLACE, total)
        total /= np.asarray(self.size, total.dtype)
        return total

    def broadcast(self, x: np.ndarray) -> np.ndarray:
        received = np.array(x)
        self._world.Bcast(received)
        return received

    def all_gather(self, x: T) -> list[T]:
        everyone: list[T] = self._world.allgather(x)
        return everyone

    def share_of_cores(self) -> int:
        # Launchers may bind each worker to processors of its own, or let all roam over all.
        node = self._world.Split_type(self._mpi.COMM_TYPE_SHARED)
        everyone = node.allgather(sorted(_affinity()))
        node.Free()
        share = sum(1 / sum(cpu in theirs for theirs in everyone) for cpu in _affinity())
        return max(1, round(share))

    def abort(self, code: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        time.sleep(0.5)  # mpirun drops what it has not passed on yet when it ends the others
        self._world.Abort(code)


def make_communicator() -> Communicator:
    """The communicator of the launcher that started this process, if any.

    Raises UserError under mpirun without a working mpi4py: N silent separate runs would be the alternative.
    """
    launched = [v for v in _LAUNCHER_VARIABLES if v in os.environ]
    if not launched:
        return Communicator()
    try:
        comm = MpiCommunicator()
    except (ImportError, RuntimeError) as error:
        raise UserError(
            f"started by an MPI launcher ({launched[0]} is set), but mpi4py does not work here ({_first_line(error)}). "
            "With an MPI of your own: pip install mpi4py; without one: pip install 'baselines-her[mpi]'"
        ) from None
    started = int(next((os.environ[v] for v in launched if v.endswith("WORLD_SIZE") or v == "PMI_SIZE"), comm.size))
    if comm.size != started:
        raise UserError(
            f"the MPI launcher started {started} workers, but mpi4py sees {comm.size}: it uses another MPI than "
            "mpirun. Use the mpirun of mpi4py's MPI, or uninstall the one that does not belong (pip uninstall mpich)"
        )
    return comm


def abort_all_on_error(comm: Communicator) -> None:
    """From now on, an uncaught exception of one worker ends all of them: the others would wait for it forever."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        print(f"rank {comm.rank} of {comm.size} failed, ending all workers:", file=sys.stderr)
        traceback.print_exception(kind, error, trace)
        comm.abort(1)

    if comm.size > 1:
        sys.excepthook = hook


def check_same_on_all(comm: Communicator, given: Mapping[str, object]) -> None:
    """Raise UserError, on all workers, where they were given different things.

    They would wait for each other forever, or train what none of them was asked for.
    """
    if comm.size == 1:
        return
    everyone = comm.all_gather(dict(given))
    for name in dict.fromkeys(name for one in everyone for name in one):
        values = [repr(one[name]) if name in one else "not given" for one in everyone]
        for rank, one in enumerate(everyone):
            if values[rank] != values[0] and one.get(name, given) != everyone[0].get(name, everyone):
                raise UserError(
                    f"all workers of a job need the same command, but {name} is {values[0]} on rank 0 and "
                    f"{values[rank]} on rank {rank}"
                )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _affinity() -> set[int]:
    try:
        return os.sched_getaffinity(0)
    except AttributeError:  # macOS
        return set(range(os.cpu_count() or 1))
