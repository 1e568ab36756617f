"""The cores that this process may use."""

import contextlib
import math
import os
from pathlib import Path


def cores() -> list[int]:
    """Return the numbers of the cores that the system may put this process on, in order."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def quota(groups: str = "/proc/self/cgroup", root: str = "/sys/fs/cgroup") -> float:
    """Return how many cores' time control groups allow, as containers and batch systems set them; else infinity."""
    least = math.inf
    with contextlib.suppress(OSError):  # not Linux
        for line in Path(groups).read_text().splitlines():
            _, controllers, path = line.split(":", 2)  # version 2 names no controllers
            if controllers and "cpu" not in controllers.split(","):
                continue
            files = ("cpu.cfs_quota_us", "cpu.cfs_period_us") if controllers else ("cpu.max",)
            group = Path(root, "cpu" if controllers else "", path.strip("/"))
            for folder in (group, *group.parents):  # a container sees its own group as the root, whatever its path is
                with contextlib.suppress(OSError, ValueError):  # no such group; "max" is no limit
                    most, period = (float(word) for file in files for word in (folder / file).read_text().split())
                    least = min(least, most / period if most > 0 else math.inf)
    return least


def available_cores() -> int:
    """Return the number of cores for this process, at least 1."""
    return max(1, round(min(len(cores()), quota())))
