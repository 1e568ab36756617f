"""`policy.act`: what it refuses, and that the shape of the action follows from that of the observation."""

import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.common.specs import EnvSpec
from baselines.policies.policy import NetworkPolicy, checked_entries, read_policy, save_policy
from tests.commands.doors import servo

PLAIN = NetworkPolicy(EnvSpec("Plain-v0", {"observation": 3}, 2), [(np.ones((3, 2)), np.zeros(2))])
DISCRETE = NetworkPolicy(EnvSpec("CartPole-v1", {"observation": 3}, 4, discrete=True), [(np.eye(3, 4), np.zeros(4))])
GOALS = servo()


def observation(**changes):
    return {**{key: np.full(2, 0.1) for key in ("observation", "achieved_goal", "desired_goal")}, **changes}


BAD = {
    "missing": ({"observation": np.zeros(2)}, "expected an observation with 'achieved_goal', got observation$"),
    "empty": ({}, "expected an observation with 'observation', got nothing"),
    "no dictionary": (np.zeros(6), "as a dictionary of observation, achieved_goal, desired_goal, got ndarray"),
    "too long": (observation(desired_goal=np.zeros(3)), r"expected 'desired_goal' to have 2 numbers, got \[3\]"),
    "a number": (observation(observation=0.5), r"expected 'observation' to have 2 numbers, got \[\]"),
    "None": (observation(achieved_goal=None), "expected 'achieved_goal' to have 2 numbers, got None"),
    "None within": (observation(achieved_goal=[None, 1]), "'achieved_goal' to have 2 numbers, got .None, 1."),
    "uneven": (observation(observation=[[1, 2], [1]]), "expected 'observation' to have 2 numbers"),
    "complex": (observation(observation=np.zeros(2, complex)), "expected 'observation' to have 2 numbers"),
    "long text": (observation(observation="a" * 10_000), "expected 'observation' to have 2 numbers, got 'aaa"),
    "infinity": (observation(desired_goal=[np.inf, 0]), r"'desired_goal' to have finite numbers, got inf at \[0\]"),
    "beyond float32": (observation(desired_goal=[1e300, 0]), r"'desired_goal' to have finite numbers, got 1e\+300"),
    "NaN of several": (
        {k: np.where(np.arange(6).reshape(3, 2) == 5, np.nan, 0) for k in observation()}, r"got nan at \[2, 1\]"),
    "other numbers of environments": (
        {**{k: np.zeros((3, 2)) for k in observation()}, "desired_goal": np.zeros((4, 2))},
        r"'desired_goal' of as many environments as the others, \[3, 2\], got \[4, 2\]"),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "message"), BAD.values(), ids=BAD)
def test_what_no_policy_can_act_on_is_refused_in_one_line(bad, message):
    with pytest.raises(UserError, match=message) as error:
        GOALS.act(bad)
    assert "\n" not in str(error.value) and len(str(error.value)) < 200


@pytest.mark.parametrize("bad", [None, "word", [1, 2], [1, 2, None], [1, 2, np.nan], {"other": [1, 2, 3]}, object()])
def test_a_plain_vector_is_looked_at_likewise(bad):
    with pytest.raises(UserError, match="^expected "):
        PLAIN.act(bad)


@pytest.mark.parametrize("front", [(), (1,), (5,), (2, 3), (0,)])
@pytest.mark.parametrize(("policy", "shape"), [(GOALS, (2,)), (PLAIN, (2,)), (DISCRETE, ())])
def test_each_observation_has_one_action(policy, shape, front):
    rng = np.random.default_rng(0)
    seen = {key: rng.normal(size=(*front, n)).astype(np.float32) for key, n in policy.spec.observation_sizes.items()}
    actions = policy.act(seen)
    assert actions.shape == (*front, *shape)
    for place in np.ndindex(front):
        np.testing.assert_allclose(policy.act({k: x[place] for k, x in seen.items()}), actions[place], atol=1e-6)
    if policy is not GOALS:
        np.testing.assert_array_equal(policy.act(seen["observation"]), actions)


def test_what_an_environment_shows_is_taken_as_it_is_and_so_are_its_vectors(cwd):
    layouts = {"observation": {"joints": 2, "lamp": None}, "goal": [3, 5], "modes": [[2, 0], [3, 1]]}
    spec = EnvSpec("Shown-v0", {"observation": 3, "goal": 3, "modes": 5}, 2, layouts=layouts)
    policy = NetworkPolicy(spec, [(np.random.default_rng(0).normal(size=(11, 2)) / 20, np.zeros(2))])
    shown = {"observation": {"joints": [0.1, 0.2], "lamp": 0.3}, "goal": 6, "modes": np.array([1, 3])}
    flat = {"observation": [0.1, 0.2, 0.3], "goal": [0.0, 1.0, 0.0], "modes": [0.0, 1.0, 0.0, 0.0, 1.0]}
    save_policy("shown", policy)
    for it in (policy, read_policy("shown")):
        np.testing.assert_array_equal(it.act(shown), it.act(flat))
    several = {"observation": {"joints": np.full((4, 2), 0.1), "lamp": np.zeros(4)}, "goal": np.array([5, 6, 7, 6]),
               "modes": np.ones((4, 2), int)}  # fmt: skip
    assert policy.act(several).shape == (4, 2)
    for wrong in (8, 4, 5.5, "word"):
        with pytest.raises(UserError, match="expected 'goal' as the environment shows it: expected whole numbers from"):
            policy.act({**shown, "goal": wrong})
    with pytest.raises(UserError, match="'observation' as the environment shows it: 'lamp' is missing"):
        policy.act({**shown, "observation": {"joints": [0.1, 0.2]}})


def test_lists_whole_numbers_and_further_entries_are_taken():
    exact = GOALS.act(observation(observation=np.array([1.0, 0.0])))
    np.testing.assert_array_equal(
        GOALS.act(observation(observation=[True, 0], achieved_goal=(0.1, 0.1), picture="none")), exact
    )


def test_entries_keep_their_type_and_one_goal_is_taken_beside_a_batch_of_one():
    spec = EnvSpec("Two-v0", {"observation": 3, "goal": 2}, 1)
    entries = checked_entries({"observation": np.zeros((1, 3)), "goal": [1, 2]}, spec)
    assert entries["observation"].dtype == np.float64 and entries["goal"].shape == (1, 2)
