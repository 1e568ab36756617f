"""Exploration: noise, random actions that are held, and parts of one's own. The guides have a file of their own."""

import itertools

import numpy as np
import pytest

from baselines.her.experiment.config import HERConfig
from baselines.her.exploration import HELD_NOISE, Exploration, GaussianNoise, HeldRandomActions
from tests.her.scenes import StraightReacher, fetch_scene

NOWHERE = {}  # neither noise nor held actions look at the observation


def explorer(num_env, seed=0, guide=False, size=2, **settings):
    """Return an exploration, its generator and its settings."""
    config, rng = HERConfig(**settings), np.random.default_rng(seed)
    parts = {"noise": GaussianNoise(config), "held": HeldRandomActions(config, num_env, size)}
    return Exploration({**parts, "guide": StraightReacher(config)} if guide else parts, rng), rng, config


def published(action, config, rng):
    """Return the actions of 1802.09464, appendix A, one environment and coordinate at a time, for the same draws."""
    noise = rng.standard_normal(action.shape)
    uniform = rng.uniform(-config.max_u, config.max_u, action.shape)
    coins = rng.random((len(action), 1))
    actions = np.zeros_like(action)
    for i, j in np.ndindex(*action.shape):
        noisy = action[i, j] + config.noise_eps * config.max_u * noise[i, j]
        usual = min(config.max_u, max(-config.max_u, noisy))
        actions[i, j] = uniform[i, j] if coins[i, 0] < config.random_eps else usual
    return actions.astype(np.float32)


@pytest.mark.parametrize(
    "settings", [{}, dict(max_u=0.5), dict(random_eps=0.9, noise_eps=1), dict(noise_eps=0, random_eps=0)], ids=str
)
def test_without_holds_and_guide_actions_are_those_of_the_published_formula_draw_by_draw(settings):
    explore, rng, config = explorer(7, **settings)
    twins, actions = np.random.default_rng(0), np.random.default_rng(1)
    for _ in range(50):
        action = config.max_u * actions.uniform(-1, 1, (7, 2))
        explored = explore(action, NOWHERE)
        assert explored.dtype == np.float32
        np.testing.assert_array_equal(explored, published(action, config, twins))
        assert rng.bit_generator.state == twins.bit_generator.state, "no number more is drawn, nor fewer"


def histories(steps, num_env=400, **settings):
    """Return actions, which are random, and what is held, [steps, num_env, ...], for a policy that does nothing."""
    explore, _, _ = explorer(num_env, noise_eps=0, **settings)
    pairs = [(explore(np.zeros((num_env, 2)), NOWHERE), explore.state()["held/held"]) for _ in range(steps)]
    actions, held = (np.array(x) for x in zip(*pairs, strict=True))
    return actions, (actions != 0).any(2), held


@pytest.mark.parametrize("hold", [1, 5, 10])
@pytest.mark.parametrize("eps", [0, 0.3, 0.8, 1])
def test_the_share_of_random_steps_is_random_eps_however_long_actions_are_held(hold, eps):
    _, random, _ = histories(1000, random_hold=hold, random_eps=eps)
    assert random[200:].mean() == pytest.approx(eps, abs=0.01)


@pytest.mark.parametrize("hold", [1, 2.5, 10])
def test_holds_last_random_hold_steps_in_the_mean_and_as_long_as_coins_say(hold):
    _, random, held = histories(4000, num_env=40, random_hold=hold)
    lengths = []
    for i in range(random.shape[1]):
        names = [h if r else None for r, h in zip(random[:, i].tolist(), held[:, i, 0].tolist(), strict=True)]
        runs = [(name, len(list(run))) for name, run in itertools.groupby(names)]
        lengths += [length for name, length in runs[1:-1] if name]  # those at the ends are cut
    lengths = np.array(lengths)
    assert lengths.mean() == pytest.approx(hold, rel=0.04)
    for length in range(1, 8):
        geometric = (1 - 1 / hold) ** (length - 1) / hold
        assert (lengths == length).mean() == pytest.approx(geometric, abs=0.015)
    assert (lengths > 3 * hold).mean() == pytest.approx((1 - 1 / hold) ** (3 * hold // 1), abs=0.015)


def test_held_actions_are_drawn_uniformly_and_stay_the_same_but_for_a_little_noise():
    actions, random, held = histories(1000, random_hold=5, max_u=0.5)
    inside = random[..., None] & (np.abs(held) < 0.25)  # so that nothing is clipped
    noise = (actions - held)[inside] / 0.5
    assert len(noise) > 5000
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert noise.std() == pytest.approx(HELD_NOISE, rel=0.05) and np.abs(noise).max() < 6 * HELD_NOISE
    np.testing.assert_array_equal(actions[~random], 0)
    drawn = np.unique(held[10:].reshape(-1, 2), axis=0)
    counts, _, _ = np.histogram2d(*drawn.T, bins=4, range=[[-0.5, 0.5]] * 2)
    assert counts.sum() == len(drawn) > 10000
    assert counts / len(drawn) == pytest.approx(np.full((4, 4), 1 / 16), abs=0.01)


class Drift:
    """A part that a user might write: adds as many thousandths as steps were taken."""

    def __init__(self):
        self.steps = 0

    def __call__(self, action, observation, noise, rng):
        self.steps += 1
        return action + self.steps / 1000 + observation["observation"]

    def state(self):
        return {"steps": np.array(self.steps)}

    def load_state(self, arrays):
        self.steps = int(arrays["steps"])


def test_a_part_of_ones_own_acts_after_the_others_and_its_state_is_kept():
    def explorers():
        config, rng = HERConfig(noise_eps=0, random_eps=0), np.random.default_rng(0)
        return Exploration({"noise": GaussianNoise(config), "drift": Drift()}, rng)

    first, second, shown = explorers(), explorers(), {"observation": np.full((2, 1), 0.5)}
    for step in (1, 2):
        np.testing.assert_allclose(first(np.zeros((2, 1)), shown), 0.5 + step / 1000)
    assert first.state() == {"drift/steps": 2}
    second.load_state(first.state())
    np.testing.assert_allclose(second(np.zeros((2, 1)), shown), 0.503)


@pytest.mark.parametrize("guide", [False, True])
def test_a_restored_exploration_continues_exactly(guide):
    settings = dict(guide=guide, size=4, random_hold=5)
    scenes, actions = np.random.default_rng(1), np.zeros((30, 4))
    first, rng, _ = explorer(30, **settings)
    for _ in range(20):
        first(actions, fetch_scene(scenes, 30))
    state, numbers = first.state(), rng.bit_generator.state
    assert {name: (x.shape, x.dtype.kind) for name, x in state.items()} == {
        "held/held": ((30, 4), "f"), "held/holds": ((30, 1), "b")
    }  # fmt: skip
    assert state["held/holds"].any() and not state["held/holds"].all(), "the case should have both kinds"
    later = [fetch_scene(scenes, 30) for _ in range(20)]
    expected = [first(actions, observation) for observation in later]
    second, rng, _ = explorer(30, seed=9, **settings)
    second.load_state(state)
    rng.bit_generator.state = numbers
    np.testing.assert_array_equal([second(actions, observation) for observation in later], expected)


@pytest.mark.parametrize("name", ["held", "holds"])
def test_a_state_of_other_environments_is_refused(name):
    explore, _, _ = explorer(3)
    for wrong in (np.zeros((2, 2)), np.zeros((3, 3)), np.zeros(0), np.array("x")):
        with pytest.raises(ValueError, match="other environments"):
            explore.load_state({**explore.state(), f"held/{name}": wrong})
    with pytest.raises(KeyError, match=name):
        explore.load_state({key: x for key, x in explore.state().items() if key != f"held/{name}"})
