"""The cost of guides: whole cycles of `--preset=single` with and without them."""

from baselines.runs.algorithms import find
from benchmarks.learner import ENV, Learner
from benchmarks.measure import compare

VARIANTS = {"none": {"guide": "none"}, "auto": {"guide": "auto"}, "relay": {"relay_effector": "0:3"}}


def exploration(rounds: int) -> list[dict]:
    """Measure environment steps/s of rolling out, storing, sampling and updating."""
    learners = {name: Learner(8, find("her").config(ENV, settings, "single")) for name, settings in VARIANTS.items()}
    rates = compare({name: learner.cycle for name, learner in learners.items()}, rounds, seconds=5)
    return [{"guide": name, "env steps/s": rate, "of no guide's": rate / rates["none"]} for name, rate in rates.items()]
