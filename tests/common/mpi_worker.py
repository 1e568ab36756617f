"""What test_mpi.py starts on every rank: while rank 0 waits for it, rank 1 raises or, with "stop", is stopped."""

import os
import signal
import sys

import numpy as np

from baselines.common.mpi import abort_all_on_error, make_communicator

if __name__ == "__main__":
    comm = make_communicator()
    abort_all_on_error(comm)
    comm.limit_waiting(2)
    comm.mean(np.zeros(1))
    if comm.rank == 1:
        if sys.argv[1:] == ["stop"]:
            os.kill(os.getpid(), signal.SIGSTOP)
        raise ValueError("the robot of rank 1 is on fire")
    comm.mean(np.zeros(1))
