"""Workers that train together; only this file imports mpi4py."""

import contextlib
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from baselines.common.cores import available_cores, cores, quota
from baselines.common.errors import UserError, one_line
from baselines.common.streams import flush_streams, show

T = TypeVar("T")

# Variables that mpirun of Open MPI, MPICH and Intel MPI, and srun with PMI, set in each process that they start.
_LAUNCHER_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "MPI_LOCALNRANKS", "MV2_COMM_WORLD_SIZE")


class Communicator:
    """A single worker; `MpiCommunicator` has several. Arrays are NumPy's."""

    rank, size = 0, 1

    def mean(self, x: np.ndarray) -> np.ndarray:
        """Return the mean of `x` over all workers, the same bits on each."""
        return x

    def broadcast(self, x: np.ndarray) -> np.ndarray:
        """Return rank 0's `x`; its shape and type must be the same on every worker."""
        return x

    def all_gather(self, x: T) -> list[T]:
        """Return `x` of every rank, in order of the ranks."""
        return [x]

    def share_of_cores(self) -> int:
        """Return the number of this machine's cores for this worker, at least 1."""
        return available_cores()

    def limit_waiting(self, seconds: float) -> None:
        """End all workers, with a line, where one waits so long for the others from now on; 0: no limit."""

    def abort(self, code: int) -> None:
        """End this worker and all others."""
        flush_streams()
        sys.exit(code)


class MpiCommunicator(Communicator):
    """The communicator of workers that `mpirun` started."""

    def __init__(self) -> None:
        from mpi4py import MPI

        self._mpi = MPI
        self._world = MPI.COMM_WORLD
        self.rank, self.size = self._world.rank, self._world.size
        self._calls = 0  # begun and ended: odd while this worker waits for the others

    def mean(self, x: np.ndarray) -> np.ndarray:
        """Return the mean of `x` over all workers."""
        total = np.array(x)
        self._wait(self._world.Allreduce, self._mpi.IN_PLACE, total)
        total /= np.asarray(self.size, total.dtype)
        return total

    def broadcast(self, x: np.ndarray) -> np.ndarray:
        """Return rank 0's `x`."""
        received = np.array(x)
        self._wait(self._world.Bcast, received)
        return received

    def all_gather(self, x: T) -> list[T]:
        """Return `x` of every rank."""
        return list(self._wait(self._world.allgather, x))

    def limit_waiting(self, seconds: float) -> None:
        """End all workers where this one waits so long for the others."""
        if self.size > 1 and seconds:
            threading.Thread(target=self._watch, args=(seconds,), daemon=True).start()

    def _wait(self, call: Callable[..., Any], *arguments: Any) -> Any:
        self._calls += 1
        try:
            return call(*arguments)
        finally:
            self._calls += 1

    def _watch(self, seconds: float) -> None:
        looks, looked_at = 0, 0
        while looks < seconds:  # one a second: while the whole job is stopped (Ctrl-Z), there are none
            time.sleep(1)
            looks = looks + 1 if self._calls == looked_at and self._calls % 2 else 0
            looked_at = self._calls
        why = f"has waited {seconds:g} s (--worker_timeout) for another worker, which hangs or was stopped"
        show(f"error (rank {self.rank} of {self.size}): {why}; ending all workers", sys.stderr)
        self.abort(1)

    def share_of_cores(self) -> int:
        """Return this worker's share of the machine's cores."""
        # Launchers may bind each worker to its own cores, or let all workers use all cores.
        node = self._world.Split_type(self._mpi.COMM_TYPE_SHARED)
        everyone = node.allgather(cores())
        node.Free()
        share = sum(1 / sum(cpu in theirs for theirs in everyone) for cpu in cores())
        return max(1, round(min(share, quota() / len(everyone))))

    def abort(self, code: int) -> None:
        """End all workers."""
        flush_streams()
        time.sleep(0.5)  # mpirun drops output that it has not forwarded yet when it ends the other workers
        self._world.Abort(code)


def make_communicator() -> Communicator:
    """Return the communicator of all workers of this job.

    Raises UserError under mpirun without a working mpi4py; otherwise N separate runs would train unnoticed.
    """
    launched = [v for v in _LAUNCHER_VARIABLES if v in os.environ]
    sizes = {os.environ[v] for v in launched if v.endswith("_SIZE")}
    comm, tasks = Communicator(), os.environ.get("SLURM_STEP_NUM_TASKS", "1")
    if launched and sizes != {"1"}:
        try:
            comm = MpiCommunicator()
        except (ImportError, RuntimeError) as error:
            started = f"an MPI launcher started this process ({launched[0]} is set)"
            remedy = "If you have MPI: pip install mpi4py; else: pip install 'baselines-her[mpi]'"
            raise UserError(f"{started}, but mpi4py does not work ({one_line(error)[:200]}). {remedy}") from None
        if sizes and str(comm.size) not in sizes:
            seen = f"mpirun started {min(sizes)} workers, but mpi4py sees {comm.size}"
            remedy = "Use the mpirun of mpi4py's MPI, or uninstall the other MPI (pip uninstall mpich)"
            raise UserError(f"{seen}, because it uses another MPI than mpirun. {remedy}")
    if comm.size == 1 and tasks != "1":
        text = f"srun started {tasks} processes that know no MPI: they are separate runs of one worker each."
        show(f"warning: {text} One run of all needs srun --mpi=pmi2, and mpi4py for the cluster's MPI", sys.stderr)
    return comm


def abort_all_on_error(comm: Communicator) -> None:
    """Make an uncaught exception of one worker end all workers, which would wait for it forever."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        show(f"rank {comm.rank} of {comm.size} failed, ending all workers:", sys.stderr)
        with contextlib.suppress(OSError):
            traceback.print_exception(kind, error, trace)
        comm.abort(1)

    if comm.size > 1:
        sys.excepthook = hook


def check_same_on_all(comm: Communicator, given: Mapping[str, object]) -> None:
    """Raise UserError on all workers if their values differ; they would wait for each other forever."""
    # Compared as text: NaN differs from itself.
    everyone = comm.all_gather({name: repr(value) for name, value in given.items()})
    for name in dict.fromkeys(name for one in everyone for name in one):
        first, *others = [one.get(name, "not given") for one in everyone]
        for rank, value in enumerate(others, 1):
            if value != first:
                where = f"{name} is {first} on rank 0 and {value} on rank {rank}"
                raise UserError(f"all workers of a job need the same command, but {where}")
