"""24 hours in miniature."""

import os

import numpy as np
import pytest

import baselines
from tests.helpers import point_reach


@pytest.mark.slow
def test_2000_cycles_leak_neither_memory_nor_files_nor_threads():
    """A buffer of 100 episodes is full long before the first look."""
    seen = []

    def look(_):
        seen.append((_resident(), len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))))

    baselines.train(env=point_reach(1), n_epochs=40, n_cycles=50, buffer_size=3000, n_batches=2, batch_size=16,
                    hidden=8, layers=1, n_test_rollouts=1, seed=0, log_path="log", callback=look)  # fmt: skip
    memory, handles, threads = np.array(seen[10:]).T  # 500 cycles to warm up
    assert len(seen) == 40
    assert memory.max() <= 1.02 * memory[0], memory
    assert handles.max() == handles[0] and threads.max() == threads[0]


def _resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
