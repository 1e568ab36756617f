"""Every Fetch and Hand task runs."""

import numpy as np
import pytest

from baselines.common.specs import GOAL_KEYS
from baselines.envs import envpool_env
from tests.envs.robotics import FETCH_IDS, HAND_IDS, actions_for


def _assert_runs(env):
    sizes = env.spec.observation_sizes
    assert set(sizes) == set(GOAL_KEYS) and sizes["achieved_goal"] == sizes["desired_goal"]
    shapes = {key: (env.num_env, size) for key, size in sizes.items()}
    rng, seen = np.random.default_rng(0), env.reset()
    assert {key: part.shape for key, part in seen.items()} == shapes
    for _ in range(2):
        step = env.step(actions_for(rng, env, seen))
        seen = step.observation
        assert {key: part.shape for key, part in seen.items()} == shapes
        assert {part.dtype for part in seen.values()} == {np.dtype(np.float32)}
        assert [part.shape for part in step[1:5]] == [(env.num_env,)] * 4
        assert np.isfinite(np.concatenate([*seen.values(), step.reward[:, None]], axis=1)).all()
        assert not step.ended.any()


def test_envpool_knows_every_fetch_and_hand_task_of_gymnasium_robotics():
    assert (len(FETCH_IDS), len(HAND_IDS)) == (16, 112)
    assert [name for name in FETCH_IDS + HAND_IDS if not envpool_env.knows(name)] == []


@pytest.mark.parametrize("env_id", FETCH_IDS + [pytest.param(name, marks=pytest.mark.slow) for name in HAND_IDS])
def test_envpool_steps_every_fetch_and_hand_task(make, env_id):
    _assert_runs(make(env_id, 2))


@pytest.mark.parametrize(
    "env_id",
    [
        "FetchReach-v1",
        "FetchPushDense-v1",
        "FetchPickAndPlace-v4",
        "FetchSlide-v1",
        "HandReach-v0",
        "HandManipulateBlock-v0",
        "HandManipulateEggRotate-v0",
        "HandManipulatePen_ContinuousTouchSensors-v0",
        "HandManipulateBlockRotateZ_BooleanTouchSensorsDense-v1",
    ],
)
def test_gymnasium_steps_fetch_and_hand_tasks_of_old_and_new_versions(make, env_id):
    _assert_runs(make(env_id, 2, "sync"))
