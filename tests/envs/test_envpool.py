"""EnvPool's tasks start, go, pay and end as those of Gymnasium and Gymnasium-Robotics do."""

import contextlib
import functools

import numpy as np
import pytest

from baselines.common.specs import task_of
from baselines.envs import envpool_env, make_vec_env
from baselines.envs.gymnasium_env import make_one
from tests.envs.twins import (
    CLASSIC,
    FETCH_IDS,
    GOAL_TASKS,
    HAND_IDS,
    PLAIN,
    WITH_OBJECT,
    actions_for,
    has_object,
    start_with_twins,
    still,
)

HORIZONS = {"CartPole": 500, "Pendulum": 200, "Acrobot": 500, "MountainCar": 200, "MountainCarContinuous": 999,
            "FetchReach": 50, "HandReach": 50}  # fmt: skip
# A few float32 steps: the physics of both back ends, in float64, was equal to the last digit.
ROUNDING = 1e-6
THRESHOLD = {"Fetch": 0.05, "HandR": 0.01}  # metres, by the first letters


# ---- what they are ----


def test_tasks_that_the_tests_compare_are_stepped_by_envpool_and_no_others(make):
    assert (len(FETCH_IDS), len(HAND_IDS)) == (16, 112)
    assert all(map(envpool_env.knows, [*PLAIN, *FETCH_IDS, *HAND_IDS]))
    others = ("CartPole-v0", "AcrobotSwingup-v1", "Hopper-v3", "Humanoid-v5", "Reacher-v5", "Pusher-v5", "Pong-v5",
              "InvertedDoublePendulum-v5", "PendulumSwingup-v1", "LunarLander-v3", "HopperHop-v1")  # fmt: skip
    assert not any(map(envpool_env.knows, others))
    assert "stepped by EnvPool" in make("Hopper-v4", 2, "auto").description


@pytest.mark.parametrize("env_id", [*PLAIN, *FETCH_IDS, *(pytest.param(i, marks=pytest.mark.slow) for i in HAND_IDS)])
def test_they_are_the_same_tasks_to_an_algorithm(make, env_id):
    pool, twin = make(env_id, 2), make(env_id, 2, "sync")
    assert pool.spec == twin.spec and pool.spec.horizon == HORIZONS.get(task_of(env_id), pool.spec.horizon)
    assert (pool.compute_reward is None) == (twin.compute_reward is None) == (env_id in PLAIN)
    seen, expected = pool.reset(), twin.reset()
    for _ in range(2):
        assert {key: part.shape for key, part in seen.items()} == {key: part.shape for key, part in expected.items()}
        assert {part.dtype for part in seen.values()} == {np.dtype(np.float32)}
        step = pool.step(actions_for(np.random.default_rng(0), pool, seen))
        seen = step.observation
        assert np.isfinite(np.concatenate([*seen.values(), step.reward[:, None]], axis=1)).all()
        assert not step.ended.any() and (step.success is None) == (env_id in PLAIN)
    assert pool._pool.spec.config.max_episode_steps == pool.spec.horizon


# ---- where they start ----

# The gripper's x and z after a reset, with MuJoCo 3.6.0. Another release may move them, and with them the task.
GRIPPER = {
    "FetchReach": (1.341835, 0.534725),
    "FetchPush": (1.345482, 0.415999),
    "FetchPickAndPlace": (1.341935, 0.534725),
    "FetchSlide": (0.992643, 0.415512),
}


@pytest.mark.parametrize("back_end", ["envpool", "sync"])
@pytest.mark.parametrize("task", GRIPPER)
def test_the_gripper_starts_at_the_known_place(make, task, back_end):
    gripper = make(f"{task}-v4", 2, back_end).reset()["observation"][:, [0, 2]]
    np.testing.assert_allclose(gripper, [GRIPPER[task]] * 2, rtol=0, atol=1e-6)


@functools.cache
def drawn(env_id, back_end):
    """The entries of 400 observations after resets."""
    with contextlib.closing(make_vec_env(env_id, 4, list(range(4)), back_end, 2)) as env:
        observations = [env.reset() for _ in range(100)]
    return {key: np.concatenate([o[key] for o in observations]) for key in observations[0]}


@pytest.mark.parametrize("env_id", [*PLAIN, *GOAL_TASKS])
def test_episodes_start_where_gymnasium_starts_them(env_id):
    pool, twin = drawn(env_id, "envpool"), drawn(env_id, "sync")
    assert len(np.unique(np.hstack([*pool.values()]), axis=0)) > 300  # a tenth of HandReach's goals is its pose
    for one, other in ((pool[key], twin[key]) for key in pool):
        error = np.sqrt((one.var(0) + other.var(0)) / 400)
        assert (np.abs(one.mean(0) - other.mean(0)) < 4.5 * error + ROUNDING).all()
        np.testing.assert_allclose(one.std(0), other.std(0), rtol=0.3, atol=ROUNDING)
        # Measured for goals and objects: 0.003 m for Fetch and 0.007 m for HandReach, which has Gaussian tails; so have
        # the speeds of robots. Others are drawn evenly, and fill their range.
        is_even = env_id in CLASSIC or task_of(env_id) == "InvertedPendulum"
        most = (0.25 if is_even else 2.5) * other.std(0) + ROUNDING if env_id in PLAIN else 0.01
        for end in (np.min, np.max):
            assert (np.abs(end(one, 0) - end(other, 0)) < most).all()


# ---- how they go ----


def step_twins(twins, action):
    # Gymnasium-Robotics scales float32 actions in float32, which is 6e-9 m off; EnvPool scales in float64.
    rows = action.astype(np.float64)
    return np.stack([twin.step(row)[0]["observation"] for twin, row in zip(twins, rows, strict=True)])


@pytest.mark.parametrize("env_id", PLAIN)
def test_the_same_actions_lead_the_same_way_from_the_same_start(make, env_id):
    env, rng = make(env_id, 4), np.random.default_rng(0)
    _, twins = start_with_twins(env)
    # A last digit grows where a cheetah's feet hit the ground.
    tolerance = 2e-3 if task_of(env_id) == "HalfCheetah" else 1e-5
    alive, steps = np.ones(4, bool), 0
    while alive.any() and steps < 60:
        action, steps = actions_for(rng, env), steps + 1
        step = env.step(action)
        for i in np.flatnonzero(alive):
            seen, reward, terminated, truncated, _ = twins[i].step(action[i])
            np.testing.assert_allclose(step.observation["observation"][i], seen, rtol=tolerance, atol=tolerance)
            assert step.reward[i] == pytest.approx(reward, rel=tolerance, abs=tolerance)
            assert (step.terminated[i], step.truncated[i]) == (terminated, truncated)
        alive &= ~step.ended
    falls = task_of(env_id) in ("CartPole", "Hopper", "Walker2d", "Ant", "InvertedPendulum")
    assert not alive.all() if falls else alive.all(), "episodes that end early were compared to their ends, or none did"


@pytest.mark.parametrize("env_id", GOAL_TASKS)
def test_the_same_actions_move_fetch_and_hand_the_same_way(make, env_id):
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
    ["HandManipulateBlock_ContinuousTouchSensors-v1", "HandManipulateEgg_BooleanTouchSensors-v1",
     "HandManipulatePen-v1", "HandManipulatePenRotate_ContinuousTouchSensors-v0"],
)  # fmt: skip
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


# ---- what they pay ----


@pytest.mark.parametrize("env_id", GOAL_TASKS)
@pytest.mark.parametrize("dense", ["", pytest.param("Dense", marks=pytest.mark.slow)])
def test_rewards_are_those_of_compute_reward(make, env_id, dense):
    env, rng = make(env_id.replace("-", f"{dense}-"), 16), np.random.default_rng(0)
    sparse_reward = make(env_id, 1, "sync").compute_reward
    rewards, outcomes = set(), set()
    for step_number in range(72):
        if step_number % 12 == 0:
            seen = env.reset()
        step = env.step(actions_for(rng, env, seen))
        seen = step.observation
        goals = seen["achieved_goal"], seen["desired_goal"]
        distance = np.linalg.norm(goals[0].astype(np.float64) - goals[1], axis=1)
        # EnvPool decides before, compute_reward after the goals are rounded to float32.
        clear = np.abs(distance - THRESHOLD[env_id[:5]]) > 1e-6
        np.testing.assert_allclose(step.reward[clear], env.compute_reward(*goals)[clear], rtol=0, atol=1e-5)
        np.testing.assert_array_equal(step.success[clear], sparse_reward(*goals)[clear] == 0)
        rewards |= set(step.reward)
        outcomes |= set(step.success)
    assert outcomes == {True, False}, "there were no successes, or no failures, to compare"
    assert dense or rewards == {-1, 0}


@pytest.mark.parametrize("task", ["Block", "BlockRotateZ", "BlockRotateParallel", "Egg", "EggRotate", "Pen"])
def test_dense_rewards_of_hand_manipulate_are_those_of_gymnasium_robotics(make, task):
    env, rng = make(f"HandManipulate{task}Dense-v1"), np.random.default_rng(0)
    seen, compute_reward = env.reset(), make_one(env.spec.env_id).unwrapped.compute_reward
    for _ in range(10):
        step = env.step(actions_for(rng, env, seen))
        seen = step.observation
        # Pair by pair, because for several pens at once Gymnasium-Robotics 1.4.2 mixes up rows and angles.
        pairs = zip(seen["achieved_goal"], seen["desired_goal"], strict=True)
        expected = [compute_reward(achieved, desired, {}) for achieved, desired in pairs]
        np.testing.assert_allclose(step.reward, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("env_id", ["HandManipulatePenRotate-v1", "HandManipulatePenDense-v1", "FetchPushDense-v4"])
def test_rewards_of_a_batch_are_those_of_its_pairs_one_by_one(make, env_id):
    env = make(env_id, num_env=8)
    seen = env.reset()
    # Also the goals themselves turned a little: pairs near enough for a sparse reward of 0.
    achieved = np.concatenate([seen["achieved_goal"], seen["desired_goal"] + 0.01 * (seen["desired_goal"] != 0)])
    desired = np.concatenate([seen["desired_goal"]] * 2)
    single = make_one(env_id).unwrapped.compute_reward
    one_by_one = [float(single(a, d, {})) for a, d in zip(achieved, desired, strict=True)]
    np.testing.assert_allclose(env.compute_reward(achieved, desired), one_by_one, atol=1e-5)


# ---- how they end ----


@pytest.mark.parametrize("env_id", ["Pendulum-v1", "MountainCar-v0", "Acrobot-v1", "MountainCarContinuous-v0",
                                    "HalfCheetah-v5", "Swimmer-v4", "Ant-v5", "FetchReach-v4"])  # fmt: skip
def test_an_episode_of_a_robot_that_does_nothing_is_cut_off_at_the_time_limit(make, env_id):
    env = make(env_id, 2)
    env.reset()
    env.step(still(env))
    for _ in range(2):  # the next episode has as many
        env.reset()
        for _ in range(env.spec.horizon - 1):
            assert not env.step(still(env)).ended.any()
        step = env.step(still(env))
        assert step.truncated.all() and not step.terminated.any()


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Hopper-v4"])
def test_the_step_after_an_end_ignores_its_action_and_begins_an_episode(make, env_id):
    env, rng = make(env_id, 1), np.random.default_rng(0)
    env.reset()
    while not (step := env.step(actions_for(rng, env))).ended.any():
        pass
    assert step.terminated.all() and not step.truncated.any()
    starts = drawn(env_id, "envpool")["observation"]
    begun = env.step(actions_for(rng, env))
    far = np.abs(begun.observation["observation"] - starts.mean(0)) / np.maximum(starts.std(0), 1e-6)
    assert far.max() < 5 and not begun.ended.any()
    assert np.abs(step.observation["observation"] - starts.mean(0)).max() > 0.1, "the true last observation"


@pytest.mark.parametrize("env_id", WITH_OBJECT)
@pytest.mark.parametrize("back_end", ["envpool", "sync"])
def test_robot_and_object_are_set_back_after_an_episode_and_not_before_its_last_observation(make, env_id, back_end):
    env, rng = make(env_id, 4, back_end), np.random.default_rng(0)
    first = seen = env.reset()
    for _ in range(env.spec.horizon):
        before = seen
        step = env.step(actions_for(rng, env, seen))
        seen = step.observation
    assert step.ended.all()
    moved = np.linalg.norm((seen["observation"] - before["observation"])[:, :3], axis=1)
    away = np.linalg.norm((seen["observation"] - first["observation"])[:, :3], axis=1)
    assert (moved < 0.05).all() and (away > 0.05).all()
    again = env.reset()["observation"]
    # Observed are the gripper 0:3, the object 3:6 and 6:9 from the gripper, fingers, the object's turn and speeds.
    poses = [np.delete(observation, [3, 4, 6, 7], axis=1) for observation in (again, first["observation"])]
    np.testing.assert_allclose(*poses, rtol=0, atol=ROUNDING)
    assert (np.abs(again[:, 6:8]) <= 0.15 + ROUNDING).all()
    assert (np.abs(again - first["observation"])[:, 3:5].max(1) > 1e-3).all()
