"""The cores that control groups leave to a process, and time that counts for no limit."""

import math

import pytest

from baselines.common import waiting
from baselines.common.cores import available_cores, quota

GROUPS = {
    "version 2": ("0::/job/step\n", {"job/cpu.max": "150000 100000\n", "job/step/cpu.max": "max 100000\n"}, 1.5),
    "version 2 in a container": ("0::/docker/ab\n", {"cpu.max": "400000 100000\n"}, 4),
    "version 1": ("4:memory:/job\n2:cpu,cpuacct:/job\n",
                  {"cpu/job/cpu.cfs_quota_us": "50000\n", "cpu/job/cpu.cfs_period_us": "100000\n"}, 0.5),
    "version 1 without a limit": ("2:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
                                  math.inf),
    "another system": (None, {}, math.inf),
}  # fmt: skip


@pytest.mark.parametrize(("groups", "files", "expected"), GROUPS.values(), ids=GROUPS)
def test_the_smallest_quota_above_a_process_is_its_own(groups, files, expected, tmp_path):
    if groups:
        (tmp_path / "groups").write_text(groups)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert quota(str(tmp_path / "groups"), str(tmp_path)) == expected


def test_a_process_has_one_core_at_least(monkeypatch):
    monkeypatch.setattr("baselines.common.cores.quota", lambda: 0.1)
    assert available_cores() == 1


def test_a_wait_during_which_all_stood_still_counts_as_a_short_one(monkeypatch):
    clock = iter([0, 100, 100, 100.1, 100.1, 3700, 3700, 3701])
    monkeypatch.setattr(waiting.time, "monotonic", lambda: next(clock))
    assert list(waiting.slices(1.2)) == [0.5, 0.5, 0.5, pytest.approx(0.1)]
