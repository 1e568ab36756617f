"""compute_reward, however an environment has it."""

import gymnasium
import numpy as np
import pytest

from baselines.common.errors import TrainingError, UserError
from baselines.envs.reward import reward_function
from tests.environments import PointReach

NEAR = 0.3


def far(achieved, desired):
    return np.linalg.norm(np.asarray(achieved) - desired, axis=-1) > NEAR


class Single(PointReach):
    """Of single goals; `kind` makes of -1. or 0. what it returns."""

    kind = staticmethod(float)

    def compute_reward(self, achieved_goal, desired_goal, info):
        if np.ndim(achieved_goal) != 1:
            raise TypeError("one at a time")
        return self.kind(-1.0 * far(achieved_goal, desired_goal))


KINDS = {
    "float": float,
    "int": int,
    "numpy": np.float64,
    "array of one": lambda r: np.array([r]),
    "array of none": np.array,
    "list": lambda r: [r],
    "column": lambda r: np.array([[r]]),
}
BATCHES = {
    "rows": lambda r: r,
    "a column": lambda r: r[:, None],
    "whole numbers": lambda r: r.astype(int),
    "a list": lambda r: r.tolist(),
}


def goals(n=20):
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (n, 2)).astype(np.float32), rng.uniform(-1, 1, (n, 2)).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_one_number_a_goal_in_whatever_it_comes(kind):
    class Of(Single):
        pass

    Of.kind = staticmethod(kind)
    achieved, desired = goals()
    reward = reward_function(Of(), "Of-v0")
    np.testing.assert_array_equal(reward(achieved, desired), -1.0 * far(achieved, desired))
    assert reward.goal_reward == 0


@pytest.mark.parametrize("kind", BATCHES.values(), ids=BATCHES)
def test_batches_in_whatever_they_come_and_in_one_call(kind):
    calls = []

    class Of(PointReach):
        def compute_reward(self, achieved_goal, desired_goal, info):
            calls.append(np.shape(achieved_goal))
            reward = -1.0 * far(achieved_goal, desired_goal)
            return kind(reward) if np.ndim(reward) else reward

    achieved, desired = goals()
    reward = reward_function(Of(), "Of-v0")
    reward(achieved, desired)
    calls.clear()
    found = reward(achieved, desired)
    np.testing.assert_array_equal(found, -1.0 * far(achieved, desired))
    assert calls == [(20, 2)] and found.dtype.kind == "f"


def test_flags_are_0_and_1():
    class Of(PointReach):
        def compute_reward(self, achieved_goal, desired_goal, info):
            return ~far(achieved_goal, desired_goal)

    reward = reward_function(Of(), "Of-v0")
    np.testing.assert_array_equal(reward(*goals()), 1.0 * ~far(*goals()))
    assert reward.goal_reward == 1


def test_the_outermost_wrapper_that_has_one_is_asked():
    class Paid(gymnasium.Wrapper):
        def compute_reward(self, achieved_goal, desired_goal, info):
            return 10 + self.env.unwrapped.compute_reward(achieved_goal, desired_goal, info)

    wrapped = gymnasium.wrappers.TimeLimit(Paid(PointReach()), 30)
    assert reward_function(wrapped, "Paid-v0").goal_reward == 10
    assert reward_function(PointReach(), "PointReach-v0").goal_reward == 0


def test_parameters_may_have_other_names_or_no_info():
    class Of(PointReach):
        def compute_reward(self, a, b):
            return -1.0 * far(a, b)

    np.testing.assert_array_equal(reward_function(Of(), "Of-v0")(*goals()), -1.0 * far(*goals()))


def test_one_that_needs_a_reset_first_gets_it():
    class Of(PointReach):
        def reset(self, **kwargs):
            self.ready = True
            return super().reset(**kwargs)

        def compute_reward(self, achieved_goal, desired_goal, info):
            assert self.ready
            return -1.0 * far(achieved_goal, desired_goal)

    assert reward_function(Of(), "Of-v0").goal_reward == 0


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (lambda a, d, i: i["distance"], "add --reward_info=distance"),
        (lambda a, d, i: 1 / 0, "ZeroDivisionError"),
        (lambda a, d, i: np.zeros(3), "ValueError: expected one number, got array([0., 0., 0.])"),
        (lambda a, d, i: None, "expected one number"),
        (lambda a, d, i: "0", "expected one number"),
    ],
)
def test_what_cannot_be_used_is_one_line_before_anything_is_trained(body, expected):
    class Of(PointReach):
        def compute_reward(self, achieved_goal, desired_goal, info):
            return body(achieved_goal, desired_goal, info)

    reward = reward_function(Of(), "Of-v0")  # which an algorithm that relabels nothing never calls
    with pytest.raises(UserError) as error:
        _ = reward.goal_reward
    assert expected in str(error.value) and "'Of-v0': compute_reward raised" in str(error.value)


def test_what_fails_later_is_one_line_too():
    class Of(PointReach):
        broken = None

        def compute_reward(self, achieved_goal, desired_goal, info):
            if self.broken:
                return self.broken()
            return -1.0 * far(achieved_goal, desired_goal)

    env = Of()
    reward = reward_function(env, "Of-v0")
    reward(*goals())
    env.broken = lambda: 1 / 0
    with pytest.raises(TrainingError, match=r"compute_reward raised ZeroDivisionError: .*\(test_reward.py, line"):
        reward(*goals())
    env.broken = lambda: np.full(20, np.nan)
    with pytest.raises(TrainingError, match="compute_reward returned nan for achieved_goal"):
        reward(*goals())


def test_what_differs_between_goals_is_found_the_same_each_time():
    class Of(PointReach):
        def compute_reward(self, achieved_goal, desired_goal, info):
            return 1.0 + np.asarray(desired_goal)[..., 0]

    first, second = (reward_function(Of(), "Of-v0") for _ in range(2))
    assert first.goal_reward == second.goal_reward and first.varies
    assert not reward_function(PointReach(), "PointReach-v0").varies
