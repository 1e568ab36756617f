"""The effector that is found in the observation, the model of what actions do to it, and the guide that uses both."""

import numpy as np
import pytest

import baselines
from baselines.common.mpi import Communicator
from baselines.her.effector import find_effector, fit_effect
from baselines.her.experiment.config import HERConfig
from baselines.her.guide import FittedReacher
from baselines.her.replay_buffer import ReplayBuffer
from baselines.her.types import Episodes
from tests.helpers import POINT_PUSH_ID, TINY_SETTINGS, goal_spec

SPEC = goal_spec("push", observation=7, goal=2, action=3, horizon=30)
AT = slice(3, 5)  # where the observation has the effector; 5:7 are the object, 0:3 something else
EFFECT = np.array([[0.05, 0.0, 0.0], [0.01, 0.04, 0.0]])  # of three actions on the effector's place, [g, u]


def episodes_of(rng, count=60, carries=True, drifts=False):
    """Random actions; the object moves along while the effector is within 0.15 of it."""
    played = Episodes.zeros(SPEC, count)
    hand, thing = rng.uniform(-0.5, 0.5, (2, count, 2))
    played.desired_goal[:] = rng.uniform(-1, 1, (count, 1, 2))
    held = rng.uniform(-1, 1, (count, SPEC.horizon // 5, 3)).repeat(5, axis=1)
    for t in range(SPEC.horizon + 1):
        played.observation[:, t] = np.concatenate([rng.normal(size=(count, 3)), hand, thing], 1)
        played.achieved_goal[:, t] = thing
        if t < SPEC.horizon:
            played.action[:, t] = held[:, t]
            change = held[:, t] @ EFFECT.T
            near = np.linalg.norm(hand - thing, axis=1, keepdims=True) < 0.15
            hand = hand + change + 0.001 * rng.normal(size=hand.shape)
            thing = thing + (carries & near) * change + (0.02 if drifts else 0)
    return played


def test_the_effect_of_actions_is_fitted():
    effect = fit_effect(episodes_of(np.random.default_rng(0)), AT)
    np.testing.assert_allclose(effect.B, EFFECT, atol=0.002)
    assert (effect.explained > 0.95).all() and np.abs(effect.C).max() < 0.002
    assert (fit_effect(episodes_of(np.random.default_rng(0)), slice(0, 2)).explained < 0.05).all()


def test_steps_after_an_episodes_end_are_not_fitted():
    played = episodes_of(np.random.default_rng(0))
    shorter = played._replace(length=np.full(60, 12, np.int32))
    shorter.observation[:, 13:] = 100
    np.testing.assert_allclose(fit_effect(shorter, AT).B, EFFECT, atol=0.003)


def test_the_effector_is_the_block_that_is_near_the_goal_when_that_begins_to_move():
    found = find_effector(episodes_of(np.random.default_rng(0)))
    assert found.certain and found.entries == AT
    assert found.reason.startswith("to the object with observation[3:5], which is 0.1")


@pytest.mark.parametrize("scene", [dict(carries=False), dict(count=3)], ids=["it never moves", "too few episodes"])
def test_until_the_goal_was_seen_to_move_the_nearest_entries_that_actions_move_are_guessed(scene):
    found = find_effector(episodes_of(np.random.default_rng(0), **scene))
    assert not found.certain and found.entries == AT and "observation[3:5] for now" in found.reason


def test_velocities_are_not_the_effector_because_an_actions_effect_on_them_does_not_last():
    played = episodes_of(np.random.default_rng(0), carries=False)
    hand = played.observation[:, :, AT]
    played.observation[:, 1:, :2] = played.achieved_goal[:, 1:] + np.diff(hand, axis=1)  # nearest of all, but quick
    assert find_effector(played).entries == AT


def test_episodes_of_one_step_show_no_effector():
    found = find_effector(Episodes.zeros(goal_spec("short", observation=7, goal=2, action=3, horizon=1), 4))
    assert found.entries == slice(0, 0) and not found.certain


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda played, rng: None, "the achieved goal moves in 100% of the steps anyway"),
        (lambda played, rng: played.action.__setitem__(..., rng.uniform(-1, 1, played.action.shape)),
         "actions move no part of the observation that is as long as a goal"),
        (lambda played, rng: played.observation.__setitem__((..., slice(0, 2)), played.observation[:, :, AT] + 0.01),
         "no effector stands out (the best is observation["),
    ],
    ids=["it moves by itself", "actions explain nothing", "two are as near"],
)  # fmt: skip
def test_no_effector_is_named_where_none_is_wanted_or_stands_out(change, reason):
    rng = np.random.default_rng(0)
    played = episodes_of(rng, drifts="anyway" in reason)
    change(played, rng)
    found = find_effector(played)
    assert found.certain and found.entries == slice(0, 0) and reason in found.reason


@pytest.fixture
def trained():
    """A guide that has seen 60 episodes, and the lines that it logged."""
    said, config, rng = [], HERConfig(guide="auto", guide_eps=1), np.random.default_rng(0)
    guide, action = FittedReacher(config, SPEC, 4, Communicator(), said.append), np.full((500, 3), 0.3)
    unguided = guide(action, observed(np.random.default_rng(1)), 0 * action, np.random.default_rng(1))
    np.testing.assert_array_equal(unguided, action)  # it has found no effector yet
    buffer = ReplayBuffer(SPEC, config, 10**5, lambda *goals: np.zeros(len(goals[0])), rng)
    played = episodes_of(rng)
    buffer.store(played)
    guide.train(buffer, played)
    return guide, buffer, said


def observed(rng, count=500):
    seen = rng.uniform(-1, 1, (count, 7))
    return {"observation": seen, "achieved_goal": seen[:, 5:], "desired_goal": seen[:, 5:]}


def test_the_guide_leads_to_the_object_and_leaves_what_moves_nothing_to_the_policy(trained):
    guide, _, said = trained
    assert said == [f"guide: {find_effector(episodes_of(np.random.default_rng(0))).reason}"]
    rng, action = np.random.default_rng(1), np.full((500, 3), 0.3)
    observation = observed(rng)
    guided = guide(action, observation, 0 * action, rng)
    offset = observation["achieved_goal"] - observation["observation"][:, AT]
    assert np.abs(guided).max() <= 1 and (guided[:, 2] == 0.3).all(), "the third action moves nothing, as fingers do"
    away = np.linalg.norm(offset, axis=1) > np.linalg.norm(EFFECT[:, 0])  # as far as one action moves the effector
    assert 0.9 < away.mean() < 1 and (guided[~away] == 0.3).all()
    change = guided @ EFFECT.T
    assert (np.sum(change * offset, 1)[away] > 0).mean() > 0.95


def test_the_environments_guides_differ_in_speed(trained):
    guide, _, _ = trained
    guide.NOISE = 0.0
    far = {key: np.zeros((4, size)) for key, size in (("observation", 7), ("achieved_goal", 2))}
    far["achieved_goal"][:] = 1e6 * EFFECT[:, 0]
    guided = guide(np.zeros((4, 3)), far, np.zeros((4, 3)), np.random.default_rng(0))
    np.testing.assert_allclose(np.abs(guided[:, 0]), [0.3875, 0.5625, 0.7375, 0.9125])


def test_the_guides_state_comes_back(trained):
    guide, buffer, _ = trained
    other = FittedReacher(guide.config, SPEC, 4, Communicator(), print)
    other.load_state(guide.state())
    action, observation = np.zeros((500, 3)), observed(np.random.default_rng(2))
    same = [g(action, observation, action, np.random.default_rng(3)) for g in (guide, other)]
    np.testing.assert_array_equal(*same)
    assert buffer.latest(3).num_steps == 3 * SPEC.horizon
    with pytest.raises(ValueError, match="another environment"):
        FittedReacher(guide.config, goal_spec("other", 7, 2, 4, 30), 4, Communicator(), print).load_state(guide.state())


class Recorder(Communicator):
    """Keeps what rank 0 sends, or hands it to another rank."""

    def __init__(self, sent, rank):
        self.sent, self.rank = sent, rank

    def broadcast(self, x):
        if self.rank == 0:
            self.sent.append(x)
        return x if self.rank == 0 else self.sent.pop(0)


def test_all_workers_follow_the_decision_and_the_model_of_rank_0():
    config, sent, guides = HERConfig(guide="auto"), [], []
    for rank in range(2):
        guides.append(FittedReacher(config, SPEC, 4, Recorder(sent, rank), lambda line: None))
        rng = np.random.default_rng(rank)
        buffer = ReplayBuffer(SPEC, config, 10**5, lambda *goals: np.zeros(len(goals[0])), rng)
        played = episodes_of(rng, drifts=rank == 1)  # rank 1 would guide nothing
        buffer.store(played)
        guides[rank].train(buffer, played)
    states = [guide.state() for guide in guides]
    assert states[0]["decision"].tolist() == states[1]["decision"].tolist() == [1, 3, 5]
    np.testing.assert_array_equal(states[0]["B"], states[1]["B"])


def test_a_run_finds_the_effector_of_a_task_and_says_so(eagerly, capsys):
    baselines.train(env=POINT_PUSH_ID, guide="auto", num_env=8, vec_env="sync", n_epochs=2, random_hold=5, seed=0,
                    **{**TINY_SETTINGS, "n_cycles": 4})  # fmt: skip
    assert "guide: to the object with observation[0:2], which is" in capsys.readouterr().out
