"""Episodes that end by themselves: what follows the end is not bootstrapped, unless `terminated_value` says so."""

import gymnasium
import numpy as np
import pytest

import baselines
from baselines import play
from baselines.common.mpi import Communicator
from baselines.envs import as_vec_env, make_vec_env
from baselines.her.checks import reward_offset, terminal_values
from baselines.her.ddpg import DDPG
from baselines.her.demonstrations import read_demonstrations
from baselines.her.experiment.config import HERConfig
from baselines.her.replay_buffer import ReplayBuffer
from tests.helpers import TINY_SETTINGS, goal_spec, play_episodes
from tests.her.measures import make_constant, stacked, transitions
from tests.her.tasks import ENDING_ID, Ending


def of(*lasts, limit=10):
    makers = [lambda n=n: gymnasium.wrappers.TimeLimit(Ending(n), limit) for n in lasts]
    return as_vec_env(gymnasium.vector.SyncVectorEnv(makers), lambda n: list(range(n)))


def away(observation):
    return -0.1 * np.sign(observation["desired_goal"] - observation["achieved_goal"])


def test_only_the_last_step_of_an_episode_that_terminated_is_an_end():
    env = of(4, 99, 10, 7)
    episodes = play_episodes(env, away)
    assert episodes.length.tolist() == [4, 10, 10, 7]
    assert episodes.terminated.tolist() == [True, False, True, True]  # the third at its time limit, too
    buffer = ReplayBuffer(env.spec, HERConfig(), 1000, env.compute_reward, np.random.default_rng(0))
    buffer.store(episodes)
    batch = buffer.sample(1, 2000)
    last = [episodes.observation[i, episodes.length[i]] for i in (0, 2, 3)]
    is_last = np.array([[any((o == end).all() for end in last) for o in batch.next_observation[0]]])
    np.testing.assert_array_equal(batch.terminated, is_last)
    assert 0.02 < batch.terminated.mean() < 0.3


@pytest.mark.parametrize(
    ("settings", "terminal", "target"),
    [
        ({}, (0, 0), -1),
        ({}, (-5, -5), -1 - 0.9 * 5),
        (dict(terminated_value="bootstrap"), (-5, -5), -1 - 0.9 * 6),
        (dict(terminated_value="by_success"), (-10, 0), -10),
    ],
    ids=str,
)
def test_the_target_of_an_end_is_the_reward_and_what_an_end_is_worth(settings, terminal, target, eagerly):
    """Q' is -6, the main Q 0 (the discount 0.9): the loss is the squared target."""
    config = HERConfig(gamma=0.9, hidden=4, layers=1, **settings)
    agent = DDPG(goal_spec(), config, np.random.default_rng(0), Communicator(), terminal)
    batch, bootstrapped = transitions(agent, reward=-1), (-1 - 0.9 * 6) ** 2
    for ends in (4, 1, 0):
        make_constant(agent, target_Q=-6.0)
        marked = stacked(batch._replace(terminated=np.arange(4) < ends))
        expected = (ends * target**2 + (4 - ends) * bootstrapped) / 4
        assert agent.train(marked)["loss/critic"] == pytest.approx(expected, rel=1e-5)


def test_an_end_is_worth_what_a_constant_less_at_every_step_makes_of_it():
    def value(pay, **settings):
        env = as_vec_env(gymnasium.wrappers.TimeLimit(Ending(pay=pay), 10), lambda n: [0] * n)
        config = HERConfig(gamma=0.9, **settings)
        return terminal_values(config, reward_offset(config, env.compute_reward), 10)

    assert value(0.0) == (0, 0) and value(1.0) == pytest.approx((-10, -10)) and value(-3.0) == pytest.approx((30, 30))
    assert value(1.0, clip_return=False) == (0, 0)
    assert value(1.0, terminated_value="by_success") == pytest.approx((-10, 0))


def test_by_success_an_end_is_worth_nothing_more_only_where_the_goal_was_reached(eagerly):
    config = HERConfig(gamma=0.9, hidden=4, layers=1, terminated_value="by_success")
    agent = DDPG(goal_spec(), config, np.random.default_rng(0), Communicator(), (-10.0, 0.0))
    batch = transitions(agent, reward=-1)
    make_constant(agent, target_Q=-6.0)
    marked = batch._replace(
        terminated=np.array([True, True, False, False]), success=np.array([True, False, True, False])
    )
    expected = np.mean([1, 10**2, (1 + 0.9 * 6) ** 2, (1 + 0.9 * 6) ** 2])
    assert agent.train(stacked(marked))["loss/critic"] == pytest.approx(expected, rel=1e-5)


def test_demonstrations_keep_ends(cwd, eagerly):
    baselines.train(env=ENDING_ID, env_kwargs={"lasts": 5}, n_epochs=1, seed=0, save_path="saved", **TINY_SETTINGS)
    play.main(["--load_path=saved", f"--env={ENDING_ID}", "--env_kwargs=lasts=5", "--episodes=2",
               "--record_demos=demos.npz", "--keep_failures"])  # fmt: skip
    env = make_vec_env(ENDING_ID, 1, [0], "sync")
    recorded = read_demonstrations("demos.npz", env.spec)
    assert recorded.terminated.tolist() == [True, True] and recorded.length.tolist() == [5, 5]
