"""Environments that are stepped together: what they are, do, and show at an end; seeds; those of the user's own."""

import contextlib
import dataclasses
import functools

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, VectorEnv

import baselines
from baselines.common.errors import TrainingError, UserError
from baselines.common.specs import GOAL_KEYS, Actions, EnvSpec
from baselines.envs import as_vec_env, make_vec_env
from baselines.envs.gymnasium_env import make_one
from baselines.envs.lockstep import run_episodes
from tests.common.counting import ODD, Odd
from tests.environments import PointReach
from tests.envs.twins import actions_for, still
from tests.helpers import TINY_SETTINGS, refused

COUNTING = "tests.common.counting:Counting-v0"
CART_POLE = EnvSpec("CartPole-v1", {"observation": 4}, 2, 500, discrete=True)


def wrapped(env):
    """An environment that the caller made, or a vector of them; seeds 0, 1, ..."""
    return contextlib.closing(as_vec_env(env, lambda num_env: list(range(num_env))))


# ---- what they are ----


@pytest.mark.parametrize(
    "spec, action",
    [
        (EnvSpec("Pendulum-v1", {"observation": 3}, 1, 200, actions=Actions((-2.0,), (2.0,))), {"action": 1}),
        (CART_POLE, {"actions": 2}),
        (EnvSpec(COUNTING, {"clock": 2, "length": 1}, 1, 6, actions=Actions((-4.0,), (4.0,))), {"action": 1}),
    ],
)
def test_environments_without_goals_say_what_they_are(spec, action, make):
    env = make(spec.env_id, 2, "sync")
    assert env.spec == spec and env.spec.sizes == {**spec.observation_sizes, **action}
    assert not env.spec.has_goals and env.compute_reward is None
    assert EnvSpec.from_document(env.spec.document()) == spec


@pytest.mark.parametrize(
    "name, message",
    [
        ("Image", r"'observation' is Box\(0, 255, \(8, 8, 3\), uint8\)"),
        ("Camera", "'camera' is Box"),
        ("Levers", r"expected actions that are a vector.*, got MultiDiscrete\(\[2 3\]\)"),
        ("Grid", r"expected actions that are a vector.*, got Box\(-1\.0, 1\.0, \(2, 2\), float32\)"),
        ("FromOne", r"a number from 0 to n - 1, got Discrete\(3, start=1\)"),
        ("Unbounded", "expected bounded actions, but coordinate 0 is from -inf to inf"),
    ],
)
def test_spaces_that_no_algorithm_can_use_are_refused_with_one_line(name, message, cwd, capsys):
    env_id = f"tests.common.counting:Odd{name}-v0"
    with pytest.raises(UserError, match=message) as error:
        make_vec_env(env_id, 2, [0, 1], "sync")
    assert str(error.value) in refused(capsys, f"--env={env_id}")


@pytest.mark.parametrize("name, size", [("Image", 192), ("Camera", 19)])
def test_observations_that_are_no_vectors_can_be_flattened_as_the_message_says(name, size):
    with wrapped(gymnasium.wrappers.FlattenObservation(Odd(**ODD[name]))) as env:
        assert env.spec.observation_sizes == {"observation": size} and env.spec.horizon == 0
        assert env.reset()["observation"].shape == (1, size)


# ---- what they do ----


def alone(env_id, seed, actions):
    """What an environment alone does, reset where an episode has ended.

    Rows of observation, reward, terminated, truncated; the first of each episode has no reward and no end.
    """
    env = gymnasium.make(env_id)
    rows, over = [(env.reset(seed=seed)[0], 0, False, False)], False
    for action in actions:
        rows.append((env.reset()[0], 0, False, False) if over else env.step(action)[:4])
        over = rows[-1][2] or rows[-1][3]
    return rows


@pytest.mark.parametrize("back_end", ["sync", "async"])
@pytest.mark.parametrize("env_id", [COUNTING, "tests.common.counting:CountingSuccess-v0", "CartPole-v1", "Pendulum-v1"])
def test_each_environment_goes_ends_and_starts_by_itself(env_id, back_end, make):
    num_env = 3 if back_end == "async" else 8
    env, rng = make(env_id, num_env, back_end), np.random.default_rng(0)
    actions = [env.spec.actions.to_env(actions_for(rng, env)) for _ in range(220 if env_id[0] == "P" else 40)]
    expected = [alone(env_id, seed, [action[seed] for action in actions]) for seed in range(num_env)]
    observations, kinds = [env.reset()], set()
    for t, action in enumerate(actions, start=1):
        step = env.step(action)
        observations.append(step.observation)
        _, reward, terminated, truncated = zip(*(rows[t] for rows in expected), strict=True)
        np.testing.assert_allclose(step.reward, reward, atol=1e-6)
        assert (step.terminated.tolist(), step.truncated.tolist()) == (list(terminated), list(truncated))
        assert (step.success is None) == ("Success" not in env_id)
        assert step.success is None or step.success.tolist() == list(terminated)
        kinds |= set(zip(terminated, truncated, strict=True))
    for t, observation in enumerate(observations):
        assert {part.dtype for part in observation.values()} == {np.dtype(np.float32)}
        for key, part in observation.items():
            parts = [rows[t][0][key] if "Counting" in env_id else rows[t][0] for rows in expected]
            np.testing.assert_allclose(part, parts, atol=1e-6)
    ends = {"C": {(True, False)}, "P": {(False, True)}, "t": {(True, False), (False, True), (True, True)}}
    assert kinds == {(False, False)} | ends[env_id[0]]


@pytest.mark.parametrize("env_id", ["FetchReach-v4", pytest.param("HandReach-v3", marks=pytest.mark.slow)])
@pytest.mark.parametrize("back_end", ["envpool", "sync", pytest.param("async", marks=pytest.mark.slow)])
def test_the_last_observation_is_the_true_one_and_the_next_step_gives_the_next_first_one(env_id, back_end, make):
    env, rng = make(env_id, 2, back_end), np.random.default_rng(0)
    endless, goals = make_one(env_id).unwrapped, []  # has no time limit
    begun = env.reset()
    for _ in range(2):
        expected = endless.reset()[0]["observation"]
        np.testing.assert_allclose(begun["observation"], [expected] * 2, rtol=0, atol=1e-6)
        goals.append(begun["desired_goal"])
        for step_number in range(1, env.spec.horizon + 1):
            action = rng.uniform(-1, 1, env.spec.action_size).astype(np.float32)
            expected = endless.step(action)[0]["observation"]
            step = env.step(np.stack([action] * 2))
            assert step.ended.tolist() == [step_number == env.spec.horizon] * 2 and not step.terminated.any()
            np.testing.assert_allclose(step.observation["observation"], [expected] * 2, rtol=1e-6, atol=1e-6)
            np.testing.assert_array_equal(step.observation["desired_goal"], begun["desired_goal"])
        begun = env.step(np.ones((2, env.spec.action_size), np.float32)).observation  # whose action has no effect
    assert (np.abs(goals[0] - goals[1]).max(1) > 1e-3).all()


@pytest.mark.parametrize("back_end", ["envpool", "sync"])
def test_a_reset_in_the_middle_of_an_episode_starts_a_whole_one(make, back_end):
    env = make("FetchReach-v4", 2, back_end)
    for steps in (3, env.spec.horizon):
        env.reset()
        ended = [env.step(still(env)).ended.tolist() for _ in range(steps)]
    assert ended == [[False] * 2] * (env.spec.horizon - 1) + [[True] * 2]


# ---- seeds ----


@pytest.mark.parametrize(
    ("env_id", "back_end"),
    [
        *((i, "envpool") for i in ("CartPole-v1", "HalfCheetah-v4", "FetchSlide-v4", "HandReach-v3")),
        ("HandManipulateBlock-v1", "envpool"),
        *((i, "sync") for i in ("FetchPush-v4", "HandReach-v3", COUNTING)),
        ("CartPole-v1", "async"),
        pytest.param("FetchPush-v4", "async", marks=pytest.mark.slow),
    ],
)
def test_reseeded_environments_are_like_new_ones_on_however_many_threads(make, env_id, back_end):
    """To the last bit: a run that is resumed at an epoch's start depends on it."""
    used, new = make(env_id, 3, back_end), make(env_id, 3, back_end)
    one = [make(env_id, 3, num_threads=1)] if back_end == "envpool" else []
    rng = np.random.default_rng(1)
    for seeds in ([5, 6, 7], [0, 1, 2]):
        seen = used.reset()
        for _ in range(33):
            seen = used.step(actions_for(rng, used, seen)).observation
        used.reseed(seeds)
    with contextlib.closing(used.copies(3, [0, 1, 2])) as copies:
        assert (copies.spec, copies.num_env) == (used.spec, 3)
        alike = [new, used, copies, *one]
        steps = [env.reset() for env in alike]
        assert len(np.unique(np.hstack([*steps[0].values()]), axis=0)) > 1
        for _ in range(60):
            for key in set(steps[0]) - {"clock"}:  # which counts the episodes since the environment was made
                for other in steps[1:]:
                    np.testing.assert_array_equal(other[key], steps[0][key])
            action = actions_for(rng, new, steps[0])
            steps = [env.step(action).observation for env in alike]


@pytest.mark.parametrize("back_end", ["envpool", "sync"])
def test_each_environment_has_a_seed_of_its_own(make, back_end):
    goals = make("FetchReach-v4", 3, back_end).reset()["desired_goal"]
    np.testing.assert_array_equal(make("FetchReach-v4", 1, back_end).reset()["desired_goal"], goals[:1])


# ---- of the user's own ----


def test_actions_are_scaled_to_the_environments_own_bounds():
    class Wide(PointReach):
        def __init__(self):
            super().__init__()
            self.action_space = gymnasium.spaces.Box(np.float32([-4, 0]), np.float32([4, 2]))

        def step(self, action):
            Wide.last = np.array(action)
            return super().step(action)

    with wrapped(Wide()) as env:
        env.reset()
        env.step(env.spec.actions.to_env(np.array([[-0.5, -1.0]], np.float32)))
    np.testing.assert_allclose(Wide.last, [-2, 0], atol=1e-6)


@pytest.mark.parametrize("mode", ["single", "sync", "async", "async with wrappers", "vector_entry_point"])
def test_gymnasiums_environments_and_vectors_work_however_they_were_made(mode):
    kind, _, more = mode.partition(" ")
    wrappers = [gymnasium.wrappers.NormalizeReward] if more else None
    with wrapped(
        gymnasium.make("CartPole-v1") if kind == "single"
        else gymnasium.make_vec("CartPole-v1", 3, vectorization_mode=kind, wrappers=wrappers)
    ) as env:  # fmt: skip
        assert env.spec == dataclasses.replace(CART_POLE, left_out="the wrapper NormalizeReward" if more else "")
        assert env.num_env == (1 if kind == "single" else 3)
        first = env.reset()["observation"]
        assert first.shape == (env.num_env, 4) and len(np.unique(first, axis=0)) == env.num_env
        ended = np.zeros(env.num_env, bool)
        for _ in range(15):  # always to the right, a pole falls within 11 steps
            ended |= env.step(np.ones(env.num_env, int)).terminated
        assert ended.all()
        env.reseed([0, 1, 2][: env.num_env])
        np.testing.assert_array_equal(env.reset()["observation"], first)
        with contextlib.closing(env.copies(2, [5, 6])) as copies:
            assert copies.reset()["observation"].shape == (2, 4)


def test_a_vector_may_reuse_its_arrays():
    class Reusing(VectorEnv):
        metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}
        num_envs, envs, spec = 2, [gymnasium.wrappers.TimeLimit(Odd(), 99)], None
        single_observation_space, single_action_space = Odd().observation_space, Odd().action_space
        seen, reward, ends = np.zeros((2, 3), np.float32), np.zeros(2), np.zeros((2, 2), bool)

        def reset(self, *, seed=None, options=None):
            self.steps = self.seen[:] = 0
            return self.seen, {}

        def step(self, action):
            self.steps += 1
            self.seen[:] = self.reward[:] = self.steps
            self.ends[0] = self.steps == 3
            return self.seen, self.reward, *self.ends, {}

    with wrapped(Reusing()) as env:
        for episode in run_episodes(env, lambda observation: np.zeros((2, 2), np.float32)):
            assert episode.observation["observation"][:, 0].tolist() == [0, 1, 2, 3]
            assert episode.reward.tolist() == [1, 2, 3] and episode.terminated


def test_a_vector_is_seen_as_its_wrappers_show_it():
    inner = gymnasium.make_vec("Pendulum-v1", num_envs=2, vectorization_mode="sync")
    assert as_vec_env(inner, lambda n: [0] * n).spec.actions == Actions((-2.0,), (2.0,))
    env = as_vec_env(gymnasium.wrappers.vector.RescaleAction(inner, np.float32(-1), np.float32(1)), lambda n: [0] * n)
    assert env.spec.actions == Actions() and env.copies(1, [0]) is env


def test_a_vector_that_was_used_is_like_a_new_one(eagerly):
    vector, rows = gymnasium.make_vec("Pendulum-v1", num_envs=2, vectorization_mode="sync"), []
    for _ in range(2):
        baselines.train("ppo2", vector, n_epochs=1, seed=0, n_cycles=1, nsteps=64, nminibatches=4, num_hidden=4,
                        n_test_episodes=2, callback=rows.append)  # fmt: skip
    assert rows[0]["test/mean_return"] == rows[1]["test/mean_return"]


# ---- how many there are ----


class Few(PointReach):
    """Of which only `most` can live; the next cannot be made or, where `late`, not be reset."""

    made, alive, most, late = 0, 0, 99, False

    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        Few.made, Few.alive = Few.made + 1, Few.alive + 1
        self.dies(Few.late)

    def dies(self, later):
        if Few.alive > Few.most and not later:
            Few.alive -= 1
            raise OSError("Address already in use")

    def reset(self, **kwargs):
        if Few.alive > Few.most:
            raise OSError("Address already in use")
        return super().reset(**kwargs)

    def close(self):
        Few.alive -= 1


gymnasium.register("Few-v0", Few, max_episode_steps=5)


@pytest.fixture
def few(monkeypatch):
    for name, value in dict(made=0, alive=0, most=99, late=False).items():
        monkeypatch.setattr(Few, name, value)
    return Few


@pytest.mark.parametrize("back_end", ["sync", "own", "own vector"])
def test_no_more_environments_are_made_than_are_stepped_and_all_are_closed(few, back_end, eagerly):
    own = {"own": lambda: gymnasium.make("Few-v0"),
           "own vector": lambda: gymnasium.make_vec("Few-v0", 2, vectorization_mode="sync")}  # fmt: skip
    env = own[back_end]() if back_end in own else "Few-v0"
    num_env = getattr(env, "num_envs", 1)
    baselines.train(env=env, n_epochs=1, seed=0, **{**TINY_SETTINGS, "n_test_rollouts": 4})
    assert few.made == num_env + 4 * num_env and few.alive == (num_env if back_end in own else 0)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize(("most", "late"), [(1, False), (1, True), (3, False)])
def test_where_no_others_can_live_the_environment_itself_is_used_for_evaluation(few, own, most, late):
    few.most, few.late = most, late
    env = as_vec_env(gymnasium.make("Few-v0"), lambda n: [0] * n) if own else make_vec_env("Few-v0", 1, [0])
    assert env.copies(4, [0, 1, 2, 3]) is env and "Address already in use" in env.why_alone
    assert few.alive == 1 and env.reset()["observation"].shape == (1, 2)
    env.close()
    assert few.alive == (1 if own else 0)


def test_in_processes_too_one_that_cannot_be_made_is_one_line(few):
    env = make_vec_env("tests.environments:PointReach-v0", 1, [0], "async")
    with contextlib.closing(env), pytest.MonkeyPatch.context() as patch:
        patch.setattr(env, "_make", lambda: [][0])
        with pytest.raises(TrainingError, match="environment 0 cannot be made in a process of its own: IndexError"):
            env.reset()


@pytest.mark.parametrize("what", ["shows a window", "records videos"])
def test_a_window_or_a_recorder_is_not_made_again(few, what, tmp_path, monkeypatch):
    monkeypatch.setitem(Few.metadata, "render_modes", ["rgb_array", "human"])
    env = gymnasium.make("Few-v0", render_mode="human" if "window" in what else "rgb_array")
    if "videos" in what:
        env = gymnasium.wrappers.RecordVideo(env, str(tmp_path / "videos"))
    vec_env = as_vec_env(env, lambda n: [0] * n)
    assert vec_env.copies(2, [0, 1]) is vec_env and what in vec_env.why_alone and few.made == 1
    assert len(vec_env.compute_reward.goals) == 10
    assert not list(tmp_path.rglob("*.mp4")) and hasattr(env.unwrapped, "_steps") == ("window" in what)


def test_the_users_own_vector_in_processes_has_one_model_which_is_closed(few):
    vector = gymnasium.vector.AsyncVectorEnv([functools.partial(gymnasium.make, "Few-v0")] * 2, context="fork")
    few.made = few.alive = 0
    with wrapped(vector) as env:
        assert few.made == few.alive == 1 and env.reset()["observation"].shape == (2, 2)
    assert few.alive == 0
    vector.close()


def test_an_environment_that_cannot_be_closed_is_told_once(monkeypatch, capfd):
    monkeypatch.setattr(PointReach, "close", lambda self: [][0])
    env = make_vec_env("tests.environments:PointReach-v0", 3, [0, 1, 2], "sync")
    env.reset()
    env.close()
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1 and "warning: an environment could not be closed: IndexError" in lines[0]


# ---- what is handed over, and what nobody reads ----


class Careless(PointReach):
    """Changes its actions in place; its infos are of all kinds, and so is its observation."""

    def __init__(self):
        super().__init__()
        extra = dict(camera=gymnasium.spaces.Box(0, 255, (4, 4, 3), np.uint8), touch=gymnasium.spaces.Box(0, 1, (3,)))
        self.observation_space = gymnasium.spaces.Dict(**self.observation_space, **extra)

    def _observe(self):
        return {**super()._observe(), "camera": np.zeros((4, 4, 3), np.uint8), "touch": np.zeros(3, np.float32)}

    def step(self, action):
        shown, *rest, info = super().step(action)
        action *= 0
        n = int(self.np_random.integers(3))
        odd = {"a": None if n else 3, "b": np.zeros((n, 3)), 4: {}, "c": {"d": 1} if n else 2, "e": [1] * n}
        return shown, *rest, info | odd if n or self._steps == 5 else None


def careless():
    return gymnasium.wrappers.TimeLimit(Careless(), 5)


@pytest.mark.parametrize("kind", ["single", "sync", "async"])
def test_any_info_passes_and_actions_stay_as_they_were(kind):
    vectors = {"sync": gymnasium.vector.SyncVectorEnv, "async": functools.partial(AsyncVectorEnv, context="fork")}
    own = vectors[kind]([careless] * 3) if kind in vectors else careless()
    with wrapped(own) as env:
        assert set(env.spec.observation_sizes) == {*GOAL_KEYS, "touch"} and env.unused == ("camera",)
        action = np.ones((env.num_env, 2), np.float32)
        for episode in run_episodes(env, lambda observation: action):
            assert (episode.action == 1).all() and episode.success is not None and len(episode.action) == 5
        assert (action == 1).all()
    getattr(own, "close", lambda: None)()


def test_a_policy_may_change_and_reuse_its_arrays():
    action = np.zeros((1, 2), np.float32)

    def act(observation):
        observation["achieved_goal"] -= observation["desired_goal"]
        action[:] = np.clip(-10 * observation["achieved_goal"], -1, 1)
        return action

    with wrapped(gymnasium.wrappers.TimeLimit(PointReach(), 30)) as env:
        (episode,) = run_episodes(env, act)
    assert episode.final_distance < 0.05 and len(np.unique(episode.action, axis=0)) > 1
