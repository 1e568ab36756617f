"""Whole episodes, of whatever length, and what they say of a policy."""

import ast
import contextlib
import dataclasses

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import SyncVectorEnv
from gymnasium.wrappers import TimeLimit, TransformReward, vector

import baselines
from baselines.common.errors import TrainingError, UserError
from baselines.common.specs import other_task
from baselines.envs import as_vec_env, make_vec_env
from baselines.envs.arguments import NONE
from baselines.policies.evaluation import (
    Episode,
    evaluate_in,
    run_episodes,
    summary,
    task_of_policy,
    wilson_interval,
)
from tests.common.counting import LIMIT, Counting

COUNTING = "tests.common.counting:Counting"
SEEDS = [11, 0, 14, 9, 1, 5, 7, 4]  # of first episodes of 2, 7, 3, 4, 5, 6, 8 and 7 steps, truncated after 6


def made(kind="", num_env=8, back_end="sync"):
    """Environments whose episodes have 2 to 6 steps, closed at the end of the block."""
    return contextlib.closing(make_vec_env(f"{COUNTING}{kind}-v0", num_env, SEEDS[:num_env], back_end))


def of_lengths(*lengths, **how):
    """A vector of one environment for each, whose first episode is so long and whose later ones are endless."""
    makers = [
        lambda length=length: gymnasium.wrappers.TimeLimit(Counting(lengths=(length, *[10**6] * 9), **how), 10**7)
        for length in lengths
    ]
    return contextlib.closing(as_vec_env(SyncVectorEnv(makers), lambda n: list(range(n))))


def act(observation):
    """An action [B, 1] that depends on all that is observed."""
    return np.sin(observation["clock"].sum(1) + observation["length"][:, 0]).astype(np.float32)[:, None]


def alone(seed, **how):
    """The first episode of an environment that is stepped by itself: observations, actions, rewards."""
    env = gymnasium.wrappers.TimeLimit(Counting(**how), LIMIT)
    observed, actions, rewards, over = [env.reset(seed=seed)[0]], [], [], False
    while not over:
        actions.append(act({key: x[None] for key, x in observed[-1].items()})[0])
        observation, reward, terminated, truncated, _ = env.step(actions[-1])
        observed.append(observation)
        rewards.append(reward)
        over = terminated or truncated
    return {key: np.stack([o[key] for o in observed]) for key in observed[0]}, np.stack(actions), rewards


@pytest.mark.parametrize("back_end", ["sync", "async"])
def test_episodes_are_those_of_each_environment_alone_up_to_its_own_end(back_end):
    num_env = 4 if back_end == "async" else 8
    with made(num_env=num_env, back_end=back_end) as env:
        episodes = run_episodes(env, act)
    assert len(episodes) == num_env
    for seed, episode in zip(SEEDS[:num_env], episodes, strict=True):
        observation, action, reward = alone(seed)
        assert episode.observation.keys() == observation.keys()
        for key, column in observation.items():
            np.testing.assert_array_equal(episode.observation[key], column)
        np.testing.assert_array_equal(episode.action, action)
        np.testing.assert_allclose(episode.reward, reward, atol=1e-6)
        assert episode.success is None and episode.final_distance is None
    assert [len(episode.action) for episode in episodes] == [2, 6, 3, 4, 5, 6, 6, 6][:num_env]


def test_an_episode_ends_with_its_true_last_observation_whoever_ends_later():
    lengths, calls = (3, 7, 1, 5), []
    with of_lengths(*lengths) as env:
        episodes = run_episodes(env, lambda observation: calls.append(1) or act(observation))
    assert len(calls) == 7  # as many steps as the longest episode has
    for length, episode in zip(lengths, episodes, strict=True):
        assert episode.action.shape == (length, 1) and episode.reward.shape == (length,)
        assert episode.observation["clock"].tolist() == [[0, t] for t in range(length + 1)]
        assert (episode.observation["length"] == length).all()


def test_a_second_round_starts_new_episodes_in_all():
    with made() as env:
        rounds = [run_episodes(env, act) for _ in range(2)]
    for first, second in zip(*rounds, strict=True):
        # The environments that ended early are some steps into their second episode when the last one ends.
        assert first.observation["clock"][:, 0].max() == 0 < second.observation["clock"][0, 0]
        assert second.observation["clock"][0, 1] == 0
        assert len(np.unique(second.observation["clock"][:, 0])) == 1


@pytest.mark.parametrize("key", ["success", "is_success"])
def test_success_is_that_of_the_last_step(key):
    with of_lengths(2, 4, 9, success_key=key) as env:
        assert [episode.success for episode in run_episodes(env, act)] == [True] * 3


def test_a_truncated_episode_can_fail():
    with made("Success") as env:
        episodes = run_episodes(env, act)
    assert [episode.success for episode in episodes] == [True, False, True, True, True, True, False, False]


def test_discrete_actions_are_whole_numbers():
    with made("Discrete") as env:
        episodes = run_episodes(env, lambda observation: observation["clock"][:, 1].astype(int) % 3)
    for episode in episodes:
        steps = np.arange(len(episode.action))
        assert episode.action.tolist() == (steps % 3).tolist()
        np.testing.assert_allclose(episode.reward, steps + 1 + 0.1 * (steps % 3))


def test_what_is_not_finite_matters_only_until_the_episode_ends():
    def look(observation):
        assert all(np.isfinite(part).all() for part in observation.values())
        return act(observation)

    with of_lengths(2, 6, broken=1) as env:  # from its second episode on, after step 2, the first one observes NaN
        episodes = run_episodes(env, look)
    assert [len(episode.action) for episode in episodes] == [2, 6]
    assert all(np.isfinite(episode.observation["clock"]).all() for episode in episodes)
    with of_lengths(2, 6, broken=0) as env, pytest.raises(TrainingError, match="environment 0 returned NaN .*step 0"):
        run_episodes(env, act)


# ---- what they say ----


class Acts:
    """A policy of a function, without a spec."""

    act = staticmethod(act)


def test_an_evaluation_takes_the_first_episodes_of_full_rounds():
    with made("Success", num_env=3) as env:
        found = evaluate_in(Acts(), env, 5)
    with made("Success", num_env=3) as env:
        played = [episode for _ in range(2) for episode in run_episodes(env, act)][:5]
    returns = [episode.reward.sum() for episode in played]
    assert found == summary(played)
    assert found.episodes == 5
    assert found.mean_return == pytest.approx(np.mean(returns)) and found.std_return == pytest.approx(np.std(returns))
    assert found.mean_length == np.mean([len(episode.reward) for episode in played])
    assert found.success_rate == np.mean([episode.success for episode in played])
    assert found.success_interval == wilson_interval(sum(episode.success for episode in played), 5)
    assert found.mean_final_distance is None


def episode_of(goals=None, success=None, rewards=(1.0,)):
    observation = {"observation": np.zeros((len(rewards) + 1, 1))}
    if goals is not None:
        observation |= {key: np.array(rows, np.float32) for key, rows in goals.items()}
    return Episode(observation, np.zeros((len(rewards), 1)), np.array(rewards), success, False)


def test_the_final_distance_is_that_of_the_last_goals_and_without_goals_there_is_none():
    near = {"achieved_goal": [[0, 0], [3, 4]], "desired_goal": [[9, 9], [0, 0]]}
    far = {"achieved_goal": [[0, 0], [0, 9]], "desired_goal": [[9, 9], [0, 0]]}
    found = summary([episode_of(near, True), episode_of(far, False)])
    assert (found.mean_final_distance, found.success_rate) == (7, 0.5)
    found = summary([episode_of(rewards=(1.0, 2.0)), episode_of(rewards=(4.0,))])
    assert (found.success_rate, found.success_interval, found.mean_final_distance) == (None, None, None)
    assert (found.episodes, found.mean_return, found.std_return, found.mean_length) == (2, 3.5, 0.5, 1.5)


@pytest.mark.parametrize(
    "successes, n, low, high",  # Wilson's interval, of tables
    [(0, 10, 0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1), (81, 263, 0.2553, 0.3662), (1, 1, 0.2065, 1)],
)
def test_the_interval_is_wilsons(successes, n, low, high):
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=5e-5)


# ---- what a policy was trained on ----


def tall(model=None):
    """CartPole with an argument that no file can hold."""
    return gymnasium.make("CartPole-v1")


MADE = {
    "as it is": (lambda: gymnasium.make("CartPole-v1", render_mode="rgb_array"), "", ""),
    "argument": (lambda: gymnasium.make("CartPole-v1", sutton_barto_reward=True), "{'sutton_barto_reward': True}", ""),
    "vector": (lambda: gymnasium.make_vec("CartPole-v1", 2, vectorization_mode="sync", sutton_barto_reward=True),
               "{'sutton_barto_reward': True}", ""),
    "object": (lambda: gymnasium.make("Tall-v0", model=np.zeros(2)), "", "the argument model"),
    "wrappers": (lambda: TransformReward(TimeLimit(gymnasium.make("CartPole-v1"), 9), abs), "",
                 "the wrapper TransformReward"),
    "wrapper of a vector": (lambda: vector.TransformReward(gymnasium.make_vec("CartPole-v1", 2), abs), "",
                            "the wrapper TransformReward"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "env_kwargs", "left_out"), MADE.values(), ids=MADE)
def test_a_policy_knows_how_its_environment_was_made_or_that_it_does_not(make, env_kwargs, left_out, monkeypatch):
    monkeypatch.setitem(gymnasium.registry, "Tall-v0", EnvSpec("Tall-v0", tall, max_episode_steps=9))
    env = as_vec_env(make(), lambda n: list(range(n)))
    env.close()
    assert (env.spec.env_kwargs, env.spec.left_out) == (env_kwargs, left_out)
    if left_out:
        with pytest.raises(UserError, match=f"with {left_out}, which .* pass env='{env.spec.env_id}"):
            task_of_policy(env.spec, None, NONE)
    else:
        assert task_of_policy(env.spec, None, NONE)[1].kwargs == ast.literal_eval(env_kwargs or "{}")
        same_name = task_of_policy(env.spec, "my.module:CartPole-v1", NONE)
        assert same_name[0] == "my.module:CartPole-v1" and same_name[1].text() == env_kwargs
    assert task_of_policy(env.spec, "Other-v0", NONE) == ("Other-v0", NONE)
    other = dataclasses.replace(env.spec, env_kwargs="{'a': 1}", left_out="")
    assert ["not with {'a': 1}" in line for line in other_task("it", env.spec, other)] == [True]


def test_an_environment_without_a_name_must_be_passed_again():
    env = as_vec_env(TimeLimit(Counting(), 9), lambda n: list(range(n)))
    with pytest.raises(UserError, match="made without a name: pass it as env"):
        task_of_policy(env.spec, None, NONE)


@pytest.mark.parametrize(
    ("policy", "arguments", "message"),
    [("reach", {}, "expected a policy, from agent.policy"), (None, dict(episodes=0), "episodes: expected 1 to"),
     (None, dict(episodes=2.5), "episodes: expected a whole number"), (None, dict(num_env=0), "num_env: expected 1 to"),
     (None, dict(seed=-1), "seed: expected"), (None, dict(vec_env="threads"), "vec_env: expected one of"),
     (None, dict(env_kwargs="=3"), "env_kwargs==3: expected NAME=VALUE"), (None, dict(env=5), "expected a name")],
)  # fmt: skip
def test_python_checks_what_the_command_checks(policy, arguments, message):
    acting = policy or type("Still", (), {"act": lambda self, observation: 0})()
    with pytest.raises(UserError, match=message):
        baselines.evaluate_policy(acting, **{"env": "CartPole-v1", **arguments})
