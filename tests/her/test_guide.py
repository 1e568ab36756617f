"""Guides: when they act, and the small agent that learns to reach the object."""

import dataclasses
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest

from baselines.common.mpi import Communicator
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.exploration import Exploration, GaussianNoise, HeldRandomActions
from baselines.her.guide import AWAY, REACHED, LearnedReacher
from baselines.her.replay_buffer import ReplayBuffer
from baselines.her.rollout import RolloutWorker
from baselines.her.types import Episodes, Transitions
from tests.helpers import POINT_PUSH_ID, TINY, goal_spec, point_reach, refused
from tests.her.scenes import StraightReacher, fetch_scene, plane_scene

POINT_PUSH = f"--env={POINT_PUSH_ID}"
SPEC = goal_spec("any", observation=6, goal=2, action=3, horizon=10)
AT = slice(2, 4)  # where an observation has the effector


def make_reacher(spec=SPEC, rng=None, n_batches=10, **settings):
    config = HERConfig(relay_effector="2:4", **settings).for_env(spec)
    reacher = LearnedReacher(spec, config, np.random.default_rng(0), rng or np.random.default_rng(0), Communicator())
    reacher.config = dataclasses.replace(reacher.config, n_batches=n_batches)  # fewer take less time
    return reacher


# ---- how guides act ----


@pytest.mark.parametrize(
    ("guide", "scene", "size", "moved"),
    [(lambda **s: StraightReacher(HERConfig(**s)), fetch_scene, 4, 3), (make_reacher, plane_scene, 3, 3)],
    ids=["straight", "learned"],
)
@pytest.mark.parametrize("eps", [0, 0.3, 1])
def test_a_guide_acts_with_probability_guide_eps_while_away_from_the_object_and_never_near_it(
    guide, scene, size, moved, eps
):
    observation, action = scene(np.random.default_rng(0), 20000, spread=0.05), np.full((20000, size), 0.123)
    guided = guide(guide_eps=eps, max_u=0.5)(action, observation, 0 * action, np.random.default_rng(1))
    changed, effector = guided != action, observation["observation"][:, slice(0, 3) if size == 4 else AT]
    away = np.linalg.norm(observation["achieved_goal"] - effector, axis=1) > AWAY
    assert 0.6 < away.mean() < 0.95 and not changed[~away].any()
    assert changed[away, :moved].all(1).mean() == pytest.approx(eps, abs=0.015)
    assert not changed[:, moved:].any(), "of Fetch the fingers do what they would have done"
    assert np.abs(guided).max() <= 0.5


def test_near_the_object_noise_and_held_actions_are_those_of_no_guide():
    config, observation = HERConfig(random_hold=5, guide_eps=1), fetch_scene(np.random.default_rng(1), 100, 0.03)
    parts = {"noise": GaussianNoise(config), "held": HeldRandomActions(config, 100, 4)}
    without = Exploration(parts, np.random.default_rng(0))(np.zeros((100, 4)), observation)
    parts |= {"held": HeldRandomActions(config, 100, 4), "guide": StraightReacher(config)}
    guided = Exploration(parts, np.random.default_rng(0))(np.zeros((100, 4)), observation)
    near = np.linalg.norm(observation["achieved_goal"] - observation["observation"][:, :3], axis=1) <= AWAY
    assert 10 < near.sum() < 90
    np.testing.assert_array_equal(guided[near], without[near])
    assert (guided[~near] != without[~near]).any(1).all()


def test_the_learned_reacher_is_shown_where_the_object_is_and_not_where_it_should_go():
    reacher, rng = make_reacher(noise_eps=0), np.random.default_rng(0)
    observation, action, acts = plane_scene(rng, 50), np.zeros((50, 3)), {}
    for name in ("nothing", "achieved_goal", "desired_goal"):
        other = {**observation, name: rng.uniform(-1, 1, (50, 2))}
        acts[name] = reacher.reach(action, other, np.random.default_rng(1))
    np.testing.assert_array_equal(acts["desired_goal"], acts["nothing"])
    # To normalizers that have seen nothing all numbers are large, and only their signs matter.
    assert (acts["achieved_goal"] != acts["nothing"]).any(1).mean() > 0.5


# ---- what the learned reacher learns ----


@pytest.mark.slow
def test_it_learns_to_bring_the_effector_to_the_object():
    env = point_reach(8, name=POINT_PUSH_ID)
    settings = dict(hidden=8, layers=1, relay_effector="0:2", guide_eps=1, noise_eps=0.1, relative_goals=True)
    config, rng = HERConfig(**settings).for_env(env.spec), np.random.default_rng(0)
    reacher = LearnedReacher(env.spec, config, rng, rng, Communicator())
    parts = {"noise": GaussianNoise(config), "held": HeldRandomActions(config, 8, 2), "guide": reacher}
    worker = RolloutWorker(env, Exploration(parts, rng), lambda epoch: list(range(8)))
    buffer, near = ReplayBuffer(env.spec, config, 10**5, env.compute_reward, rng), []
    policy = DDPG(env.spec, config, rng, Communicator()).policy()  # which knows nothing, and does not learn
    for _ in range(30):
        episodes = worker.generate(policy)
        buffer.store(episodes)
        reacher.train(buffer, episodes)
        way = episodes.achieved_goal - episodes.observation[..., :2]
        near.append((np.linalg.norm(way, axis=2) < 0.2).mean())
    assert np.mean(near[:5]) < 0.2 and np.mean(near[-5:]) > 0.6, near


def random_episodes(lengths, seed=0):
    """Return episodes of numbers that are all different, and NaN after an episode's end."""
    rng, episodes = np.random.default_rng(seed), Episodes.zeros(SPEC, len(lengths))
    for name in ("observation", "achieved_goal", "desired_goal", "action"):
        column = getattr(episodes, name)
        column[:] = rng.uniform(-0.1, 0.1, column.shape)
    for i, length in enumerate(lengths):
        episodes.observation[i, length + 1 :] = episodes.achieved_goal[i, length + 1 :] = np.nan
        episodes.length[i] = length
    return episodes


def given_to_the_agent(reacher, stored, latest):
    """Return what the small agent and its normalizers are given by `reacher.train`, [N, ...] each, and the agent."""
    seen = {}
    with (
        mock.patch.object(DDPG, "train", lambda agent, batches: seen.update(agent=agent, batches=batches)),
        mock.patch.object(DDPG, "update_normalizers", lambda agent, batch: seen.update(normalized=batch)),
    ):
        reacher.train(SimpleNamespace(episodes=stored.ragged()), latest)
    return Transitions(*(x.reshape(-1, *x.shape[2:]) for x in seen["batches"])), seen["normalized"], seen["agent"]


def slow_check(batch, *known):
    """Check one transition at a time: where it comes from, what its goal and its reward should be.

    Return for each the number of the episode and whether its goal is a later place of the effector.
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
        assert batch.reward[i] == (0 if missed <= 0.05 else -1)
        found.append((number, later))
    return np.array(found).T


def test_it_learns_from_all_that_is_stored_to_bring_the_effector_where_the_object_is_or_where_it_went(eagerly):
    older, latest = random_episodes([10, 4], seed=1), random_episodes([10, 1, 6], seed=2)
    batches, normalized, _ = given_to_the_agent(
        make_reacher(replay_k=3), Episodes(*map(np.concatenate, zip(older, latest, strict=True))), latest
    )
    numbers, later = slow_check(batches, older, latest)
    assert set(numbers) == {0, 1, 2, 3, 4}
    assert later.mean() == pytest.approx(0.75, abs=0.02), "replay_k of 3 + 1"
    assert 0.1 < (batches.reward == 0).mean() < 0.9, "the case should have both rewards"
    assert len(normalized.reward) == latest.num_steps == 17, "normalizers learn only from the latest episodes"
    slow_check(normalized, latest)


def test_the_reacher_relabels_and_does_not_clone_whatever_the_main_agent_does(eagerly):
    reacher = make_reacher(replay_strategy="none", demo_file="demos.npz", batch_size=4, demo_batch_size=3,
                           n_critics=3, layer_norm=True)  # fmt: skip
    episodes = random_episodes([10, 10])
    batches, _, agent = given_to_the_agent(reacher, episodes, episodes)
    assert not agent.config.bc_loss and agent.config.demo_rows == 0 and len(agent.main.critics) == 1
    at_objects = np.isin(batches.desired_goal, episodes.achieved_goal).all(-1)
    assert 0.1 < at_objects.mean() < 0.5, "most goals are relabelled"
    assert REACHED == 0.05 and AWAY == 0.03


# ---- to continue exactly ----


def test_a_restored_reacher_continues_exactly(eagerly):
    episodes, scenes = random_episodes([10, 3, 8]), plane_scene(np.random.default_rng(5), 30)

    def go_on(reacher):
        acts = [reacher.reach(np.zeros((30, 3)), scenes, np.random.default_rng(6))]
        reacher.train(SimpleNamespace(episodes=episodes.ragged()), episodes)
        return [*acts, reacher.reach(np.zeros((30, 3)), scenes, np.random.default_rng(6))]

    rng = np.random.default_rng(3)
    first = make_reacher(rng=rng, n_batches=3)
    first.train(SimpleNamespace(episodes=episodes.ragged()), episodes)
    state = {name: x.copy() for name, x in Exploration({"guide": first}, rng).state().items()}
    position = rng.bit_generator.state
    expected = go_on(first)
    assert not np.array_equal(*expected), "the case should have something to learn"
    second = make_reacher(rng=rng, n_batches=3)
    second.reach(np.zeros((30, 3)), scenes, np.random.default_rng(6))
    Exploration({"guide": second}, rng).load_state(state)
    rng.bit_generator.state = position
    np.testing.assert_array_equal(go_on(second), expected)
    for name, array in first.state().items():
        np.testing.assert_array_equal(second.state()[name], array, err_msg=name)


def test_the_state_of_a_reacher_of_other_sizes_is_refused():
    state, reacher = make_reacher(goal_spec("any", 7, 2, 3, 10)).state(), make_reacher()
    with pytest.raises(ValueError):
        reacher.load_state(state)
    with pytest.raises(KeyError):
        reacher.load_state({name: x for name, x in reacher.state().items() if name != "main_pi/0_kernel"})


# ---- which guides a task can have ----

FORM = "relay_effector: expected first:end, such as 0:3, got"
EFFECTORS = {
    **{text: f"{FORM} '{text}'" for text in ("x", "0:", ":2", "0-2", "0:2:1", "-2:0", "0.0:2", "0:2 ", "2:2", "2:0")},
    "": FORM, "9999999:9999999": FORM, "2": "expected a word",
    "3:5": "relay_effector=3:5: the observation has only 4 numbers", "4:6": "has only 4 numbers",
    "0:3": "expected 2 entries, as many as a goal has", "0:1": "expected 2 entries",
}  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        *(((POINT_PUSH, f"--relay_effector={text}"), message) for text, message in EFFECTORS.items()),
        ((POINT_PUSH, "--guide=relay"), f"{FORM} None"),
        ((POINT_PUSH, "--guide=relays"), "expected one of none, auto, relay, got 'relays'; nearest: relay"),
    ],
)
def test_a_guide_that_the_task_cannot_have_is_refused(words, message, cwd, capsys):
    assert message in refused(capsys, *words, *TINY)
    for fits in ("0:2", "1:3", "2:4"):
        assert HERConfig(relay_effector=fits).for_env(goal_spec("PointPush-v0", observation=4)).guide == "relay"
