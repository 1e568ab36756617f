"""Losses, gradients, Adam, target networks and normalizers against the numbers of the reference implementation.

The files in tests/data hold what OpenAI Baselines' HER (commit ea25b9e) computes in float32 for fixed inputs.
"""

import functools
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from baselines.common.mpi import Communicator
from baselines.common.specs import GOAL_KEYS
from baselines.her import losses
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.policy import action_values
from baselines.her.types import Transitions
from baselines.learning.normalizer import Normalizer
from tests.helpers import goal_spec

DATA = Path(__file__).parent.parent / "data"
NETS = ("main_pi", "main_Q", "target_pi", "target_Q")
STATS = ("sum", "sumsq", "count")


def load(name):
    with np.load(DATA / name, allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(scope="module")
def golden():
    return load("ddpg_update_h16.npz")


def make_agent(golden):
    """Return an agent with the golden weights and normalizers."""
    config = HERConfig(hidden=16)
    assert config.n_critics == 1 and not config.layer_norm, "which is what the reference has"
    agent = DDPG(goal_spec("golden", 25, 3, 4, 50), config, np.random.default_rng(0), Communicator())
    state = {f"{net}/{k}": golden[f"init/{net}/{k}"] for net in NETS for k in agent.main.actor.state()}
    state |= {f"{s}_stats/{k}": golden[f"norm/{s}_{k}"].astype(np.float64) for s in "og" for k in STATS}
    agent.load_policy_state(state)
    return agent


@pytest.fixture
def agent(golden):
    return make_agent(golden)


@pytest.fixture(scope="module")
def trained(golden):
    """Return a function: number of updates -> an agent after them, of which tests change only the targets; metrics."""

    @functools.cache
    def train(updates):
        agent = make_agent(golden)
        tf.config.run_functions_eagerly(updates == 1)  # the other number tests what is compiled
        metrics = agent.train(batch_of(golden, copies=updates))
        tf.config.run_functions_eagerly(False)
        return agent, metrics

    return train


def batch_of(golden, copies=None):
    """The golden batch; with `copies`, that many times in front, as `DDPG.train` takes it."""
    b = {k: golden[f"batch/{k}"] for k in ("o", "g", "u", "o_2", "r")}
    nowhere = np.zeros_like(b["g"])
    batch = Transitions(b["o"], nowhere, b["g"], b["u"], b["r"], b["o_2"], nowhere, *np.zeros((2, len(b["r"])), bool))
    return batch if copies is None else Transitions(*(np.repeat(x[None], copies, 0) for x in batch))


def assert_near(actual, expected, tolerance=1e-4):
    """Relative to the largest expected value: gradients that cancel have no digits of their own."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= tolerance * np.abs(expected).max()


def networks_outputs(agent, golden):
    batch = Transitions(*map(tf.constant, batch_of(golden)))
    o, g = agent.inputs(batch.observation, batch.achieved_goal, batch.desired_goal)
    pi = agent.main.pi(o, g)
    return {"pi": pi, "Q_pi": agent.main.Q(o, g, pi)[0], "Q": agent.main.Q(o, g, batch.action)[0]}


def test_normalizers_and_networks_give_the_golden_numbers(agent, golden):
    for name, stats in (("o", agent.o_stats), ("g", agent.g_stats)):
        assert_near(stats.mean, golden[f"norm/{name}_mean"])
        assert_near(stats.std, golden[f"norm/{name}_std"])
    for name, value in networks_outputs(agent, golden).items():
        assert_near(value, golden[f"out/{name}"])


def test_numpy_policy_gives_the_golden_outputs(agent, golden):
    batch = batch_of(golden)
    for which, prefix in (("main", ""), ("target", "target_")):
        policy = agent.policy(which)
        observation = batch.observation if prefix == "" else batch.next_observation
        inputs = policy.inputs(dict(zip(GOAL_KEYS, (observation, *batch[1:3]), strict=True)))
        pi = policy.output(inputs)
        assert_near(pi, golden[f"out/{prefix}pi"])
        assert_near(action_values(policy, inputs, pi), golden[f"out/{prefix}Q_pi"][:, 0])


@pytest.mark.parametrize("reward, expected", [("batch/r", "out/target"), ("clip/r", "clip/target")])
def test_bellman_target_is_golden_and_clipped_at_both_ends(agent, golden, reward, expected):
    low, high = agent.config.return_bounds(50)
    r = golden[reward].reshape(-1, 1).astype(np.float32)
    target = losses.bellman_target(r, golden["out/target_Q_pi"], agent.config.discount(50), low, high)
    assert_near(target, golden[expected])
    assert (low, high) == (pytest.approx(-50), 0)


def test_losses_and_gradients_are_golden(agent, golden):
    gradients, metrics = agent.gradients(Transitions(*map(tf.constant, batch_of(golden))))
    n = len(agent.main.critic_weights)
    for loss, name, own in (("critic", "Q", gradients[:n]), ("actor", "pi", gradients[n:])):
        assert_near(metrics[f"loss/{loss}"], golden[f"out/{name}_loss"])
        assert_near(np.concatenate([np.ravel(x) for x in own]), golden[f"out/{name}_grad"])


@pytest.mark.parametrize("updates", [1, 5])
def test_weights_and_moments_after_updates_are_golden(golden, updates, trained):
    agent, metrics = trained(updates)
    assert_near(metrics["loss/critic"], golden["out/Q_loss_per_update"][:updates].mean())
    for net, adam in (("pi", agent.actor_adam), ("Q", agent.critic_adam)):
        for name, array in agent.networks()[f"main_{net}"].state().items():
            assert_near(array, golden[f"after{updates}/main_{net}/{name}"])
        for moment in ("m", "v"):
            flat = np.concatenate([np.ravel(x) for x in getattr(adam, moment)])
            assert_near(flat, golden[f"after{updates}/adam_{net}_{moment}"])


def test_targets_and_outputs_after_five_updates_and_a_polyak_step_are_golden(golden, trained):
    agent, _ = trained(5)
    agent.end_cycle()
    for net in ("pi", "Q"):
        for name, array in agent.networks()[f"target_{net}"].state().items():
            assert_near(array, golden[f"after5_polyak/target_{net}/{name}"])
    for name, value in networks_outputs(agent, golden).items():
        assert_near(value, golden[f"after5/{name}"])


def test_normalizer_follows_the_golden_rounds():
    golden = load("normalizer.npz")
    normalizer = Normalizer(7, 0.01, Communicator())
    for r in range(5):
        for i in range(int(golden[f"round{r}/n_updates"])):
            normalizer.update(golden[f"round{r}/update{i}"])
        for name in ("sum", "sumsq", "count", "mean", "std"):
            assert_near(np.ravel(getattr(normalizer, name)), np.ravel(golden[f"round{r}/{name}"]))
