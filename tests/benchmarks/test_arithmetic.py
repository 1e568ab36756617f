"""The arithmetic behind the benchmarks' figures."""

import json

import pytest

from baselines.her.experiment.config import HERConfig
from benchmarks import measure
from benchmarks.mpi import predict
from benchmarks.updates import products_of_an_update
from tests.helpers import goal_spec


def test_products_of_an_update_are_those_of_five_forward_and_three_backward_passes():
    spec, config = goal_spec("any", 3, 2, 1, 10), HERConfig(hidden=4, layers=1, batch_size=7)
    flops = {}
    for (n, k), (same, m) in products_of_an_update(spec, config):
        assert k == same
        flops[n, k, m] = flops.get((n, k, m), 0) + 1
    assert flops == {
        (7, 5, 4): 2, (7, 4, 1): 2 + 3,  # forward: pi 5 > 4 > 1 twice, Q 6 > 4 > 1 three times
        (7, 6, 4): 3,
        (7, 1, 4): 1 + 2,  # back to the hidden layer: pi once, Q for both losses
        (7, 4, 6): 1,  # back to Q's input, for the actor
        (5, 7, 4): 1, (4, 7, 1): 2, (6, 7, 4): 1,  # kernels, of each network once
    }  # fmt: skip


def test_the_model_of_many_ranks_gives_back_what_two_were_measured_at():
    two = {
        "ms per all-reduce of 8 bytes": 0.01, "ms per all-reduce of the gradients": 0.21,
        "ms per update without all-reduce": 4.0, "ms of rollout and sampling per cycle": 60.0,
        "steps per cycle and rank": 100.0,
    }  # fmt: skip
    same = predict(two, 2)
    assert same["ms per all-reduce of the gradients"] == pytest.approx(0.21)
    assert same["updates/s"] == pytest.approx(2 * 1000 / 4.21)
    assert same["env steps/s in cycles"] == pytest.approx(2 * 1000 * 100 / (60 + 40 * 4.21))
    assert 0.21 < predict(two, 19)["ms per all-reduce of the gradients"] < 2 * 0.21 + 5 * 0.01


def test_rates_are_medians_of_rounds_that_take_turns(monkeypatch):
    clock, order = iter(range(10**6)), []
    monkeypatch.setattr(measure.time, "perf_counter", lambda: next(clock) / 4)
    works = {name: lambda name=name: order.append(name) or 2.0 for name in "ab"}
    rates = measure.compare(works, rounds=3, seconds=1)
    assert "".join(order) == "ab" + 3 * "aaabbb"  # warm up, then 3 calls of a quarter of a second each
    assert rates["a"] == rates["b"] == 3 * 2.0 / 1.25


def test_a_report_keeps_the_other_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "RESULTS", tmp_path)
    measure.report("x.json", "one", [{"figure": 1.5}])
    measure.report("x.json", "two", [{"figure": 2.5}])
    kept = json.loads((tmp_path / "x.json").read_text())
    assert kept["one"]["rows"] == [{"figure": 1.5}] and kept["two"]["machine"]["cores"] >= 1
