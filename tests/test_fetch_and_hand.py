"""EnvPool against Gymnasium-Robotics: the Fetch and Hand tasks must be the same tasks on either back end."""

import contextlib
import functools
import re

import gymnasium
import gymnasium_robotics
import numpy as np
import pytest

from baselines.common.vec_env import envpool_env, make_vec_env
from baselines.common.vec_env.base import Observation
from baselines.common.vec_env.gymnasium_env import make_one

gymnasium.register_envs(gymnasium_robotics)
FETCH_IDS = [name for name in gymnasium.registry if re.match("Fetch(Reach|Push|PickAndPlace|Slide)", name)]
HAND_IDS = [name for name in gymnasium.registry if re.match("Hand(Reach|Manipulate)", name)]

# The gripper's x and z after a reset, with MuJoCo 3.6.0.
GRIPPER = {
    "FetchReach": (1.341835, 0.534725),
    "FetchPush": (1.345482, 0.415999),
    "FetchPickAndPlace": (1.341935, 0.534725),
    "FetchSlide": (0.992643, 0.415512),
}
WITH_OBJECT = ["FetchPush-v4", "FetchPickAndPlace-v4", "FetchSlide-v4"]
TASKS = ["FetchReach-v4", *WITH_OBJECT, "HandReach-v3"]
THRESHOLD = {"Fetch": 0.05, "HandR": 0.01}  # metres, by the first letters

# A few float32 steps: the physics of both back ends, in float64, was equal to the last digit.
ROUNDING = 1e-6
# Fetch with an object observes gripper 0:3, object 3:6, object from gripper 6:9, fingers, object's turn and speeds.
OBJECT_PLACE = [3, 4, 6, 7]  # drawn anew at each reset


@pytest.fixture
def make():
    """Makes environments with seeds 0, 1, ... and closes them when the test is over."""
    with contextlib.ExitStack() as opened:

        def made(env_id, num_env=4, back_end="envpool", num_threads=2):
            env = make_vec_env(env_id, num_env, list(range(num_env)), back_end, num_threads)
            return opened.enter_context(contextlib.closing(env))

        yield made


def _task(env_id):
    return re.sub(r"(Dense)?-v\d+$", "", env_id)


def _has_object(env):
    return env.spec.env_id.startswith(("FetchPush", "FetchPick", "FetchSlide"))


def _actions(rng, env, shown):
    """Random actions, but every second robot does something that matters for contacts and success.

    A Fetch robot moves its gripper onto the object, or to the goal if there is none; a HandReach one keeps its pose,
    which is the goal in a tenth of the episodes.
    """
    action = rng.uniform(-1, 1, (env.num_env, env.spec.action_size))
    if env.spec.env_id.startswith("Fetch"):
        target = shown.observation[:, 3:6] if _has_object(env) else shown.desired_goal
        action[::2, :3] = 10 * (target - shown.observation[:, :3])[::2]
    if env.spec.env_id.startswith("HandReach"):
        action[::2] = _keep_pose(shown.observation[::2])
    return np.clip(action, -1, 1).astype(np.float32)


def _keep_pose(observation):
    low, high = _finger_ranges()
    driven = np.delete(observation[:, :24], [5, 9, 13, 18], axis=1)  # the outermost joints of four fingers are not
    return (2 * driven - low - high) / (high - low)


@functools.cache
def _finger_ranges():
    return make_one("HandReach-v3").unwrapped.model.actuator_ctrlrange.T


def _twin(env_id, start):
    """A Gymnasium-Robotics environment at the same start as EnvPool's that observes `start`, float64."""
    env = make_one(env_id)
    env.reset(seed=0)
    robot = env.unwrapped
    if "Manipulate" in env_id:  # observes joints 0:24, their speeds 24:48, the object's speed 48:54, its place 54:61
        robot.data.qpos[:31] = np.concatenate([start[:24], start[54:61]])
        robot.data.qvel[:30] = start[24:54]
    elif "object0:joint" in robot._model_names.joint_names:
        place = robot._utils.get_joint_qpos(robot.model, robot.data, "object0:joint").copy()
        place[:2] = start[3:5]
        robot._utils.set_joint_qpos(robot.model, robot.data, "object0:joint", place)
    robot._mujoco.mj_forward(robot.model, robot.data)
    return env


def _start_with_twins(env):
    """Start an episode in EnvPool and, from exactly there, in as many Gymnasium-Robotics environments."""
    # Past the wrapper, which rounds to float32: 4e-8 m beside, a puck ends up decimetres away once it is hit.
    env._pool, env._seeds = env._make_pool(env._seeds), None
    shown, _ = env._pool.reset()
    return Observation.of(shown), [_twin(env.spec.env_id, start) for start in shown["observation"]]


def _step_twins(twins, action):
    # Gymnasium-Robotics scales float32 actions in float32, which is 6e-9 m off; EnvPool scales in float64.
    return np.stack([twin.step(row)[0]["observation"] for twin, row in zip(twins, action.astype(np.float64))])


def _resets(env, count):
    """`count` resets, as one batch."""
    return Observation(*(np.concatenate(parts) for parts in zip(*(env.reset() for _ in range(count)))))


def _assert_same_draws(one, other):
    """Two samples of one distribution of places: minima, maxima and means differ by sampling error only."""
    # Of 400 draws from up to 0.6 m. Measured: 0.003 m for Fetch and 0.007 m for HandReach, which has Gaussian tails.
    np.testing.assert_allclose(one.min(0), other.min(0), rtol=0, atol=0.01)
    np.testing.assert_allclose(one.max(0), other.max(0), rtol=0, atol=0.01)
    standard_error = np.sqrt(one.var(0) / len(one) + other.var(0) / len(other))
    assert (np.abs(one.mean(0) - other.mean(0)) < 4 * standard_error + ROUNDING).all()


# Where episodes start


@pytest.mark.parametrize(
    "env_id, back_end", [(i, "envpool") for i in FETCH_IDS] + [(i, "sync") for i in FETCH_IDS if i.endswith("v4")]
)
def test_the_gripper_starts_at_the_known_place(make, env_id, back_end):
    gripper = make(env_id, 2, back_end).reset().observation[:, [0, 2]]
    np.testing.assert_allclose(gripper, [GRIPPER[_task(env_id)]] * 2, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("env_id", TASKS)
def test_the_reset_pose_is_that_of_gymnasium_robotics(make, env_id):
    env = make(env_id)
    drawn = OBJECT_PLACE if _has_object(env) else []
    poses = [np.delete(e.reset().observation, drawn, axis=1) for e in (env, make(env_id, back_end="sync"))]
    np.testing.assert_allclose(*poses, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("env_id", TASKS)
def test_goals_are_drawn_from_where_gymnasium_robotics_draws_them(make, env_id):
    _assert_same_draws(*(_resets(make(env_id, back_end=b), 100).desired_goal for b in ("envpool", "sync")))


@pytest.mark.parametrize("env_id", WITH_OBJECT)
def test_objects_are_drawn_from_where_gymnasium_robotics_draws_them(make, env_id):
    _assert_same_draws(*(_resets(make(env_id, back_end=b), 100).observation[:, 3:6] for b in ("envpool", "sync")))


@pytest.mark.parametrize("back_end", ["envpool", "sync"])
def test_goals_and_pucks_of_slide_lie_on_the_table(make, back_end):
    model = make_one("FetchSlide-v4").unwrapped.model
    centre, half_size = model.body("table0").pos, model.geom_size[model.body("table0").geomadr[0]]
    drawn = _resets(make("FetchSlide-v4", back_end=back_end), 100)
    for place in (drawn.desired_goal, drawn.observation[:, 3:6]):
        assert (np.abs(place - centre)[:, :2] < half_size[:2]).all()
        assert ((centre + half_size)[2] < place[:, 2]).all() and (place[:, 2] < (centre + half_size)[2] + 0.03).all()


# How they go on


@pytest.mark.parametrize("env_id", TASKS)
def test_the_same_actions_lead_the_same_way_from_the_same_start(make, env_id):
    env, rng = make(env_id, 8), np.random.default_rng(0)
    shown, twins = _start_with_twins(env)
    start, steps_since_hit = shown.observation[:, 3:6], np.zeros(env.num_env, int)
    for _ in range(49):
        action = _actions(rng, env, shown)
        shown, expected = env.step(action).observation, _step_twins(twins, action)
        if _has_object(env):  # a puck creeps 4.4 mm by itself
            steps_since_hit += np.linalg.norm(expected[:, 3:6] - start, axis=1) > 0.006
        # A last digit, as of another release of MuJoCo, grows from 1e-15 to 1e-9 m in five steps with contact and to
        # 0.2 m in forty. So what follows is bounded for the gripper alone, which an object pushes by up to 0.9 cm.
        sure = steps_since_hit <= 5
        np.testing.assert_allclose(shown.observation[sure], expected[sure], rtol=ROUNDING, atol=ROUNDING)
        if _has_object(env):
            np.testing.assert_allclose(shown.observation[:, :3], expected[:, :3], rtol=0, atol=0.02)
    assert (steps_since_hit > 5).sum() >= 2 or not _has_object(env), "too few objects were hit to compare contacts"


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
    shown, twins = _start_with_twins(env)
    for _ in range(5):  # the object is in contact all the time
        action = _actions(rng, env, shown)
        shown, expected = env.step(action).observation, _step_twins(twins, action)
        # The forces from which MuJoCo's solver sets out are not the same: 3e-7 in places, 9e-6 in speeds of the egg.
        np.testing.assert_allclose(shown.observation[:, :24], expected[:, :24], rtol=0, atol=1e-5)
        np.testing.assert_allclose(shown.achieved_goal, expected[:, 54:61], rtol=0, atol=1e-5)
        np.testing.assert_allclose(shown.observation, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("env_id", ["FetchPush-v4", "FetchSlide-v4", "HandReach-v3", "HandManipulateBlock-v1"])
def test_results_do_not_depend_on_the_number_of_threads(make, env_id):
    def outcome(num_threads):
        env, rng, seen = make(env_id, 3, num_threads=num_threads), np.random.default_rng(0), []
        for _ in range(2):
            shown = env.reset()
            seen += shown
            for _ in range(10):
                step = env.step(_actions(rng, env, shown))
                shown = step.observation
                seen += [*shown, step.reward[:, None], step.success[:, None]]
        return np.concatenate(seen, axis=1)

    np.testing.assert_array_equal(outcome(1), outcome(2))


@pytest.mark.parametrize("back_end", ["envpool", "sync"])
def test_each_environment_has_a_seed_of_its_own(make, back_end):
    goals = make("FetchReach-v4", 3, back_end).reset().desired_goal
    assert len(np.unique(goals, axis=0)) == 3
    np.testing.assert_array_equal(make("FetchReach-v4", 1, back_end).reset().desired_goal, goals[:1])


# What they are worth


@pytest.mark.parametrize("back_end", ["envpool", "sync", "async"])
@pytest.mark.parametrize("env_id", ["FetchPush-v4", "HandReach-v3", "HandManipulateBlock-v1"])
def test_reseeded_environments_are_like_new_ones_whatever_happened_before(make, env_id, back_end):
    """To the last bit: a run that goes on at an epoch's start depends on it."""
    used, new = make(env_id, 3, back_end), make(env_id, 3, back_end)
    actions = np.random.default_rng(0).uniform(-1, 1, (60, 3, new.spec.action_size)).astype(np.float32)
    for seeds, steps in (([5, 6, 7], 20), ([0, 1, 2], 60)):
        used.reset()
        for action in actions[:33]:
            used.step(-action)
        used.reseed(seeds)
        trace = [used.reset(), *(used.step(action).observation for action in actions[:steps])]
    expected = [new.reset(), *(new.step(action).observation for action in actions)]
    for step, wanted in zip(trace, expected, strict=True):
        for part, same in zip(step, wanted):
            np.testing.assert_array_equal(part, same)


@pytest.mark.parametrize("env_id", TASKS)
@pytest.mark.parametrize("dense", ["", "Dense"])
def test_rewards_are_those_of_compute_reward(make, env_id, dense):
    env, rng = make(env_id.replace("-", f"{dense}-"), 16), np.random.default_rng(0)
    sparse_reward = make(env_id, 1, "sync").compute_reward
    rewards, outcomes = set(), set()
    for step_number in range(72):
        if step_number % 12 == 0:
            shown = env.reset()
        step = env.step(_actions(rng, env, shown))
        shown = step.observation
        goals = shown.achieved_goal, shown.desired_goal
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
    compute_reward = make_one(env.spec.env_id).unwrapped.compute_reward
    shown = env.reset()
    for _ in range(10):
        step = env.step(_actions(rng, env, shown))
        shown = step.observation
        # Pair by pair, because for several pens at once Gymnasium-Robotics 1.4.2 mixes up rows and angles.
        expected = [compute_reward(a, d, {}) for a, d in zip(shown.achieved_goal, shown.desired_goal)]
        np.testing.assert_allclose(step.reward, expected, rtol=0, atol=1e-5)


# How they end


@pytest.mark.parametrize("env_id", ["HandManipulatePenRotate-v1", "HandManipulatePenDense-v1", "FetchPushDense-v4"])
def test_rewards_of_a_batch_are_those_of_its_pairs_one_by_one(make, env_id):
    # Gymnasium-Robotics' own function for the Pen tasks takes a row of a batch for a coordinate.
    env = make(env_id, num_env=8)
    shown = env.reset()
    # Also the goals themselves turned a little: pairs near enough for a sparse reward of 0.
    achieved = np.concatenate([shown.achieved_goal, shown.desired_goal + 0.01 * (shown.desired_goal != 0)])
    desired = np.concatenate([shown.desired_goal] * 2)
    single = make_one(env_id).unwrapped.compute_reward
    one_by_one = [float(single(a, d, {})) for a, d in zip(achieved, desired)]
    np.testing.assert_allclose(env.compute_reward(achieved, desired), one_by_one, atol=1e-5)


@pytest.mark.parametrize("env_id", ["FetchReach-v4", "HandReach-v3"])
@pytest.mark.parametrize("back_end", ["envpool", "sync"])
def test_the_last_observation_is_the_true_one_and_the_next_reset_starts_afresh(make, env_id, back_end):
    env, rng = make(env_id, 2, back_end), np.random.default_rng(0)
    endless = make_one(env_id).unwrapped  # has no time limit
    goals = []
    for _ in range(2):
        pose, expected = env.reset(), endless.reset()[0]["observation"]
        np.testing.assert_allclose(pose.observation, [expected] * 2, rtol=0, atol=ROUNDING)
        goals.append(pose.desired_goal)
        for step_number in range(1, env.spec.horizon + 1):
            action = rng.uniform(-1, 1, env.spec.action_size).astype(np.float32)
            expected = endless.step(action)[0]["observation"]
            step = env.step(np.stack([action] * 2))
            np.testing.assert_array_equal(step.ended, [step_number == env.spec.horizon] * 2)
            np.testing.assert_allclose(step.observation.observation, [expected] * 2, rtol=ROUNDING, atol=ROUNDING)
            np.testing.assert_array_equal(step.observation.desired_goal, pose.desired_goal)
    assert (np.abs(goals[0] - goals[1]).max(1) > 1e-3).all()


@pytest.mark.parametrize("env_id", WITH_OBJECT)
@pytest.mark.parametrize("back_end", ["envpool", "sync"])
def test_robot_and_object_are_set_back_after_an_episode_and_not_before_its_last_observation(make, env_id, back_end):
    env, rng = make(env_id, 4, back_end), np.random.default_rng(0)
    first = shown = env.reset()
    for _ in range(env.spec.horizon):
        before = shown
        step = env.step(_actions(rng, env, shown))
        shown = step.observation
    assert step.ended.all()
    moved = np.linalg.norm((shown.observation - before.observation)[:, :3], axis=1)
    away = np.linalg.norm((shown.observation - first.observation)[:, :3], axis=1)
    assert (moved < 0.05).all() and (away > 0.05).all()
    again = env.reset().observation
    poses = [np.delete(observation, OBJECT_PLACE, axis=1) for observation in (again, first.observation)]
    np.testing.assert_allclose(*poses, rtol=0, atol=ROUNDING)
    assert (np.abs(again[:, 6:8]) <= 0.15 + ROUNDING).all()
    assert (np.abs(again - first.observation)[:, 3:5].max(1) > 1e-3).all()


@pytest.mark.parametrize("back_end", ["envpool", "sync"])
def test_a_reset_in_the_middle_of_an_episode_starts_a_whole_one(make, back_end):
    env = make("FetchReach-v4", 2, back_end)
    stay = np.zeros((2, env.spec.action_size), np.float32)
    env.reset()
    for _ in range(3):
        env.step(stay)
    env.reset()
    ended = [env.step(stay).ended.tolist() for _ in range(env.spec.horizon)]
    assert ended == [[False] * 2] * (env.spec.horizon - 1) + [[True] * 2]


# All of them


def _assert_runs(env):
    shapes = [(env.num_env, size) for size in (env.spec.observation_size, env.spec.goal_size, env.spec.goal_size)]
    rng, shown = np.random.default_rng(0), env.reset()
    assert [part.shape for part in shown] == shapes
    for _ in range(2):
        step = env.step(_actions(rng, env, shown))
        shown = step.observation
        assert [part.shape for part in shown] == shapes
        assert {part.dtype for part in shown} == {np.dtype(np.float32)}
        assert [part.shape for part in step[1:]] == [(env.num_env,)] * 3
        assert np.isfinite(np.concatenate([*shown, step.reward[:, None]], axis=1)).all()
        assert not step.ended.any()


def test_envpool_knows_every_fetch_and_hand_task_of_gymnasium_robotics():
    assert (len(FETCH_IDS), len(HAND_IDS)) == (16, 112)
    assert [name for name in FETCH_IDS + HAND_IDS if not envpool_env.knows(name)] == []


@pytest.mark.parametrize("env_id", FETCH_IDS + HAND_IDS)
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
