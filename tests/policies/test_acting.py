"""`policy.act` of every kind of policy: what it refuses, and that it changes nothing of what it takes."""

import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.common.specs import EnvSpec
from baselines.policies.policy import NetworkPolicy, checked_entries
from tests.commands.doors import POINT_REACH_SIZES, servo
from tests.ppo2.helpers import agent_of

SPEC = POINT_REACH_SIZES
PLAIN = EnvSpec("Plain-v0", {"observation": 3}, 2, 10)


def network(spec):
    inputs = sum(spec.observation_sizes.values())
    return NetworkPolicy(spec, [(np.ones((inputs, 2), np.float32), np.zeros(2, np.float32))])


def ppo(spec):
    return agent_of(spec).policy()


POLICIES = {"the goal's": servo(), "the rollout's": ppo(SPEC), "one network": network(SPEC)}


@pytest.fixture(params=POLICIES)
def policy(request):
    return POLICIES[request.param]


def observation(**changes):
    return {**{key: np.full(2, 0.1) for key in ("observation", "achieved_goal", "desired_goal")}, **changes}


BAD = {
    "missing": ({"observation": np.zeros(2)}, "expected an observation with 'achieved_goal', got observation$"),
    "empty": ({}, "expected an observation with 'observation', got nothing"),
    "no dictionary": (np.zeros(6), "as a dictionary of observation, achieved_goal, desired_goal, got ndarray"),
    "nothing": (None, "as a dictionary of observation, achieved_goal, desired_goal, got NoneType"),
    "too long": (observation(desired_goal=np.zeros(3)), r"expected 'desired_goal' to have 2 numbers, got \[3\]"),
    "a number": (observation(observation=0.5), r"expected 'observation' to have 2 numbers, got \[\]"),
    "None": (observation(achieved_goal=None), "expected 'achieved_goal' to have 2 numbers, got None"),
    "None within": (observation(achieved_goal=[None, 1]), "'achieved_goal' to have 2 numbers, got .None, 1."),
    "a word": (observation(observation="ab"), "expected 'observation' to have 2 numbers, got 'ab'"),
    "words": (observation(observation=["a", "b"]), "expected 'observation' to have 2 numbers"),
    "uneven": (observation(observation=[[1, 2], [1]]), "expected 'observation' to have 2 numbers"),
    "complex": (observation(observation=np.zeros(2, complex)), "expected 'observation' to have 2 numbers"),
    "a dictionary": (observation(observation={"a": 1}), "expected 'observation' to have 2 numbers, got {'a': 1}"),
    "NaN": (observation(observation=[0, np.nan]), r"expected 'observation' to have finite numbers, got nan at \[1\]"),
    "infinity": (observation(desired_goal=[np.inf, 0]), r"'desired_goal' to have finite numbers, got inf at \[0\]"),
    "beyond float32": (observation(desired_goal=[1e300, 0]), r"'desired_goal' to have finite numbers, got 1e\+300"),
    "NaN of several": (
        {k: np.where(np.arange(6).reshape(3, 2) == 5, np.nan, 0) for k in observation()}, r"got nan at \[2, 1\]"),
    "other numbers of environments": (
        {**{k: np.zeros((3, 2)) for k in observation()}, "desired_goal": np.zeros((4, 2))},
        r"'desired_goal' of as many environments as the others, \[3, 2\], got \[4, 2\]"),
    "long text": (observation(observation="a" * 10_000), "expected 'observation' to have 2 numbers"),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "message"), BAD.values(), ids=BAD)
def test_what_no_policy_can_act_on_is_refused_in_one_line(policy, bad, message):
    with pytest.raises(UserError, match=message) as error:
        policy.act(bad)
    assert "\n" not in str(error.value) and len(str(error.value)) < 200


@pytest.mark.parametrize("bad", [None, "word", [1, 2], [1, 2, None], [1, 2, np.nan], {"other": [1, 2, 3]}, object()])
@pytest.mark.parametrize("policy", [network(PLAIN), ppo(PLAIN)], ids=["one network", "the rollout's"])
def test_a_plain_vector_is_looked_at_likewise(policy, bad):
    with pytest.raises(UserError, match="^expected "):
        policy.act(bad)
    assert policy.act([1, 2, 3]).shape == (2,) and policy.act({"observation": np.zeros((5, 3))}).shape == (5, 2)


@pytest.mark.parametrize("front", [(), (1,), (5,), (2, 3), (0,)])
def test_what_is_taken_has_the_shape_of_the_first_entry(policy, front):
    rng = np.random.default_rng(0)
    seen = {key: rng.normal(size=(*front, 2)).astype(np.float32) for key in observation()}
    action = policy.act(seen)
    assert action.shape == (*front, 2)
    for place in np.ndindex(front):
        np.testing.assert_allclose(policy.act({k: x[place] for k, x in seen.items()}), action[place], atol=1e-6)


def test_lists_whole_numbers_and_further_entries_are_taken(policy):
    exact = policy.act(observation(observation=np.array([1.0, 0.0])))
    given = observation(observation=[True, 0], achieved_goal=(0.1, 0.1), picture="none")
    np.testing.assert_array_equal(policy.act(given), exact)


def test_entries_keep_their_type_and_one_goal_is_taken_beside_a_batch_of_one():
    entries = checked_entries({"observation": np.zeros((1, 3)), "goal": [1, 2]}, {"observation": 3, "goal": 2})
    assert entries["observation"].dtype == np.float64 and entries["goal"].shape == (1, 2)
