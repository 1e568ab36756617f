"""Actions in the environment's own units, and in [-1, 1]."""

import gymnasium
import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.common.specs import Actions, EnvSpec
from baselines.envs.gymnasium_env import spec_of


def actions_of(low, high, kind=np.float32):
    class Any(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(-1, 1, (2,))
        action_space = gymnasium.spaces.Box(np.array(low, kind), np.array(high, kind), dtype=kind)

    return spec_of(Any(), "Any-v0").actions, Any.action_space


def test_bounds_of_each_coordinate_are_the_ends_and_the_middle_is_between():
    actions, _ = actions_of([0, -3], [5, 1])
    unit = np.float32([[-1, -1], [0, 0], [1, 1], [0.5, -0.5]])
    own = actions.to_env(unit)
    np.testing.assert_allclose(own, [[0, -3], [2.5, -1], [5, 1], [3.75, -2]])
    np.testing.assert_allclose(actions.from_env(own), unit, atol=1e-6)


@pytest.mark.parametrize(
    ("low", "high", "kind"),
    [([0], [5], np.float32), ([0.1, -0.3], [0.7, 1e-3], np.float32), ([-1, 0.3], [1, 0.3], np.float64),
     ([-5, 0], [3, 1], np.int64), ([0, 250], [255, 255], np.uint8), ([-0.1], [0.7], np.float16)],
)  # fmt: skip
def test_whatever_is_drawn_the_space_contains_it(low, high, kind):
    actions, space = actions_of(low, high, kind)
    unit = np.random.default_rng(0).uniform(-1, 1, (1000, len(low))).astype(np.float32)
    for row in actions.to_env(np.concatenate([unit, np.ones_like(unit[:1]), -np.ones_like(unit[:1])])):
        assert space.contains(row), row


def test_whole_numbers_are_rounded_and_all_of_them_are_drawn():
    actions, _ = actions_of([0], [3], np.int64)
    found = actions.to_env(np.float32([[-1], [-0.7], [-0.4], [0.4], [0.9], [1]]))
    assert found.dtype == np.int64 and found[:, 0].tolist() == [0, 0, 1, 2, 3, 3]


def test_a_coordinate_with_one_value_has_it_always_and_is_0_inside():
    actions, _ = actions_of([-1, 0.25], [1, 0.25])
    assert actions.to_env(np.float32([[0.5, 0.9]])).tolist() == [[0.5, 0.25]]
    assert actions.from_env(np.float32([[0.5, 0.25]])).tolist() == [[0.5, 0]]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_actions_from_minus_1_to_1_are_left_as_they_are_to_the_bit(kind):
    actions, _ = actions_of([-1, -1], [1, 1], kind)
    unit = np.random.default_rng(0).uniform(-1, 1, (100, 2)).astype(np.float32)
    assert actions == Actions() and actions.to_env(unit) is unit and actions.from_env(unit) is unit


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [([-1, -np.inf], [1, 1], "coordinate 1 is from -inf to 1"),
     ([0, 0], [1, 3.4e38], "coordinate 1 is from 0 to 3.4e+38")],
)  # fmt: skip
def test_bounds_that_are_none_are_refused_by_the_coordinate(low, high, expected):
    with pytest.raises(UserError, match="expected bounded actions, but ") as refused:
        actions_of(low, high)
    assert expected in str(refused.value)


def test_a_spoilt_document_is_refused():
    sound = {"low": [0.0, 0.0], "high": [1.0, 2.0], "type": "int64"}
    document = {**EnvSpec("Any-v0", {"observation": 1}, 2).document(), "actions": sound}
    assert EnvSpec.from_document(document).actions == Actions((0.0, 0.0), (1.0, 2.0), "int64")
    changes = ({"type": "object"}, {"low": [0]}, {"low": [0, 0, 0], "high": [1, 1, 1]}, {"low": ["a", 0]},
               {"low": [2, 0]}, {"low": [float("nan"), 0]})  # fmt: skip
    for spoilt in (None, {}, *({**sound, **change} for change in changes)):
        with pytest.raises(UserError, match="environment"):
            EnvSpec.from_document({**document, "actions": spoilt})
