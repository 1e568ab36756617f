"""The guide that learns: a small agent that brings the effector to the object."""

import dataclasses
from unittest import mock

import numpy as np
import pytest

import baselines
from baselines.common.errors import UserError
from baselines.common.mpi import Communicator
from baselines.her.ddpg import DDPG
from baselines.her.episodes import empty_episodes
from baselines.her.experiment.config import HERConfig
from baselines.her.exploration import Exploration
from baselines.her.her import make_buffer
from baselines.her.relay import Relay
from baselines.her.replay_buffer import ReplayBuffer
from baselines.her.rollout import RolloutWorker
from baselines.her.types import GoalEnvSpec, TransitionBatch
from tests.helpers import POINT_PUSH_ID, POINT_REACH, TINY, TINY_SETTINGS, point_reach, refused

POINT_PUSH = f"--env={POINT_PUSH_ID}"
SPEC = GoalEnvSpec("any", observation_size=6, goal_size=2, action_size=3, horizon=10)
AT = slice(2, 4)  # where an observation has the effector


def make_relay(spec=SPEC, rng=None, **settings):
    config = HERConfig(relay_effector="2:4", **settings).for_env(spec.env_spec())
    relay = Relay(spec, config, np.random.default_rng(0), rng or np.random.default_rng(0), Communicator())
    relay.config = dataclasses.replace(relay.config, n_batches=10)  # fewer take less time
    return relay


def random_episodes(lengths, seed=0):
    """Of numbers that are all different, and NaN after an episode's end."""
    rng, B, T = np.random.default_rng(seed), len(lengths), SPEC.horizon
    observation, achieved, desired = (
        rng.uniform(-0.1, 0.1, (B, steps, size)).astype(np.float32) for steps, size in ((T + 1, 6), (T + 1, 2), (T, 2))
    )
    for i, length in enumerate(lengths):
        observation[i, length + 1 :] = achieved[i, length + 1 :] = np.nan
    action = rng.uniform(-1, 1, (B, T, 3)).astype(np.float32)
    columns = dict(observation=observation, achieved_goal=achieved, desired_goal=desired, action=action)
    return empty_episodes(SPEC, B)._replace(**columns, length=np.array(lengths, np.int32))


@pytest.mark.slow
def test_it_learns_to_bring_the_effector_to_the_object():
    env = point_reach(8, name=POINT_PUSH_ID)
    settings = dict(hidden=8, layers=1, relay_effector="0:2", guide_eps=1, noise_eps=0.1, relative_goals=True)
    config, spec, rng = HERConfig(**settings).for_env(env.spec), GoalEnvSpec.of(env.spec), np.random.default_rng(0)
    relay = Relay(spec, config, rng, rng, Communicator())
    worker = RolloutWorker(env, Exploration(config, 8, 2, rng, relay))
    buffer, near = make_buffer(env, config, 10**5, rng), []
    policy = DDPG(spec, config, rng, Communicator()).policy()  # which knows nothing, and does not learn
    for _ in range(30):
        episodes = worker.generate(policy)
        buffer.store(episodes)
        relay.train(buffer, episodes)
        way = episodes.achieved_goal - episodes.observation[..., :2]
        near.append((np.linalg.norm(way, axis=2) < 0.2).mean())
    assert np.mean(near[:5]) < 0.2 and np.mean(near[-5:]) > 0.6, near


# ---- what it learns from ----


@pytest.fixture
def learnt(eagerly):
    """What a relay's agent and its normalizers are given after 2 + 3 episodes, and these."""
    older, latest = random_episodes([10, 4], seed=1), random_episodes([10, 1, 6], seed=2)
    relay = make_relay(relay_distance=0.07, replay_k=3)
    buffer = ReplayBuffer(SPEC, 1000, (0.5, 0.5), lambda *_: None, np.random.default_rng(0))
    for episodes in (older, latest):
        buffer.store(episodes)
    seen = {}
    with (
        mock.patch.object(DDPG, "train", lambda agent, batches: seen.update(batches=batches)),
        mock.patch.object(DDPG, "update_normalizers", lambda agent, batch: seen.update(normalized=batch)),
    ):
        relay.train(buffer, latest)
    flat = [x.reshape(-1, *x.shape[2:]) for x in seen["batches"]]
    return TransitionBatch(*flat), seen["normalized"], older, latest


def slow_check(batch, *known):
    """One transition at a time: where it comes from, and what its goal and its reward should be.

    Returns of each the number of the episode and whether its goal is a later place of the effector.
    """
    origins = {}
    episodes = [(batch_of, row) for batch_of in known for row in range(len(batch_of.length))]
    for number, (of, row) in enumerate(episodes):
        for t in range(of.length[row]):
            origins[of.observation[row, t].tobytes()] = number, t
    found = []
    for i in range(len(batch.reward)):
        number, t = origins[batch.observation[i].tobytes()]
        of, row = episodes[number]
        effector = of.observation[row][:, AT]
        np.testing.assert_array_equal(batch.achieved_goal[i], effector[t])
        np.testing.assert_array_equal(batch.next_achieved_goal[i], effector[t + 1])
        np.testing.assert_array_equal(batch.next_observation[i], of.observation[row, t + 1])
        np.testing.assert_array_equal(batch.action[i], of.action[row, t])
        goal = batch.desired_goal[i]
        at_object = (goal == of.achieved_goal[row, t]).all()
        later = any((goal == effector[when]).all() for when in range(t + 1, of.length[row] + 1))
        assert at_object or later
        missed = sum((a - b) ** 2 for a, b in zip(effector[t + 1], goal, strict=True)) ** 0.5
        assert batch.reward[i] == (0 if missed <= 0.07 else -1)
        found.append((number, later))
    return np.array(found).T


def test_it_learns_of_all_that_is_stored_to_bring_the_effector_where_the_object_is_or_where_it_went(learnt):
    batches, _, older, latest = learnt
    numbers, later = slow_check(batches, older, latest)
    assert set(numbers) == {0, 1, 2, 3, 4}
    assert later.mean() == pytest.approx(0.75, abs=0.02), "replay_k of 3 + 1"
    assert 0.1 < (batches.reward == 0).mean() < 0.9, "the case should have both rewards"


def test_its_normalizers_learn_of_the_latest_episodes_alone(learnt):
    _, normalized, _, latest = learnt
    assert len(normalized.reward) == latest.num_steps == 17
    slow_check(normalized, latest)


def test_what_the_main_agent_clones_or_does_not_relabel_is_nothing_to_the_relay(eagerly):
    relay = make_relay(replay_strategy="none", demo_file="demos.npz", batch_size=4, demo_batch_size=3)
    episodes, seen = random_episodes([10, 10]), []
    buffer = ReplayBuffer(SPEC, 1000, (0, 0), lambda *_: None, np.random.default_rng(0))
    buffer.store(episodes)
    with mock.patch.object(DDPG, "train", lambda agent, batches: seen.append((agent, batches))):
        relay.train(buffer, episodes)
    ((agent, batches),) = seen
    assert not agent.config.bc_loss and agent.config.demo_rows == 0
    at_objects = np.isin(batches.desired_goal, episodes.achieved_goal).all(-1)
    assert 0.1 < at_objects.mean() < 0.5, "most goals are relabelled"


# ---- how it acts ----


def scene(rng, num_env):
    """Observations with the effector anywhere, and objects up to 0.1 away."""
    observation = rng.uniform(-1, 1, (num_env, 6))
    return {
        "observation": observation,
        "achieved_goal": observation[:, AT] + rng.uniform(-0.1, 0.1, (num_env, 2)),
        "desired_goal": rng.uniform(-1, 1, (num_env, 2)),
    }


def test_it_acts_with_probability_guide_eps_while_away_from_the_object_and_never_near_it():
    relay = make_relay(guide_eps=0.3, guide_distance=0.05, max_u=0.5)
    observation, action = scene(np.random.default_rng(0), 20000), np.full((20000, 3), 0.123)
    found = relay(action, observation, np.random.default_rng(1))
    changed = found != action
    way = observation["achieved_goal"] - observation["observation"][:, AT]
    away = np.sqrt((way**2).sum(1)) > 0.05
    assert 0.5 < away.mean() < 0.9 and not changed[~away].any()
    assert changed[away].all(1).mean() == pytest.approx(0.3, abs=0.015), "whole actions, with the fingers"
    assert np.abs(found).max() <= 0.5


def test_it_is_shown_where_the_object_is_and_not_where_it_should_go():
    relay, rng = make_relay(noise_eps=0, guide_eps=1, guide_distance=0), np.random.default_rng(0)
    observation, action = scene(rng, 50), np.zeros((50, 3))
    acts = {}
    for name in ("nothing", "achieved_goal", "desired_goal"):
        other = {**observation, name: rng.uniform(-1, 1, (50, 2))}
        acts[name] = relay(action, other, np.random.default_rng(1))
    np.testing.assert_array_equal(acts["desired_goal"], acts["nothing"])
    # To normalizers that have seen nothing all numbers are large, and only their signs matter.
    assert (acts["achieved_goal"] != acts["nothing"]).any(1).mean() > 0.5


# ---- to continue exactly ----


def test_a_restored_relay_continues_exactly(eagerly):
    episodes, scenes = random_episodes([10, 3, 8]), scene(np.random.default_rng(5), 30)
    buffer = ReplayBuffer(SPEC, 1000, (0.8, 0), lambda *_: None, np.random.default_rng(0))
    buffer.store(episodes)

    def go_on(relay):
        acts = [relay.reach(np.zeros((30, 3)), scenes, np.random.default_rng(6))]
        relay.train(buffer, episodes)
        return [*acts, relay.reach(np.zeros((30, 3)), scenes, np.random.default_rng(6))]

    rng, sampled = np.random.default_rng(3), buffer.rng.bit_generator.state
    first = make_relay(rng=rng)
    explore = Exploration(first.config, 30, 3, np.random.default_rng(0), first)
    first.train(buffer, episodes)
    state = {name: x.copy() for name, x in explore.state().items()}
    position = rng.bit_generator.state
    expected = go_on(first)
    assert not np.array_equal(*expected), "the case should have something to learn"
    assert buffer.rng.bit_generator.state == sampled, "the main agent's numbers are not touched"
    second = make_relay(rng=rng)
    second.reach(np.zeros((30, 3)), scenes, np.random.default_rng(6))
    Exploration(second.config, 30, 3, np.random.default_rng(0), second).load_state(state)
    rng.bit_generator.state = position
    np.testing.assert_array_equal(go_on(second), expected)
    for name, array in first.state().items():
        np.testing.assert_array_equal(second.state()[name], array, err_msg=name)


def test_the_state_of_a_relay_of_other_sizes_is_refused():
    other = GoalEnvSpec("any", observation_size=7, goal_size=2, action_size=3, horizon=10)
    state, relay = make_relay(other).state(), make_relay()
    with pytest.raises(ValueError):
        relay.load_state(state)
    with pytest.raises(KeyError):
        relay.load_state({name: x for name, x in relay.state().items() if name != "main_pi/0_kernel"})


# ---- which effectors there are ----

FORM = "relay_effector: expected first:end, such as 0:3, got"
WRONG = {
    "x": f"{FORM} 'x'", "0:": f"{FORM} '0:'", ":2": f"{FORM} ':2'", "0-2": f"{FORM} '0-2'", "0:2:1": f"{FORM} '0:2:1'",
    "-2:0": f"{FORM} '-2:0'", "0.0:2": f"{FORM} '0.0:2'", "0:2 ": f"{FORM} '0:2 '", "": FORM, "2": "expected a word",
    "9999999:9999999": FORM, "3:5": "relay_effector=3:5: the observation has 4 numbers",
    "4:6": "relay_effector=4:6: the observation has 4 numbers", "2:2": f"{FORM} '2:2'",
    "2:0": f"{FORM} '2:0'", "0:3": "as many numbers as the goal's, 2", "0:1": "as many numbers as the goal's, 2",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_an_effector_that_there_is_not_is_refused(text, cwd, capsys):
    assert WRONG[text] in refused(capsys, POINT_PUSH, *TINY, f"--relay_effector={text}")


@pytest.mark.parametrize("text", ["0:2", "1:3", "2:4"])
def test_an_effector_anywhere_in_the_observation_is_taken(text, untrained):
    baselines.train(env=POINT_PUSH_ID, vec_env="sync", relay_effector=text, n_epochs=1, **TINY_SETTINGS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((POINT_PUSH, "--guide=relay"), f"{FORM} None"),
        ((POINT_PUSH, "--guide=script"), "guide=script moves the gripper of FetchPush, FetchPickAndPlace, FetchSlide"),
        ((POINT_REACH, "--guide=script"), "PointReach-v0 use a learned one: --relay_effector=first:end"),
        (("--env=FetchReach-v1", "--vec_env=sync", "--guide=script"), "for FetchReach-v1 use a learned one"),
        ((POINT_PUSH, "--guide=scripts"), "guide: expected one of none, script, relay, got 'scripts'; nearest: script"),
    ],
)
def test_a_guide_that_the_task_cannot_have_is_refused(words, message, cwd, capsys):
    assert message in refused(capsys, *words, *TINY)


def test_wrong_guides_are_refused_from_python_too():
    for wrong in (dict(relay_effector="0:3"), dict(relay_effector=2), dict(guide="script"), dict(guide="relay")):
        with pytest.raises(UserError, match="relay_effector"):
            baselines.train(env=point_reach(1, name=POINT_PUSH_ID), n_epochs=1, **wrong)
