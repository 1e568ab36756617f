"""How episodes of the Fetch and Hand tasks run: in EnvPool as they do in Gymnasium-Robotics."""

import numpy as np
import pytest

from tests.envs.robotics import ROUNDING, TASKS, actions_for, has_object, start_with_twins, step_twins


@pytest.mark.parametrize("env_id", TASKS)
def test_the_same_actions_lead_the_same_way_from_the_same_start(make, env_id):
    env, rng = make(env_id, 8), np.random.default_rng(0)
    seen, twins = start_with_twins(env)
    start, steps_since_hit = seen["observation"][:, 3:6], np.zeros(env.num_env, int)
    for _ in range(49):
        action = actions_for(rng, env, seen)
        seen, expected = env.step(action).observation, step_twins(twins, action)
        if has_object(env):  # a puck creeps 4.4 mm by itself
            steps_since_hit += np.linalg.norm(expected[:, 3:6] - start, axis=1) > 0.006
        # A last digit, as of another release of MuJoCo, grows from 1e-15 to 1e-9 m in five steps with contact and to
        # 0.2 m in forty. So what follows is bounded for the gripper alone, which an object pushes by up to 0.9 cm.
        sure = steps_since_hit <= 5
        np.testing.assert_allclose(seen["observation"][sure], expected[sure], rtol=ROUNDING, atol=ROUNDING)
        if has_object(env):
            np.testing.assert_allclose(seen["observation"][:, :3], expected[:, :3], rtol=0, atol=0.02)
    assert (steps_since_hit > 5).sum() >= 2 or not has_object(env), "too few objects were hit to compare contacts"


@pytest.mark.parametrize(
    "env_id",
    [
        "HandManipulateBlock_ContinuousTouchSensors-v1",
        "HandManipulateEgg_BooleanTouchSensors-v1",
        "HandManipulatePen-v1",
        "HandManipulatePenRotate_ContinuousTouchSensors-v0",
    ],
)
def test_the_same_actions_turn_an_object_in_the_hand_the_same_way(make, env_id):
    env, rng = make(env_id), np.random.default_rng(0)
    seen, twins = start_with_twins(env)
    for _ in range(5):  # the object is in contact all the time
        action = actions_for(rng, env, seen)
        seen, expected = env.step(action).observation, step_twins(twins, action)
        # The forces from which MuJoCo's solver sets out are not the same: 3e-7 in places, 9e-6 in speeds of the egg.
        np.testing.assert_allclose(seen["observation"][:, :24], expected[:, :24], rtol=0, atol=1e-5)
        np.testing.assert_allclose(seen["achieved_goal"], expected[:, 54:61], rtol=0, atol=1e-5)
        np.testing.assert_allclose(seen["observation"], expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("env_id", ["FetchPush-v4", "FetchSlide-v4", "HandReach-v3", "HandManipulateBlock-v1"])
def test_results_do_not_depend_on_the_number_of_threads(make, env_id):
    def outcome(num_threads):
        env, rng, columns = make(env_id, 3, num_threads=num_threads), np.random.default_rng(0), []
        for _ in range(2):
            seen = env.reset()
            columns += seen.values()
            for _ in range(10):
                step = env.step(actions_for(rng, env, seen))
                seen = step.observation
                columns += [*seen.values(), step.reward[:, None], step.success[:, None]]
        return np.concatenate(columns, axis=1)

    np.testing.assert_array_equal(outcome(1), outcome(2))


@pytest.mark.parametrize("back_end", ["envpool", "sync"])
def test_each_environment_has_a_seed_of_its_own(make, back_end):
    goals = make("FetchReach-v4", 3, back_end).reset()["desired_goal"]
    assert len(np.unique(goals, axis=0)) == 3
    np.testing.assert_array_equal(make("FetchReach-v4", 1, back_end).reset()["desired_goal"], goals[:1])


@pytest.mark.parametrize("back_end", ["envpool", "sync", pytest.param("async", marks=pytest.mark.slow)])
@pytest.mark.parametrize("env_id", ["FetchPush-v4", "HandReach-v3", "HandManipulateBlock-v1"])
def test_reseeded_environments_are_like_new_ones_whatever_happened_before(make, env_id, back_end):
    """To the last bit: a run that is resumed at an epoch's start depends on it."""
    used, new = make(env_id, 3, back_end), make(env_id, 3, back_end)
    actions = np.random.default_rng(0).uniform(-1, 1, (60, 3, new.spec.action_size)).astype(np.float32)
    for seeds, steps in (([5, 6, 7], 20), ([0, 1, 2], 60)):
        used.reset()
        for action in actions[:33]:
            used.step(-action)
        used.reseed(seeds)
        trace = [used.reset(), *(used.step(action).observation for action in actions[:steps])]
    expected = [new.reset(), *(new.step(action).observation for action in actions)]
    for found, same in zip(trace, expected, strict=True):
        assert found.keys() == same.keys() and len(found) == 3
        for key in found:
            np.testing.assert_array_equal(found[key], same[key])
