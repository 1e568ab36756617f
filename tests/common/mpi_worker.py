"""What test_mpi.py starts on every rank: rank 1 raises while rank 0 waits for it."""

import numpy as np

from baselines.common.mpi import abort_all_on_error, make_communicator

if __name__ == "__main__":
    comm = make_communicator()
    abort_all_on_error(comm)
    if comm.rank == 1:
        raise ValueError("the robot of rank 1 is on fire")
    comm.mean(np.zeros(1))
