"""Classic control and MuJoCo's tasks in EnvPool: they start, go and end as those of Gymnasium do."""

import contextlib
import functools
import math

import numpy as np
import pytest

from baselines.envs import envpool_env, make_vec_env
from baselines.envs.gymnasium_env import make_one
from tests.envs.unrounded import first_unrounded

CLASSIC = ["CartPole-v1", "Pendulum-v1", "Acrobot-v1", "MountainCar-v0", "MountainCarContinuous-v0"]
ROBOTS = ("Hopper", "HalfCheetah", "Walker2d", "Swimmer", "Ant", "InvertedPendulum")
TASKS = [*CLASSIC, *(f"{robot}-v{version}" for robot in ROBOTS for version in (4, 5))]
HORIZONS = {"CartPole": 500, "Pendulum": 200, "Acrobot": 500, "MountainCar": 200, "MountainCarContinuous": 999}
# After 60 steps: a last digit grows where a cheetah's feet hit the ground.
ROUNDING = {"HalfCheetah": 2e-3}


def name_of(env_id):
    return env_id.split("-")[0]


def test_tasks_that_the_tests_compare_are_stepped_by_envpool_and_no_others(make):
    assert all(envpool_env.knows(env_id) for env_id in TASKS)
    others = ("CartPole-v0", "AcrobotSwingup-v1", "Hopper-v3", "Humanoid-v5", "Reacher-v5", "Pusher-v5", "Pong-v5",
              "InvertedDoublePendulum-v5", "PendulumSwingup-v1", "LunarLander-v3", "HopperHop-v1")  # fmt: skip
    assert not any(envpool_env.knows(env_id) for env_id in others)
    for env_id in ("Pendulum-v1", "Hopper-v4"):
        assert "stepped by EnvPool" in make(env_id, 2, "auto").description


@pytest.mark.parametrize("env_id", TASKS)
def test_they_are_the_same_tasks_to_an_algorithm(make, env_id):
    pool, twin = make(env_id, 2), make(env_id, 2, "sync")
    assert pool.spec == twin.spec and pool.compute_reward is None
    assert pool.spec.horizon == HORIZONS.get(name_of(env_id), 1000)
    first = pool.reset()["observation"]
    assert first.shape == twin.reset()["observation"].shape and first.dtype == np.float32
    action = np.zeros(2, np.int64) if pool.spec.discrete else np.zeros((2, pool.spec.action_size), np.float32)
    step = pool.step(action)
    assert step.success is None and step.observation["observation"].dtype == np.float32
    assert pool._pool.spec.config.max_episode_steps == pool.spec.horizon


# ---- paths ----


def start_at(env, seen):
    """Put one of Gymnasium's environments where it observes `seen`, float64."""
    env.reset(seed=0)
    task, robot = name_of(env.spec.id), env.unwrapped
    if task == "Pendulum":
        robot.state = np.array([math.atan2(seen[1], seen[0]), seen[2]])
    elif task == "Acrobot":
        robot.state = np.array([math.atan2(seen[1], seen[0]), math.atan2(seen[3], seen[2]), seen[4], seen[5]])
    elif not hasattr(robot, "model"):
        robot.state = np.array(seen, float)
    else:  # observed are places but for where along the way it is, then speeds, then perhaps forces
        places, speeds = robot.model.nq, robot.model.nv
        unseen = {"InvertedPendulum": 0, "Swimmer": 2, "Ant": 2}.get(task, 1)
        qpos = np.concatenate([np.zeros(unseen), seen[: places - unseen]])
        robot.set_state(qpos, seen[places - unseen : places - unseen + speeds])


def start_with_twins(env):
    """Start an episode in EnvPool and, from exactly there, in as many of Gymnasium's environments."""
    observed = first_unrounded(env)
    twins = [make_one(env.spec.env_id) for _ in observed]
    for twin, seen in zip(twins, observed, strict=True):
        start_at(twin, seen)
    return twins


def random_actions(env, rng):
    if env.spec.discrete:
        return rng.integers(env.spec.action_size, size=env.num_env)
    return rng.uniform(-1, 1, (env.num_env, env.spec.action_size)).astype(np.float32)


@pytest.mark.parametrize("env_id", TASKS)
def test_the_same_actions_lead_the_same_way_from_the_same_start(make, env_id):
    env, rng = make(env_id, 4), np.random.default_rng(0)
    twins = start_with_twins(env)
    alive, steps, tolerance = np.ones(4, bool), 0, ROUNDING.get(name_of(env_id), 1e-5)
    while alive.any() and steps < 60:
        action, steps = random_actions(env, rng), steps + 1
        step = env.step(action)
        for i in np.flatnonzero(alive):
            seen, reward, terminated, truncated, _ = twins[i].step(action[i])
            np.testing.assert_allclose(step.observation["observation"][i], seen, rtol=tolerance, atol=tolerance)
            assert step.reward[i] == pytest.approx(reward, rel=tolerance, abs=tolerance)
            assert (step.terminated[i], step.truncated[i]) == (terminated, truncated)
        alive &= ~step.ended
    falls = name_of(env_id) in ("CartPole", "Hopper", "Walker2d", "Ant", "InvertedPendulum")
    assert not alive.all() if falls else alive.all(), "episodes that end early were compared to their ends, or none did"


@pytest.mark.parametrize(("env_id", "most"), [("Pendulum-v1", 2), ("InvertedPendulum-v4", 3), ("Hopper-v4", 1)])
def test_actions_have_the_tasks_own_bounds_and_type(make, env_id, most):
    env = make(env_id, 3)
    env.reset()
    space = env._pool.action_space
    assert (space.low == -most).all() and (space.high == most).all()
    rows = np.float32([[-1], [0.25], [1]]) * np.ones(env.spec.action_size, np.float32)
    own = env.spec.actions.to_env(rows)
    np.testing.assert_allclose(own, most * rows, rtol=1e-6)
    env.step(own)
    assert space.contains(own[0].astype(space.dtype))


# ---- starts ----


@functools.cache
def _drawn(env_id, back_end):
    """200 observations after resets."""
    with contextlib.closing(make_vec_env(env_id, 4, list(range(4)), back_end, 2)) as env:
        return np.concatenate([env.reset()["observation"] for _ in range(50)])


@pytest.mark.parametrize("env_id", TASKS)
def test_episodes_start_where_gymnasium_starts_them(env_id):
    pool, twin = _drawn(env_id, "envpool"), _drawn(env_id, "sync")
    spread = twin.std(0)
    assert len(np.unique(pool, axis=0)) == 200
    error = np.sqrt((pool.var(0) + twin.var(0)) / 200)
    assert (np.abs(pool.mean(0) - twin.mean(0)) < 4.5 * error + 1e-6).all()
    np.testing.assert_allclose(pool.std(0), spread, rtol=0.3, atol=1e-6)
    for end in (np.min, np.max):  # tails are Gaussian where robots' speeds are drawn
        assert (np.abs(end(pool, 0) - end(twin, 0)) < 2.5 * spread + 1e-6).all()


@pytest.mark.parametrize(
    ("env_id", "low", "high"),
    [("CartPole-v1", [-0.05] * 4, [0.05] * 4), ("Pendulum-v1", [-1, -1, -1], [1, 1, 1]),
     ("MountainCar-v0", [-0.6, 0], [-0.4, 0]), ("MountainCarContinuous-v0", [-0.6, 0], [-0.4, 0]),
     ("InvertedPendulum-v5", [-0.01] * 4, [0.01] * 4)],
)  # fmt: skip
def test_starts_fill_the_published_range(env_id, low, high):
    drawn, low, high = _drawn(env_id, "envpool"), np.float32(low), np.float32(high)
    assert (drawn >= low - 1e-6).all() and (drawn <= high + 1e-6).all()
    gap = 0.05 * (high - low) + 1e-6
    assert (drawn.min(0) < low + gap).all() and (drawn.max(0) > high - gap).all()


# ---- ends ----


def balance(seen):
    """The side to push a cart to: where the pole falls, so that the cart comes back to the middle."""
    x, speed, angle, turn = seen.T
    return (0.05 * x + 0.15 * speed + angle + 0.5 * turn > 0).astype(np.int64)


@pytest.mark.parametrize("back_end", ["envpool", "sync"])
def test_a_balanced_pole_is_cut_off_after_500_steps_and_does_not_terminate(make, back_end):
    env = make("CartPole-v1", 3, back_end)
    seen = env.reset()["observation"]
    for _ in range(499):
        step = env.step(balance(seen))
        seen = step.observation["observation"]
        assert not step.ended.any() and (step.reward == 1).all()
    step = env.step(balance(seen))
    last = step.observation["observation"]
    assert step.truncated.all() and not step.terminated.any() and (step.reward == 1).all()
    assert np.abs(last - seen).max() < 0.5, "the true last observation"
    after = env.step(balance(last))
    assert (np.abs(after.observation["observation"]) <= 0.05).all() and not after.ended.any(), "a new episode"


@pytest.mark.parametrize("env_id", ["Pendulum-v1", "MountainCar-v0", "Acrobot-v1", "MountainCarContinuous-v0",
                                    "HalfCheetah-v5", "Swimmer-v4", "Ant-v5"])  # fmt: skip
def test_an_episode_of_a_robot_that_does_nothing_is_cut_off_at_the_time_limit(make, env_id):
    env = make(env_id, 2)
    still = np.ones(2, np.int64) if env.spec.discrete else np.zeros((2, env.spec.action_size), np.float32)
    for _ in range(2):  # the next episode has as many
        env.reset()
        for _ in range(env.spec.horizon - 1):
            assert not env.step(still).ended.any()
        step = env.step(still)
        assert step.truncated.all() and not step.terminated.any()


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Hopper-v4"])
def test_the_step_after_an_end_ignores_its_action_and_begins_an_episode(make, env_id):
    env, rng = make(env_id, 1), np.random.default_rng(0)
    env.reset()
    while not (step := env.step(random_actions(env, rng))).ended.any():
        pass
    assert step.terminated.all() and not step.truncated.any()
    starts = _drawn(env_id, "envpool")
    begun = env.step(random_actions(env, rng))
    far = np.abs(begun.observation["observation"] - starts.mean(0)) / np.maximum(starts.std(0), 1e-6)
    assert far.max() < 5 and not begun.ended.any()
    assert np.abs(step.observation["observation"] - starts.mean(0)).max() > 0.1, "the true last observation"


# ---- seeds ----


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1", "HalfCheetah-v4"])
def test_reseeded_environments_are_like_new_ones_on_however_many_threads(make, env_id):
    used, new, one = make(env_id, 3), make(env_id, 3), make(env_id, 3, num_threads=1)
    used.reset()
    for _ in range(40):
        used.step(random_actions(used, np.random.default_rng(1)))
    used.reseed([0, 1, 2])
    with contextlib.closing(used.copies(3, [0, 1, 2])) as copies:
        firsts = [env.reset()["observation"] for env in (used, new, one, copies)]
        assert len(np.unique(firsts[0], axis=0)) == 3
        for _ in range(40):
            action = random_actions(used, np.random.default_rng(2))
            firsts += [env.step(action).observation["observation"] for env in (used, new, one, copies)]
        for i in range(0, len(firsts), 4):
            for other in firsts[i + 1 : i + 4]:
                np.testing.assert_array_equal(other, firsts[i])
