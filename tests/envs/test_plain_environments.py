"""Environments without goals: vectors, dictionaries of vectors, discrete actions; and what is refused."""

import contextlib

import gymnasium
import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.common.specs import Actions, EnvSpec
from baselines.envs import as_vec_env, make_vec_env
from tests.common.counting import ODD, Odd
from tests.helpers import refused

COUNTING = "tests.common.counting:Counting-v0"
BACK_ENDS = ["sync", "async"]


def wrapped(env):
    """An environment that the caller made, or a vector of them; seeds 0, 1, ..."""
    return contextlib.closing(as_vec_env(env, lambda num_env: list(range(num_env))))


def assert_same(observation, other):
    assert observation.keys() == other.keys()
    for key, part in observation.items():
        np.testing.assert_array_equal(part, other[key])


# ---- what they are ----


@pytest.mark.parametrize(
    "spec, action",
    [
        (EnvSpec("Pendulum-v1", {"observation": 3}, 1, 200, actions=Actions((-2.0,), (2.0,))), {"action": 1}),
        (EnvSpec("CartPole-v1", {"observation": 4}, 2, 500, discrete=True), {"actions": 2}),
        (EnvSpec(COUNTING, {"clock": 2, "length": 1}, 1, 6, actions=Actions((-4.0,), (4.0,))), {"action": 1}),
    ],
)
def test_environments_without_goals_say_what_they_are(spec, action, make):
    env = make(spec.env_id, 2, "sync")
    assert env.spec == spec and env.spec.sizes == {**spec.observation_sizes, **action}
    assert not env.spec.has_goals and env.compute_reward is None
    assert EnvSpec.from_document(env.spec.document()) == spec


def test_an_environment_without_a_time_limit_has_a_horizon_of_0():
    with wrapped(Odd()) as env:
        assert env.spec.horizon == 0
        env.reset()
        assert not env.step(np.zeros((1, 2), np.float32)).ended.any()


# ---- what they do ----


@pytest.mark.parametrize("env_id", ["Pendulum-v1", "CartPole-v1"])
@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_they_are_stepped_as_single_environments_are(back_end, env_id, make):
    env, rng = make(env_id, 3, back_end), np.random.default_rng(0)
    twins = [gymnasium.make(env_id) for _ in range(3)]
    assert_same(env.reset(), {"observation": np.stack([twin.reset(seed=i)[0] for i, twin in enumerate(twins)])})
    for _ in range(8):
        # Pendulum's in its own units; CartPole's are numbers.
        action = rng.integers(2, size=3) if env.spec.discrete else rng.uniform(-2, 2, (3, 1)).astype(np.float32)
        step = env.step(action)
        expected = [twin.step(row) for twin, row in zip(twins, action, strict=True)]
        np.testing.assert_allclose(step.observation["observation"], [e[0] for e in expected], atol=1e-6)
        np.testing.assert_allclose(step.reward, [e[1] for e in expected], atol=1e-6)
    assert step.observation["observation"].dtype == np.float32 and step.success is None


@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_each_entry_of_a_dictionary_is_an_array_of_its_own(back_end, make):
    env = make(COUNTING, 3, back_end)
    for observation in (env.reset(), env.step(np.zeros((3, 1), np.float32)).observation):
        assert {key: part.shape for key, part in observation.items()} == {"clock": (3, 2), "length": (3, 1)}
        assert {part.dtype for part in observation.values()} == {np.dtype(np.float32)}
    assert observation["clock"].tolist() == [[0, 1]] * 3


@pytest.mark.parametrize("env_id", ["CartPole-v1", COUNTING])
@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_copies_and_reseeded_environments_are_like_new_ones(env_id, back_end, make):
    used, new = make(env_id, 2, back_end), make(env_id, 2, back_end)
    action = np.zeros(2, int) if used.spec.discrete else np.zeros((2, 1), np.float32)
    used.reset()
    for _ in range(9):
        used.step(action)
    with contextlib.closing(used.copies(2, [0, 1])) as copies:
        used.reseed([0, 1])
        first = new.reset()
        for again in (used.reset(), copies.reset()):
            for key in set(first) - {"clock"}:  # which counts the episodes since the environment was made
                np.testing.assert_array_equal(again[key], first[key])
        assert (copies.spec, copies.num_env) == (used.spec, 2)


# ---- of the user's own ----


def test_one_environment_is_a_vector_of_one():
    with wrapped(gymnasium.make("Pendulum-v1")) as env:
        first = gymnasium.make("Pendulum-v1").reset(seed=0)[0]
        assert env.num_env == 1
        assert_same(env.reset(), {"observation": first[None]})


@pytest.mark.parametrize("mode", ["sync", "async", "vector_entry_point"])
def test_a_vector_of_gymnasiums_works_however_it_was_made(mode):
    with wrapped(gymnasium.make_vec("CartPole-v1", 3, vectorization_mode=mode)) as env:
        assert env.spec == EnvSpec("CartPole-v1", {"observation": 4}, 2, 500, discrete=True)
        first = env.reset()["observation"]
        assert first.shape == (3, 4) and len(np.unique(first, axis=0)) == 3
        ended = np.zeros(3, bool)
        for _ in range(15):  # always to the right, a pole falls within 11 steps
            ended |= env.step(np.ones(3, int)).terminated
        assert ended.all()
        env.reseed([0, 1, 2])
        np.testing.assert_array_equal(env.reset()["observation"], first)
        with contextlib.closing(env.copies(2, [5, 6])) as copies:
            assert copies.reset()["observation"].shape == (2, 4)


def test_a_vector_in_processes_with_wrappers_is_refused():
    with contextlib.closing(
        gymnasium.make_vec("Pendulum-v1", 2, vectorization_mode="async", wrappers=[gymnasium.wrappers.NormalizeReward])
    ) as vector, pytest.raises(UserError, match="vectorization_mode='sync'"):  # fmt: skip
        wrapped(vector)


# ---- what is refused ----


@pytest.mark.parametrize(
    "name, message",
    [
        ("Image", r"'observation' is Box\(0, 255, \(8, 8, 3\), uint8\)"),
        ("Camera", "'camera' is Box"),
        ("Levers", r"expected actions that are a vector.*, got MultiDiscrete\(\[2 3\]\)"),
        ("Switches", r"expected actions that are a vector.*, got MultiBinary\(3\)"),
        ("Grid", r"expected actions that are a vector.*, got Box\(-1\.0, 1\.0, \(2, 2\), float32\)"),
        ("FromOne", r"a number from 0 to n - 1, got Discrete\(3, start=1\)"),
        ("Unbounded", "expected bounded actions, but coordinate 0 is from -inf to inf"),
    ],
)
def test_spaces_that_no_algorithm_can_use_are_refused_with_one_line(name, message, cwd, capsys):
    env_id = f"tests.common.counting:Odd{name}-v0"
    with pytest.raises(UserError, match=message) as error:
        make_vec_env(env_id, 2, [0, 1], "sync")
    assert "\n" not in str(error.value)
    assert str(error.value) in refused(capsys, f"--env={env_id}")


@pytest.mark.parametrize("name, size", [("Image", 192), ("Camera", 19)])
def test_observations_that_are_no_vectors_can_be_flattened_as_the_message_says(name, size):
    with wrapped(gymnasium.wrappers.FlattenObservation(Odd(**ODD[name]))) as env:
        assert env.spec.observation_sizes == {"observation": size}
        assert env.reset()["observation"].shape == (1, size)
