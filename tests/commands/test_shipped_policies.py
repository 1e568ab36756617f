"""The policies of data/policies: each loads, is small, and does what its page says."""

import os
import re

import pytest

import baselines
from benchmarks.experiments import EXPERIMENTS
from benchmarks.policies import ARM, SHIPPED
from tests.helpers import ROOT

POLICIES = ROOT / "data" / "policies"
CLAIMED = dict(re.findall(r"^\| `([\w-]+)` \|.*\| (\d\.\d+) \(", (POLICIES / "README.md").read_text(), re.M))


def test_the_page_names_each_policy():
    assert sorted(CLAIMED) == sorted(SHIPPED) == sorted(p.stem for p in POLICIES.glob("*.safetensors"))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_policy_is_small_and_of_its_task(name):
    size = os.path.getsize(POLICIES / f"{name}.safetensors")
    policy = baselines.load_policy(str(POLICIES / name))
    assert size < 4e6 and policy.spec.env_id == EXPERIMENTS[name].arms[ARM].env


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_a_policy_does_what_is_claimed(name):
    """Within four standard deviations of 50 episodes: a policy of another task, or a damaged one, has 0."""
    rate = baselines.evaluate_policy(baselines.load_policy(str(POLICIES / name)), episodes=50).success_rate
    claimed = float(CLAIMED[name])
    spread = (max(claimed * (1 - claimed), 0.01) / 50) ** 0.5
    assert claimed > 0.4 and rate >= claimed - 4 * spread
