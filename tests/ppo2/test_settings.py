"""The effect of every setting of PPO, its entry in config.json, and the values that are refused."""

import dataclasses
import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple

import gymnasium
import numpy as np
import pytest

import baselines
from baselines import run
from baselines.common.errors import UserError
from baselines.ppo2 import ppo, train
from baselines.ppo2.config import PPOConfig
from baselines.runs.algorithms import find
from tests.common.counting import Odd
from tests.environments import PointReach
from tests.helpers import POINT_REACH, contents, document, refused
from tests.ppo2.helpers import make_constant, one_step_episodes, record_updates

PPO2 = ("--alg=ppo2", "--seed=0", "--vec_env=sync")


@pytest.fixture
def wired(cwd, monkeypatch):
    """Launch as a user does, but give the parts that `learn` made to a function instead of training with them."""
    signature = inspect.signature(train.train)

    def launch(measure, *words):
        measured, number = [], len(list(cwd.iterdir()))

        def instead(*arguments):
            measured.append(measure(SimpleNamespace(**signature.bind(*arguments).arguments)))

        monkeypatch.setattr(train, "train", instead)
        run.main([*PPO2, POINT_REACH, "--n_epochs=1", f"--log_path=log{number}", *words])
        return measured[0], document(f"log{number}")["config"]

    return launch


# ---- effects of settings ----


def widths(wiring):
    """Units of the hidden layers of the policy, 0, and units of the value's own."""
    networks = wiring.agent.actor_critic
    policy, value = ([len(bias.numpy()) for bias in net.biases[:-1]] for net in (networks.pi, networks.vf))
    return [*policy, 0, *value]


def rows_of_a_rollout(wiring):
    wiring.worker.start_epoch(0)
    return wiring.worker.generate(wiring.agent.policy()).reward.shape


def advantages(wiring):
    """Of two steps with a reward of 1, where all values are 1; and the weight of the first reward in the second sum."""
    agent = wiring.agent
    make_constant(agent, value=1)
    no = np.zeros((2, 1), bool)
    rows = one_step_episodes(agent.spec, 2)._replace(terminated=no, ended=no)
    wiring.worker.start_epoch(0)
    rollout = wiring.worker.generate(agent.policy())
    return [*agent.batch(rows).advantage, float((rollout.discounted[1] - rollout.reward[1])[0] / rollout.reward[0, 0])]


def data_of_updates(wiring, rollout, progress_remaining=1.0):
    """The data of the updates from a rollout; none is made."""
    calls = record_updates(wiring.agent)
    wiring.agent.train(rollout, progress_remaining, np.random.default_rng(0))
    return calls[0]


def shape_of_updates(wiring):
    """How many updates, of how many rows."""
    return tuple(data_of_updates(wiring, one_step_episodes(wiring.agent.spec, 64)).order.shape)


def rates(wiring):
    """Learning rate and clip range where a quarter of the training is still to come."""
    data = data_of_updates(wiring, one_step_episodes(wiring.agent.spec, 64), 0.25)
    return [float(data.learning_rate), float(data.cliprange)]


def gradients(wiring, target):
    """The gradients and metrics of rows whose advantages are equal and whose value is 1 and was 0."""
    agent = wiring.agent
    make_constant(agent, value=1)
    batch = agent.batch(one_step_episodes(agent.spec, 4))
    batch = batch._replace(value=np.zeros(4, np.float32), target=np.full(4, target, np.float32))
    data = ppo.UpdateData(batch, None, np.float32(0), np.float32(agent.config.cliprange))
    return agent.gradients(agent.prepare(data))


def loss_of_a_value(wiring):
    """Of one that is right, but changed from 0 to 1 at once."""
    return float(gradients(wiring, target=1)[1]["loss/value"])


def slope_of_log_std(wiring):
    return gradients(wiring, target=1)[0][-1].numpy().tolist()


def slope_of_a_value(wiring):
    """By its last bias, where the value is 1 too large and was right."""
    return float(gradients(wiring, target=0)[0][-2][0])


def norm_of_a_long_gradient(wiring):
    """Of a gradient with a norm of 100, as Adam takes it: a tenth of it goes into its mean."""
    agent = wiring.agent
    size = np.sqrt(sum(np.size(w) for w in agent.weights))
    agent.apply([np.full(w.shape, 100 / size, np.float32) for w in agent.weights],
                SimpleNamespace(learning_rate=np.float32(0)), 1)  # fmt: skip
    return float(np.sqrt(sum(np.square(m).sum() for m in agent.adam.m))) / 0.1


def normalized(wiring, number):
    """An observation as the networks see it."""
    return float(wiring.agent.policy().normalize(np.full((1, 6), number))[0, 0])


def observation_as_shown(wiring):
    """Of 4, where half of the observations were 0 and half 4."""
    data_of_updates(wiring, one_step_episodes(wiring.agent.spec, 1024, observation=[0.0, 4.0] * 512))
    return normalized(wiring, 4.0)


def reward_as_learnt(wiring):
    """Of 4, where half of the discounted sums were 2 and half -2; values are 0."""
    make_constant(wiring.agent)
    rollout = one_step_episodes(wiring.agent.spec, 1024, reward=4, discounted=[2.0, -2.0] * 512)
    return float(data_of_updates(wiring, rollout).batch.target[0])


def largest_numbers(wiring):
    """An observation and a reward of a million."""
    make_constant(wiring.agent)
    reward = wiring.agent.batch(one_step_episodes(wiring.agent.spec, 2, reward=1e6)).target[0]
    return normalized(wiring, 1e6), float(reward)


def smallest_spread(wiring):
    """An observation and a reward of 0.0001, where all were 0 before."""
    make_constant(wiring.agent)
    rollout = one_step_episodes(wiring.agent.spec, 64, reward=1e-4)
    reward = data_of_updates(wiring, rollout).batch.target[0]
    return normalized(wiring, 1e-4), float(reward)


class Effect(NamedTuple):
    """What a setting does: `measure` returns `default`, and `changed` where the setting has this value."""

    value: object
    measure: Callable
    default: object
    changed: object
    tolerance: float = 1e-4


# Every setting but `network`, which has one value.
EFFECTS = {
    "num_hidden": Effect(16, widths, [64, 64, 0, 64, 64], [16, 16, 0, 16, 16]),
    "num_layers": Effect(1, widths, [64, 64, 0, 64, 64], [64, 0, 64]),
    "value_network": Effect("shared", widths, [64, 64, 0, 64, 64], [64, 64, 0]),
    "nsteps": Effect(96, rows_of_a_rollout, (2048, 1), (96, 1)),
    # Each delta is 1 + gamma - 1.
    "gamma": Effect(0.5, advantages, [0.99 + 0.99 * 0.95 * 0.99, 0.99, 0.99], [0.5 + 0.5 * 0.95 * 0.5, 0.5, 0.5]),
    "lam": Effect(0.5, advantages, [0.99 + 0.99 * 0.95 * 0.99, 0.99, 0.99], [0.99 + 0.99 * 0.5 * 0.99, 0.99, 0.99]),
    "noptepochs": Effect(3, shape_of_updates, (320, 2), (96, 2)),
    "nminibatches": Effect(8, shape_of_updates, (320, 2), (80, 8)),
    "lr": Effect(1e-3, rates, [0.25 * 3e-4, 0.2], [0.25 * 1e-3, 0.2], 1e-6),
    "lr_schedule": Effect("constant", rates, [0.25 * 3e-4, 0.2], [3e-4, 0.2], 1e-6),
    "cliprange": Effect(0.1, rates, [0.25 * 3e-4, 0.2], [0.25 * 3e-4, 0.1], 1e-6),
    "cliprange_schedule": Effect("linear", rates, [0.25 * 3e-4, 0.2], [0.25 * 3e-4, 0.05], 1e-6),
    "clip_value": Effect(False, loss_of_a_value, (0.2 - 1) ** 2 / 2, 0),
    "ent_coef": Effect(0.25, slope_of_log_std, [0, 0], [-0.25, -0.25]),
    "vf_coef": Effect(0.25, slope_of_a_value, 0.5, 0.25),
    "max_grad_norm": Effect(0, norm_of_a_long_gradient, 0.5, 100),
    "n_cycles": Effect(3, lambda wiring: wiring.run.schedule.n_cycles, 10, 3),
    "n_test_episodes": Effect(3, lambda wiring: wiring.test_env.num_env, 10, 3),
    "normalize_observations": Effect(False, observation_as_shown, 1, 4, 0.01),
    "normalize_rewards": Effect(False, reward_as_learnt, 2, 4, 0.01),
    "norm_clip": Effect(5.0, largest_numbers, (10, 10), (5, 5)),
    "norm_eps": Effect(1e-3, smallest_spread, (1, 1), (0.1, 0.1)),
}


def test_the_effect_of_every_setting_is_measured():
    fields = {field.name: field for field in dataclasses.fields(PPOConfig)}
    assert EFFECTS.keys() == fields.keys() - {"network"}
    assert fields["network"].metadata["choices"] == ("mlp",)
    for name, field in fields.items():
        assert field.metadata["meaning"], name
        assert getattr(PPOConfig(**{name: field.default}), name) == field.default


@pytest.mark.parametrize("name", EFFECTS)
def test_a_setting_on_the_command_line_changes_what_it_means(name, wired):
    effect = EFFECTS[name]
    for words, expected in (((), effect.default), ((f"--{name}={effect.value}",), effect.changed)):
        found, written = wired(effect.measure, *words)
        assert found == pytest.approx(expected, rel=effect.tolerance, abs=effect.tolerance)
    assert written == {**PPOConfig().document(), name: effect.value}


# ---- refused values ----


def refused_from_python(message, **arguments):
    """UserError of one line, and no files."""
    before = contents(".")
    with pytest.raises(UserError, match=message) as error:
        baselines.train("ppo2", n_epochs=1, log_path="log", save_path="policies", **arguments)
    assert "\n" not in str(error.value) and contents(".") == before


FOLDERS = ("--log_path=log", "--save_path=policies")


def test_minibatches_that_do_not_divide_a_rollout_are_refused(cwd, capsys):
    words = ["--nminibatches=7", "--nsteps=10", "--num_env=3"]
    message = "nminibatches=7: expected a divisor of nsteps x num_env = 10 x 3 = 30"
    assert message in refused(capsys, *PPO2, POINT_REACH, *words, *FOLDERS)
    refused_from_python(message, env="PointReach-v0", vec_env="sync", num_env=3, nminibatches=7, nsteps=10)
    assert PPOConfig(nminibatches=6, nsteps=10).minibatch_size(3) == 5
    with pytest.raises(UserError, match="at least 2 rows"):
        PPOConfig(nminibatches=30, nsteps=10).minibatch_size(3)


gymnasium.register("OddEndless-v0", Odd)


def test_environments_without_a_time_limit_are_refused(cwd, capsys):
    line = refused(capsys, *PPO2, "--env=OddEndless-v0", *FOLDERS)
    assert "'OddEndless-v0' has no time limit" in line and "TimeLimit" in line
    refused_from_python("has no time limit", env=PointReach())
    baselines.train("ppo2", gymnasium.wrappers.TimeLimit(PointReach(), 5), n_epochs=0)


# ---- presets ----


@pytest.mark.parametrize(
    ("env_id", "expected"),
    [
        ("Pendulum-v1", dict(nsteps=256, gamma=0.9, lr=0.001, lr_schedule="constant")),
        ("CartPole-v1", dict(nsteps=32, nminibatches=1, noptepochs=20, n_cycles=40, normalize_rewards=False)),
    ],
)
def test_the_preset_of_one_process_has_8_environments_and_settings_of_some_tasks(env_id, expected):
    algorithm = find("ppo2")
    config = algorithm.config(env_id, {}, "single")
    assert {name: getattr(config, name) for name in expected} == expected
    assert algorithm.preset("single").num_env == 8
    config.minibatch_size(8)  # raises no error
