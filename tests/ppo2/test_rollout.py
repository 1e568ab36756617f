"""Rollouts of environments whose episodes end at different steps, and the counts of their episodes."""

import gymnasium
import numpy as np
import pytest

from baselines.common.errors import TrainingError
from baselines.envs import as_vec_env
from baselines.ppo2.estimates import discounted_sums
from baselines.ppo2.rollout import RolloutWorker
from tests.common.counting import LIMIT
from tests.environments import PointReach
from tests.helpers import point_reach
from tests.ppo2.helpers import COUNTING, agent_of, make_constant

KINDS = {"continuous": COUNTING, "discrete": COUNTING.replace("-v0", "Discrete-v0"),
         "success": COUNTING.replace("-v0", "Success-v0")}  # fmt: skip


def seeds_for(epoch, B=3):
    return [100 * epoch + i for i in range(B)]


def start(env_id=COUNTING, back_end="sync", nsteps=25, seed=0, epoch=0):
    """A policy whose actions do not depend on observations, and a worker at the beginning of `epoch`, if any."""
    env = point_reach(3, back_end, env_id)
    agent = agent_of(env.spec, nsteps=nsteps, nminibatches=1)
    make_constant(agent)
    worker = RolloutWorker(env, agent.config, np.random.default_rng(seed), seeds_for)
    if epoch is not None:
        worker.start_epoch(epoch)
    return agent.policy(), worker


def check_row(rollout, t, i):
    """Check row t of environment i: Counting observes the episode, the step and the episode's length."""
    (episode, step, length), (next_episode, next_step, next_length) = rollout.observation[t : t + 2, i]
    if rollout.valid[t, i]:
        assert (next_episode, next_step, next_length) == (episode, step + 1, length)
        action = rollout.action[t, i]  # the environment's own bounds are -4 and 4
        own = action if rollout.action.ndim == 2 else 4 * np.clip(action[0], -1, 1)
        assert rollout.reward[t, i] == pytest.approx(step + 1 + 0.1 * own, rel=1e-5)
        assert rollout.terminated[t, i] == (step + 1 == length)
        assert rollout.ended[t, i] == (step + 1 == min(length, LIMIT))
    else:
        assert step == min(length, LIMIT), "the last observation of an episode"
        assert (next_episode, next_step) == (episode + 1, 0)
        assert rollout.reward[t, i] == rollout.terminated[t, i] == rollout.ended[t, i] == 0


@pytest.mark.parametrize(("kind", "back_end"), [*((kind, "sync") for kind in KINDS), ("continuous", "async")])
def test_each_row_is_a_step_or_the_beginning_of_an_episode(kind, back_end):
    policy, worker = start(KINDS[kind], back_end)
    rollouts = [worker.generate(policy) for _ in range(2)]
    worker.env.close()
    for rollout in rollouts:
        assert rollout.observation.shape == (26, 3, 3) and rollout.observation.dtype == np.float32
        assert rollout.action.shape == ((25, 3) if kind == "discrete" else (25, 3, 1))
        for t, i in np.ndindex(25, 3):
            check_row(rollout, t, i)
        assert (~rollout.valid).any() and rollout.terminated.any() and (rollout.ended & ~rollout.terminated).any()


def test_episodes_go_on_from_rollout_to_rollout():
    policy, worker = start(nsteps=4)
    rollouts = [worker.generate(policy) for _ in range(10)]
    assert rollouts[0].valid[0].all()
    for before, after in zip(rollouts[:-1], rollouts[1:], strict=True):
        np.testing.assert_array_equal(after.observation[0], before.observation[-1])
        np.testing.assert_array_equal(after.valid[0], ~before.ended[-1])
    assert any(r.ended[-1].any() for r in rollouts), "an end in the last row"
    together = [np.concatenate([getattr(r, name) for r in rollouts]) for name in ("reward", "ended", "discounted")]
    expected, _ = discounted_sums(*together[:2], np.zeros(3, np.float32), 0.99)
    np.testing.assert_array_equal(together[2], expected)


def slow_count(rollouts):
    """Return (return, length) of the episodes in the order of their ends, and the number of all steps."""
    finished, steps, totals, lengths = [], 0, [0.0] * 3, [0] * 3
    for rollout in rollouts:
        for t, i in np.ndindex(*rollout.reward.shape):
            if rollout.valid[t, i]:
                steps, lengths[i], totals[i] = steps + 1, lengths[i] + 1, totals[i] + float(rollout.reward[t, i])
            if rollout.ended[t, i]:
                finished.append((totals[i], lengths[i]))
                totals[i], lengths[i] = 0.0, 0
    return finished, steps


@pytest.mark.parametrize("kind", KINDS)
def test_counts_equal_slow_ones(kind):
    policy, worker = start(KINDS[kind], nsteps=7)
    rollouts = [worker.generate(policy) for _ in range(5)]
    finished, steps = slow_count(rollouts)
    assert (worker.steps, worker.episodes) == (steps, len(finished)) and steps < 5 * 7 * 3
    np.testing.assert_allclose([ended[:2] for ended in worker.finished], finished, rtol=1e-5)
    success = [ended[2] for ended in worker.finished]
    if kind == "success":  # at the last step of an episode that no time limit has cut off
        ends = np.concatenate([r.terminated[r.ended] for r in rollouts])
        assert success == ends.tolist() and 0 < ends.mean() < 1
    else:
        assert np.isnan(success).all()


def test_an_epoch_begins_with_new_episodes_of_its_own_seeds_and_forgets_those_that_ended():
    policy, worker = start()
    first = worker.generate(policy)
    episodes, steps = worker.episodes, worker.steps
    worker.start_epoch(0)  # in the middle of it nothing changes
    assert worker.finished and worker.episodes == episodes
    worker.end_epoch()
    assert worker.finished, "the log needs them"
    worker.start_epoch(1)
    assert worker.finished == [] and (worker.episodes, worker.steps) == (episodes, steps)
    second = worker.generate(policy)
    assert second.valid[0].all() and (second.observation[0, :, 1] == 0).all()
    np.testing.assert_array_equal(second.discounted[0], second.reward[0])
    assert (first.observation[:, :, 2] != second.observation[:, :, 2]).any(), "lengths are drawn by the seeds"


@pytest.mark.parametrize("evaluates", [False, True])
def test_episodes_longer_than_an_epoch_go_on_unless_their_environments_also_evaluate(evaluates):
    policy, worker = start(nsteps=1)
    worker._evaluates = evaluates
    rollouts = []
    for epoch in range(24):
        worker.start_epoch(epoch)
        rollouts.append(worker.generate(policy))
        worker.end_epoch()
    begun = [epoch for epoch, rollout in enumerate(rollouts) if (rollout.observation[0, :, 1] == 0).all()]
    if evaluates:
        assert begun == list(range(24)) and worker.episodes == 0
    else:
        ended = [np.any([r.ended for r in rollouts[a:b]], (0, 1)) for a, b in zip(begun, begun[1:], strict=False)]
        assert ended and np.all(ended), "environments are seeded again when each has ended an episode"


@pytest.mark.parametrize("kind", ["continuous", "discrete"])
def test_actions_are_the_policys_draws_by_the_workers_generator(kind):
    policy, worker = start(KINDS[kind], nsteps=5, seed=3)
    rollout, rng = worker.generate(policy), np.random.default_rng(3)
    for t in range(5):
        drawn = policy.sample(policy.normalize(rollout.observation[t]), rng)
        np.testing.assert_array_equal(rollout.action[t], drawn)
    assert kind == "discrete" or np.abs(rollout.action).max() > 1, "not clipped to the bounds of the environment"


def test_a_reward_for_a_step_that_only_begins_an_episode_counts_nothing():
    policy, worker = start()
    real, begins = worker.env.step, [np.zeros(3, bool)]

    def step(action):
        result = real(action)
        reward = np.where(begins[-1], 1e6, result.reward)
        begins.append(result.ended)
        return result._replace(reward=reward)

    worker.env.step = step
    rollout, (_, untouched) = worker.generate(policy), start()
    np.testing.assert_array_equal(rollout.reward, untouched.generate(policy).reward)
    assert (~rollout.valid).any()
    np.testing.assert_array_equal(worker.finished, untouched.finished)


# ---- environments that misbehave ----


def test_nan_ends_training_with_the_environments_number_and_the_step():
    vector = gymnasium.vector.SyncVectorEnv([PointReach, PointReach, lambda: PointReach(fault="nan")])
    env = as_vec_env(vector, lambda num_env: list(range(num_env)))
    agent = agent_of(env.spec, nsteps=5, nminibatches=1)
    worker = RolloutWorker(env, agent.config, np.random.default_rng(0), seeds_for)
    worker.start_epoch(0)
    with pytest.raises(TrainingError, match="environment 2 returned NaN or infinity at step 5 of its episode"):
        worker.generate(agent.policy())
    worker._begin(1)
    real = env.step
    env.step = lambda action: real(action)._replace(reward=np.float32([0, -np.inf, 0]))
    with pytest.raises(TrainingError, match="environment 1 returned NaN or infinity at step 1 of its episode"):
        worker.generate(agent.policy())


# ---- resuming ----


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("rollouts", "epochs"), [(0, 0), (1, 0), (3, 0), (3, 1), (3, 2)])
def test_a_worker_that_restores_a_state_continues_exactly(kind, rollouts, epochs):
    policy, first = start(KINDS[kind], nsteps=7 if epochs == 0 else 2)
    for epoch in range(epochs):
        first.generate(policy)
        first.end_epoch()
        first.start_epoch(epoch + 1)
    for _ in range(rollouts - epochs):
        first.generate(policy)
    _, second = start(KINDS[kind], nsteps=first._config.nsteps, epoch=None)
    state = {name: x.copy() for name, x in first.state().items()}
    second.load_state(state)
    second.start_epoch(epochs)
    second._rng.bit_generator.state = first._rng.bit_generator.state
    for name, x in state.items():
        np.testing.assert_array_equal(second.state()[name], x, err_msg=name)
    for _ in range(2 if epochs == 0 else 8):
        for mine, other in zip(first.generate(policy), second.generate(policy), strict=True):
            np.testing.assert_array_equal(mine, other)
    assert first.finished
    np.testing.assert_array_equal(first.finished, second.finished)
    assert (first.episodes, first.steps) == (second.episodes, second.steps)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("actions", np.zeros((4, 2, 1))), ("actions", np.zeros((4, 3))), ("discounted", np.zeros(2)), ("actions", None),
     ("finished", None), ("discounted", None), ("counts", np.zeros(3)), ("finished", np.zeros((2, 4)))],
)  # fmt: skip
def test_a_state_of_other_environments_is_refused(name, wrong):
    _, worker = start()
    state = {**worker.state(), name: wrong}
    with pytest.raises((KeyError, ValueError)):
        worker.load_state({name: x for name, x in state.items() if x is not None})
