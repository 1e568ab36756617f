"""How episodes end: terminated against truncated, the true last observation, and the step after an end."""

import gymnasium
import numpy as np
import pytest


def lonely(env_id, seed, actions):
    """What an environment alone does, one step after the other, reset where an episode has ended.

    Rows of observation, reward, terminated, truncated; the first of each episode has no reward and no end.
    """
    env = gymnasium.make(env_id)
    rows, over = [(env.reset(seed=seed)[0], 0, False, False)], False
    for action in actions:
        if over:
            row = env.reset()[0], 0, False, False
        else:
            row = env.step(4 * action)[:4]  # whose actions are in [-4, 4]
        rows.append(row)
        over = row[2] or row[3]
    return rows


@pytest.mark.parametrize("back_end", ["sync", "async"])
@pytest.mark.parametrize("env_id", ["tests.common.counting:Counting-v0", "tests.common.counting:CountingSuccess-v0"])
def test_each_environment_ends_and_starts_by_itself(env_id, back_end, make):
    num_env = 4 if back_end == "async" else 8
    env = make(env_id, num_env, back_end)
    actions = np.random.default_rng(0).uniform(-1, 1, (40, num_env, 1)).astype(np.float32)
    expected = [lonely(env_id, seed, actions[:, seed]) for seed in range(num_env)]
    first = env.reset()
    for i, rows in enumerate(expected):
        assert {k: x[i].tolist() for k, x in first.items()} == {k: x.tolist() for k, x in rows[0][0].items()}
    kinds = set()
    for t, action in enumerate(actions, start=1):
        step = env.step(env.spec.actions.to_env(action))
        for i, rows in enumerate(expected):
            observation, reward, terminated, truncated = rows[t]
            for key, part in step.observation.items():
                np.testing.assert_array_equal(part[i], observation[key])
            assert step.reward[i] == pytest.approx(reward, abs=1e-6)
            assert (step.terminated[i], step.truncated[i]) == (terminated, truncated)
            assert step.ended[i] == (terminated or truncated)
            if step.success is not None:
                assert step.success[i] == terminated
        assert (step.success is None) == ("Success" not in env_id)
        kinds |= set(zip(step.terminated.tolist(), step.truncated.tolist(), strict=True))
    assert kinds == {(False, False), (True, False), (False, True), (True, True)}


@pytest.mark.parametrize("back_end", ["sync", "async"])
def test_pendulum_is_truncated_and_cart_pole_terminates(back_end, make):
    pendulum = make("Pendulum-v1", 1, back_end)
    pendulum.reset()
    ends = [pendulum.step(np.zeros((1, 1), np.float32)) for _ in range(201)]
    assert [(bool(s.terminated[0]), bool(s.truncated[0])) for s in ends[198:]] == [
        (False, False), (False, True), (False, False)]  # fmt: skip
    cart = make("CartPole-v1", 1, back_end)
    cart.reset()
    step = next(s for s in (cart.step(np.ones(1, int)) for _ in range(15)) if s.ended[0])
    assert step.terminated[0] and not step.truncated[0]
    assert abs(step.observation["observation"][0, 2]) > 0.2095, "the true last observation: the pole has fallen"
    after = cart.step(np.ones(1, int))
    assert np.abs(after.observation["observation"]).max() <= 0.05 and not after.ended[0]


@pytest.mark.parametrize("back_end", ["envpool", "sync", pytest.param("async", marks=pytest.mark.slow)])
def test_after_a_fetch_episode_the_next_step_gives_the_new_episodes_first_observation(back_end, make):
    env, other = make("FetchReach-v4", 2, back_end), make("FetchReach-v4", 2, back_end)
    actions = np.random.default_rng(0).uniform(-1, 1, (50, 2, 4)).astype(np.float32)
    firsts = [env.reset(), other.reset()]
    for t, action in enumerate(actions):
        step, _ = env.step(action), other.step(action)
        assert not step.terminated.any() and step.truncated.tolist() == [t == 49] * 2
        np.testing.assert_array_equal(step.observation["desired_goal"], firsts[0]["desired_goal"])
    assert (np.abs(step.observation["observation"] - firsts[0]["observation"]).max(1) > 0.01).all()
    # The action of the step after the end has no effect.
    step, same = env.step(np.ones((2, 4), np.float32)), other.step(-np.ones((2, 4), np.float32))
    for key, part in step.observation.items():
        np.testing.assert_array_equal(part, same.observation[key])
    assert not step.ended.any()
    assert (np.abs(step.observation["desired_goal"] - firsts[0]["desired_goal"]).max(1) > 1e-3).all()
    np.testing.assert_allclose(step.observation["achieved_goal"], firsts[0]["achieved_goal"], atol=1e-6)
    ended = [bool(env.step(action).ended.any()) for action in actions]
    assert ended == [False] * 49 + [True], "that step does not count as one of the new episode's"


def test_a_reset_starts_new_episodes_in_all_whether_they_had_ended_or_not(make):
    env = make("tests.common.counting:Counting-v0", 8, "sync")
    env.reset()
    ended = np.zeros(8, bool)
    while not ended.any() or ended.all():
        ended = env.step(np.zeros((8, 1), np.float32)).ended
    clock = env.reset()["clock"]
    assert clock.tolist() == [[1, 0]] * 8
    assert env.step(np.zeros((8, 1), np.float32)).observation["clock"].tolist() == [[1, 1]] * 8
