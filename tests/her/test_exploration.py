"""How training acts otherwise than the policy: noise, random actions that are held, and the script that guides."""

import itertools

import numpy as np
import pytest

from baselines.her.experiment.config import HERConfig
from baselines.her.exploration import HELD_NOISE, Exploration, NoGuide, Script
from baselines.her.types import GoalEnvSpec

NOWHERE = {}  # nobody asks for the observation
QUIET = dict(noise_eps=0.0, random_eps=0.0)


def explorer(num_env, seed=0, guide=None, size=2, **settings):
    """An exploration, its generator and its settings."""
    config, rng = HERConfig(**settings), np.random.default_rng(seed)
    return Exploration(config, num_env, size, rng, Script(config) if guide == "script" else NoGuide()), rng, config


def published(action, config, rng):
    """The formula of 1802.09464, appendix A, one environment and one coordinate at a time, with the same draws."""
    noise = rng.standard_normal(action.shape)
    uniform = rng.uniform(-config.max_u, config.max_u, action.shape)
    coins = rng.random((len(action), 1))
    found = np.zeros_like(action)
    for i, j in np.ndindex(*action.shape):
        noisy = action[i, j] + config.noise_eps * config.max_u * noise[i, j]
        usual = min(config.max_u, max(-config.max_u, noisy))
        found[i, j] = uniform[i, j] if coins[i, 0] < config.random_eps else usual
    return found.astype(np.float32)


@pytest.mark.parametrize("settings", [{}, dict(max_u=0.5), dict(random_eps=0.9, noise_eps=1.0), QUIET], ids=str)
def test_without_holds_and_guide_actions_are_those_of_the_published_formula_draw_by_draw(settings):
    explore, rng, config = explorer(7, **settings)
    twins, actions = np.random.default_rng(0), np.random.default_rng(1)
    for _ in range(50):
        action = config.max_u * actions.uniform(-1, 1, (7, 2))
        found = explore(action, NOWHERE)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, published(action, config, twins))
        assert rng.bit_generator.state == twins.bit_generator.state, "no number more is drawn, nor fewer"


# ---- random actions that are held ----


def histories(steps, num_env=100, **settings):
    """Of a policy that does nothing: actions, whether random, and what is held, [steps, num_env, ...]."""
    explore, _, _ = explorer(num_env, noise_eps=0, **settings)
    pairs = [(explore(np.zeros((num_env, 2)), NOWHERE), explore.state()["held"]) for _ in range(steps)]
    actions, held = (np.array(x) for x in zip(*pairs, strict=True))
    return actions, (actions != 0).any(2), held


@pytest.mark.parametrize("hold", [1, 5, 10])
@pytest.mark.parametrize("eps", [0, 0.1, 0.3, 0.8, 1])
def test_the_share_of_random_steps_is_random_eps_however_long_actions_are_held(hold, eps):
    _, random, _ = histories(4000, random_hold=hold, random_eps=eps)
    assert random[200:].mean() == pytest.approx(eps, abs=0.01)


@pytest.mark.parametrize("hold", [1, 2.5, 5, 10])
def test_holds_last_random_hold_steps_in_the_mean_and_as_long_as_coins_say(hold):
    _, random, held = histories(4000, num_env=40, random_hold=hold)
    lengths = []
    for i in range(random.shape[1]):
        names = [tuple(h) if r else None for r, h in zip(random[:, i], held[:, i], strict=True)]
        runs = [(name, len(list(run))) for name, run in itertools.groupby(names)]
        lengths += [length for name, length in runs[1:-1] if name]  # those at the ends are cut
    lengths = np.array(lengths)
    assert lengths.mean() == pytest.approx(hold, rel=0.04)
    for length in range(1, 8):
        geometric = (1 - 1 / hold) ** (length - 1) / hold
        assert (lengths == length).mean() == pytest.approx(geometric, abs=0.015)
    assert (lengths > 3 * hold).mean() == pytest.approx((1 - 1 / hold) ** (3 * hold // 1), abs=0.015)


def test_an_action_that_is_held_stays_the_same_but_for_a_little_noise():
    actions, random, held = histories(2000, num_env=20, random_hold=5, max_u=0.5)
    inside = random[..., None] & (np.abs(held) < 0.25)  # so that nothing is clipped
    noise = (actions - held)[inside] / 0.5
    assert len(noise) > 5000
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert noise.std() == pytest.approx(HELD_NOISE, rel=0.05) and np.abs(noise).max() < 6 * HELD_NOISE
    np.testing.assert_array_equal(actions[~random], 0)


def test_what_is_drawn_is_uniform_and_each_coordinate_for_itself():
    _, _, held = histories(3000, random_hold=5, max_u=0.5)
    drawn = np.unique(held[10:].reshape(-1, 2), axis=0)
    counts, _, _ = np.histogram2d(*drawn.T, bins=4, range=[[-0.5, 0.5]] * 2)
    assert counts.sum() == len(drawn) > 10000
    assert counts / len(drawn) == pytest.approx(np.full((4, 4), 1 / 16), abs=0.01)


@pytest.mark.parametrize("guide", [None, "script"])
@pytest.mark.parametrize("hold", [1, 5])
def test_actions_stay_within_max_u(hold, guide):
    explore, _, _ = explorer(50, guide=guide, size=4, random_hold=hold, noise_eps=1.0, max_u=0.5)
    rng = np.random.default_rng(1)
    found = np.array([explore(rng.uniform(-0.5, 0.5, (50, 4)), scene(rng, 50)) for _ in range(200)])
    assert found.max() == 0.5 and found.min() == -0.5


# ---- the script ----


def scene(rng, num_env, spread=0.1):
    """Grippers around their objects."""
    gripper = rng.uniform(-1, 1, (num_env, 3))
    observation = np.concatenate([gripper, rng.normal(size=(num_env, 22))], 1)
    return {"observation": observation, "achieved_goal": gripper + rng.uniform(-spread, spread, (num_env, 3))}


def slow_script(config, action, observation, rng):
    """The same draws, one environment at a time."""
    coins, noise = rng.random((len(action), 1)), rng.standard_normal((len(action), 3))
    found = action.copy()
    for i in range(len(action)):
        way = [observation["achieved_goal"][i, k] - observation["observation"][i, k] for k in range(3)]
        if sum(x**2 for x in way) ** 0.5 > config.guide_distance and coins[i, 0] < config.guide_eps:
            for k in range(3):
                found[i, k] = config.max_u * min(1, max(-1, 10 * way[k] + 0.2 * noise[i, k]))
    return found


@pytest.mark.parametrize("settings", [{}, dict(guide_eps=0.2, guide_distance=0.1, max_u=0.5)], ids=str)
def test_the_vectorised_script_equals_its_slow_twin(settings):
    config, rng = HERConfig(**settings), np.random.default_rng(1)
    action, observation = rng.uniform(-config.max_u, config.max_u, (500, 4)), scene(rng, 500)
    found = Script(config)(action, observation, np.random.default_rng(2))
    expected = slow_script(config, action, observation, np.random.default_rng(2))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert 0.05 < (found != action).any(1).mean() < 0.7, "some are guided, some are not"


@pytest.mark.parametrize("eps", [0, 0.3, 1])
def test_the_script_acts_with_probability_guide_eps_while_away_from_the_object_and_never_near_it(eps):
    explore, _, config = explorer(20000, guide="script", size=4, guide_eps=eps, guide_distance=0.05, **QUIET)
    observation = scene(np.random.default_rng(1), 20000)
    action = np.full((20000, 4), 0.123, np.float32)
    changed = explore(action, observation) != action
    distance = np.linalg.norm(observation["achieved_goal"] - observation["observation"][:, :3], axis=1)
    away = distance > 0.05
    assert 0.8 < away.mean() < 0.95
    assert not changed[~away].any()
    assert changed[away, :3].all(1).mean() == pytest.approx(eps, abs=0.015)
    assert not changed[:, 3].any(), "the fingers do what they would have done"


def test_the_script_brings_the_gripper_straight_to_the_object():
    explore, _, config = explorer(200, guide="script", size=4, guide_eps=1, **QUIET)
    observation = scene(np.random.default_rng(1), 200, spread=0.3)
    gripper, there = observation["observation"][:, :3], observation["achieved_goal"]
    start, farthest = gripper.copy(), np.zeros(200)
    straight = (there - start) / np.linalg.norm(there - start, axis=1, keepdims=True)
    for _ in range(30):
        gripper += 0.03 * explore(np.zeros((200, 4)), observation)[:, :3]  # as far as Fetch's goes in a step
        along = ((gripper - start) * straight).sum(1, keepdims=True)
        farthest = np.maximum(farthest, np.linalg.norm(gripper - start - along * straight, axis=1))
    assert (np.linalg.norm(gripper - there, axis=1) <= config.guide_distance).all()
    assert np.median(farthest) < 0.1


def test_near_the_object_actions_are_those_of_no_guide():
    settings = dict(random_hold=5, guide_eps=1, guide_distance=0.08)
    rng = np.random.default_rng(1)
    action, observation = rng.uniform(-1, 1, (100, 4)), scene(rng, 100)
    with_script, without = (
        explorer(100, guide=g, size=4, **settings)[0](action, observation) for g in ("script", None)
    )
    near = np.linalg.norm(observation["achieved_goal"] - observation["observation"][:, :3], axis=1) <= 0.08
    assert 10 < near.sum() < 90
    np.testing.assert_array_equal(with_script[near], without[near])
    assert (with_script[~near] != without[~near]).any(1).all()


# ---- to continue exactly ----


@pytest.mark.parametrize("guide", [None, "script"])
def test_a_restored_exploration_continues_exactly(guide):
    settings = dict(guide=guide, size=4, random_hold=5)
    scenes, actions = np.random.default_rng(1), np.zeros((30, 4))
    first, rng, _ = explorer(30, **settings)
    for _ in range(20):
        first(actions, scene(scenes, 30))
    state, numbers = first.state(), rng.bit_generator.state
    assert state["holds"].any() and not state["holds"].all(), "the case should have environments of both kinds"
    later = [scene(scenes, 30) for _ in range(20)]
    expected = [first(actions, observation) for observation in later]
    second, rng, _ = explorer(30, seed=9, **settings)
    second.load_state(state)
    rng.bit_generator.state = numbers
    np.testing.assert_array_equal([second(actions, observation) for observation in later], expected)


def test_a_state_is_plain_numbers_with_a_row_for_each_environment():
    explore, _, _ = explorer(3, random_hold=5)
    assert {name: x.shape for name, x in explore.state().items()} == {"held": (3, 2), "holds": (3, 1)}
    assert all(x.dtype.kind in "fb" for x in explore.state().values())


@pytest.mark.parametrize("name", ["held", "holds"])
def test_a_state_of_other_environments_is_refused(name):
    explore, _, _ = explorer(3)
    for wrong in (np.zeros((2, 2)), np.zeros((3, 3)), np.zeros(0), np.array("x")):
        with pytest.raises(ValueError, match=name):
            explore.load_state({**explore.state(), name: wrong})
    with pytest.raises(KeyError, match=name):
        explore.load_state({key: x for key, x in explore.state().items() if key != name})


def test_the_empty_state_of_a_run_of_version_0_2_0_leaves_everything_as_it_is():
    explore, _, _ = explorer(3, random_hold=5)
    for _ in range(10):
        explore(np.zeros((3, 2)), NOWHERE)
    before = explore.state()
    explore.load_state({})
    assert all((explore.state()[name] == x).all() for name, x in before.items()) and before["held"].any()


# ---- which environments a guide fits ----


@pytest.mark.parametrize("task", ["FetchPush-v1", "FetchPushDense-v1", "FetchPickAndPlace-v4", "FetchSlide-v1"])
def test_the_script_is_for_the_fetch_tasks_with_an_object(task):
    spec = GoalEnvSpec(task, 25, 3, 4, 50).env_spec()
    assert HERConfig(guide="script").for_env(spec).guide == "script"
