"""Where episodes of the Fetch and Hand tasks start: in EnvPool where they do in Gymnasium-Robotics."""

import contextlib
import functools

import numpy as np
import pytest

from baselines.common.specs import task_of
from baselines.envs import make_vec_env
from baselines.envs.gymnasium_env import make_one
from tests.envs.robotics import FETCH_IDS, OBJECT_PLACE, ROUNDING, TASKS, WITH_OBJECT, has_object, resets

# The gripper's x and z after a reset, with MuJoCo 3.6.0.
GRIPPER = {
    "FetchReach": (1.341835, 0.534725),
    "FetchPush": (1.345482, 0.415999),
    "FetchPickAndPlace": (1.341935, 0.534725),
    "FetchSlide": (0.992643, 0.415512),
}


@functools.cache
def _drawn(env_id, back_end):
    """400 observations after resets."""
    with contextlib.closing(make_vec_env(env_id, 4, list(range(4)), back_end, 2)) as env:
        return resets(env, 100)


def _assert_same_draws(one, other):
    """Two samples of one distribution of places: minima, maxima and means differ by sampling error only."""
    # Of 400 draws from up to 0.6 m. Measured: 0.003 m for Fetch and 0.007 m for HandReach, which has Gaussian tails.
    np.testing.assert_allclose(one.min(0), other.min(0), rtol=0, atol=0.01)
    np.testing.assert_allclose(one.max(0), other.max(0), rtol=0, atol=0.01)
    standard_error = np.sqrt(one.var(0) / len(one) + other.var(0) / len(other))
    assert (np.abs(one.mean(0) - other.mean(0)) < 4 * standard_error + ROUNDING).all()


@pytest.mark.parametrize(
    "env_id, back_end", [(i, "envpool") for i in FETCH_IDS] + [(i, "sync") for i in FETCH_IDS if i.endswith("v4")]
)
def test_the_gripper_starts_at_the_known_place(make, env_id, back_end):
    gripper = make(env_id, 2, back_end).reset()["observation"][:, [0, 2]]
    np.testing.assert_allclose(gripper, [GRIPPER[task_of(env_id)]] * 2, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("env_id", TASKS)
def test_the_reset_pose_is_that_of_gymnasium_robotics(make, env_id):
    env = make(env_id)
    drawn = OBJECT_PLACE if has_object(env) else []
    poses = [np.delete(e.reset()["observation"], drawn, axis=1) for e in (env, make(env_id, back_end="sync"))]
    np.testing.assert_allclose(*poses, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("env_id", TASKS)
def test_goals_are_drawn_from_where_gymnasium_robotics_draws_them(env_id):
    _assert_same_draws(*(_drawn(env_id, back_end)["desired_goal"] for back_end in ("envpool", "sync")))


@pytest.mark.parametrize("env_id", WITH_OBJECT)
def test_objects_are_drawn_from_where_gymnasium_robotics_draws_them(env_id):
    _assert_same_draws(*(_drawn(env_id, back_end)["observation"][:, 3:6] for back_end in ("envpool", "sync")))


@pytest.mark.parametrize("back_end", ["envpool", "sync"])
def test_goals_and_pucks_of_slide_lie_on_the_table(back_end):
    model = make_one("FetchSlide-v4").unwrapped.model
    centre, half_size = model.body("table0").pos, model.geom_size[model.body("table0").geomadr[0]]
    drawn = _drawn("FetchSlide-v4", back_end)
    for place in (drawn["desired_goal"], drawn["observation"][:, 3:6]):
        assert (np.abs(place - centre)[:, :2] < half_size[:2]).all()
        assert ((centre + half_size)[2] < place[:, 2]).all() and (place[:, 2] < (centre + half_size)[2] + 0.03).all()
