"""Every setting of PPO changes what it means, and is written to config.json; and which values are refused."""

import dataclasses
import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple

import gymnasium
import numpy as np
import pytest
import tensorflow as tf

import baselines
from baselines import run
from baselines.common.errors import UserError
from baselines.common.settings import names_of
from baselines.ppo2 import ppo2
from baselines.ppo2.config import PPOConfig
from baselines.ppo2.train import evaluate
from baselines.runs.algorithms import find
from tests.common.counting import ODD as SPACES
from tests.common.counting import Odd
from tests.environments import PointReach
from tests.helpers import POINT_REACH, contents, document, refused
from tests.ppo2.helpers import make_constant, one_step_episodes

PPO2 = ("--alg=ppo2", "--seed=0", "--vec_env=sync")


@pytest.fixture
def wired(cwd, monkeypatch):
    """Launch as a user would, but hand what `learn` has wired together to a function instead of training with it."""
    train = ppo2.train

    def launch(measure, *words):
        measured, number = [], len(list(cwd.iterdir()))

        def instead(*arguments):
            measured.append(measure(SimpleNamespace(**inspect.signature(train).bind(*arguments).arguments)))

        monkeypatch.setattr(ppo2, "train", instead)
        run.main([*PPO2, POINT_REACH, "--n_epochs=1", f"--log_path=log{number}", *words])
        return measured[0], document(f"log{number}")["config"]

    return launch


# ---- what a setting can change ----


def widths(wiring):
    """Units of the hidden layers of the policy, 0, and those of the value's own."""
    policy, value = (
        [len(bias.numpy()) for bias in net.biases[:-1]] for net in (wiring.agent.networks.pi, wiring.agent.networks.vf)
    )
    return [*policy, 0, *value]


def rows_of_a_rollout(wiring):
    wiring.worker.start_epoch(0)
    return wiring.worker.generate(wiring.agent.policy()).reward.shape


def advantages(wiring):
    """Of two steps with a reward of 1, where all values are 1, and how their discounted sums begin in a rollout."""
    agent = wiring.agent
    make_constant(agent, value=1)
    rows = one_step_episodes(agent.spec, 2)._replace(terminated=np.zeros((2, 1), bool), ended=np.zeros((2, 1), bool))
    wiring.worker.start_epoch(0)
    sums = wiring.worker.generate(agent.policy())
    return [*agent.batch(rows).advantage, float((sums.discounted[1] - sums.reward[1])[0] / sums.reward[0, 0])]


def learnt(wiring, rollout, left=1.0):
    """What the updates are given that a rollout leads to; none is made."""
    seen, agent = [], wiring.agent

    def updates(batch, order, *rates):
        seen.append(SimpleNamespace(batch=batch, order=order, rates=[float(rate) for rate in rates]))
        return tf.zeros((order.shape[0], len(agent.of_updates)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agent, "_updates", updates)
        agent.learn_from(rollout, left, np.random.default_rng(0))
    return seen[0]


def shape_of_updates(wiring):
    """How many, of how many rows."""
    return tuple(learnt(wiring, one_step_episodes(wiring.agent.spec, 64)).order.shape)


def rates(wiring):
    """Learning rate and clip range where a quarter of the training is left."""
    return learnt(wiring, one_step_episodes(wiring.agent.spec, 64), left=0.25).rates


def gradients(wiring, target):
    """The gradients and metrics of rows whose advantages are all alike and whose value is 1 and was 0."""
    agent = wiring.agent
    make_constant(agent, value=1)
    batch = agent.batch(one_step_episodes(agent.spec, 4))
    batch = batch._replace(value=np.zeros(4, np.float32), target=np.full(4, target, np.float32))
    return agent.gradients(batch, agent.log_prob(batch), np.float32(agent.config.cliprange))


def loss_of_a_value(wiring):
    """Of one that is right, but came from 0 to 1 at once."""
    return float(gradients(wiring, target=1)[1][1])


def slope_of_log_std(wiring):
    return gradients(wiring, target=1)[0][-1].numpy().tolist()


def slope_of_a_value(wiring):
    """By its last bias, where it is 1 too large and was right."""
    return float(gradients(wiring, target=0)[0][-2][0])


def norm_of_a_long_gradient(wiring):
    """Of a gradient with a norm of 100, as Adam takes it: a tenth of it goes into its mean."""
    agent = wiring.agent
    size = np.sqrt(sum(np.size(w) for w in agent.weights))
    agent.apply([np.full(w.shape, 100 / size, np.float32) for w in agent.weights], np.float32(0))
    return float(np.sqrt(sum(np.square(m).sum() for m in agent.adam.m))) / 0.1


def evaluation_episodes(wiring):
    return evaluate(wiring.agent, wiring.test_env, 0, wiring.run).episodes


def observation_as_shown(wiring):
    """Of 4, where observations were 0 and 4 as often."""
    agent = wiring.agent
    learnt(wiring, one_step_episodes(agent.spec, 1024, observation=[0.0, 4.0] * 512))
    return float(agent.policy().normalize(np.full((1, 6), 4.0))[0, 0])


def reward_as_learnt(wiring):
    """Of 4, where discounted sums were 2 and -2 as often; values are 0."""
    make_constant(wiring.agent)
    rollout = one_step_episodes(wiring.agent.spec, 1024, reward=4, discounted=[2.0, -2.0] * 512)
    return float(learnt(wiring, rollout).batch.target[0])


def largest_numbers(wiring):
    """An observation and a reward of a million."""
    make_constant(wiring.agent)
    reward = wiring.agent.batch(one_step_episodes(wiring.agent.spec, 2, reward=1e6)).target[0]
    return float(wiring.agent.policy().normalize(np.full((1, 6), 1e6))[0, 0]), float(reward)


def smallest_spread(wiring):
    """How large 0.0001 looks, as an observation and as a reward, where all were 0."""
    make_constant(wiring.agent)
    rollout = one_step_episodes(wiring.agent.spec, 64, reward=1e-4)
    reward = learnt(wiring, rollout).batch.target[0]
    return float(wiring.agent.policy().normalize(np.full((1, 6), 1e-4))[0, 0]), float(reward)


class Effect(NamedTuple):
    """What a setting does: `measure` gives `default`, and `changed` where the setting has this value."""

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
    "n_test_episodes": Effect(3, evaluation_episodes, 10, 3),
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


# ---- what is refused ----


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--num_hidden=0", "num_hidden: expected 1 to 65536, got 0"),
        ("--num_layers=101", "num_layers: expected 1 to 100"),
        ("--network=cnn", "network: expected one of mlp, got 'cnn'"),
        ("--value_network=both", "value_network: expected one of copy, shared"),
        ("--nsteps=1.5", "nsteps: expected a whole number"),
        ("--nminibatches=0", "nminibatches: expected at least 1"),
        ("--noptepochs=0", "noptepochs: expected 1 to"),
        ("--gamma=1.01", "gamma: expected 0 to 1"),
        ("--lam=-0.1", "lam: expected 0 to 1"),
        ("--lr=fast", "lr: expected a number"),
        ("--lr=-1", "lr: expected 0 to"),
        ("--lr_schedule=cosine", "lr_schedule: expected one of constant, linear"),
        ("--cliprange=-1", "cliprange: expected at least 0"),
        ("--clip_value=perhaps", "clip_value: expected True or False"),
        ("--ent_coef=nan", "ent_coef: expected a number"),
        ("--max_grad_norm=-1", "max_grad_norm: expected at least 0"),
        ("--norm_eps=0", "norm_eps: expected at least"),
        ("--norm_clip=0", "norm_clip: expected at least"),
        ("--num_hiden=8", "unknown setting 'num_hiden'; nearest: num_hidden"),
        ("--polyak=0.9", "unknown setting 'polyak'"),
        ("--preset=paper19", "--preset=paper19: there is single"),
    ],
)
def test_a_bad_value_is_refused_with_one_line(word, message, cwd, capsys):
    assert message.split(";")[0] in refused(capsys, *PPO2, POINT_REACH, word)


def refused_from_python(message, **given):
    """Raises UserError of one line, and leaves nothing behind."""
    before = contents(".")
    with pytest.raises(UserError, match=message) as error:
        baselines.train("ppo2", n_epochs=1, log_path="log", save_path="policies", **given)
    assert "\n" not in str(error.value) and contents(".") == before


def test_minibatches_that_do_not_divide_a_rollout_are_refused(cwd, capsys):
    words = ["--nminibatches=7", "--nsteps=10", "--num_env=3"]
    message = "nminibatches=7: expected a divisor of nsteps x num_env = 10 x 3 = 30"
    assert message in refused(capsys, *PPO2, POINT_REACH, *words, "--log_path=log", "--save_path=policies")
    assert message in refused(capsys, *PPO2, POINT_REACH, *words)
    refused_from_python(message, env="PointReach-v0", vec_env="sync", num_env=3, nminibatches=7, nsteps=10)
    assert PPOConfig(nminibatches=6, nsteps=10).minibatch_size(3) == 5


ODD = {**SPACES, "Tuple": dict(action=gymnasium.spaces.Tuple([gymnasium.spaces.Discrete(2)] * 2))}
gymnasium.register("OddTuple-v0", Odd, max_episode_steps=6, kwargs=ODD["Tuple"])
gymnasium.register("OddEndless-v0", Odd)


def test_environments_without_a_time_limit_are_refused(cwd, capsys):
    line = refused(capsys, *PPO2, "--env=OddEndless-v0", "--log_path=log", "--save_path=policies")
    assert "'OddEndless-v0' has no time limit" in line and "TimeLimit" in line
    refused_from_python("has no time limit", env=PointReach())
    baselines.train("ppo2", gymnasium.wrappers.TimeLimit(PointReach(), 5), n_epochs=0)


@pytest.mark.parametrize(
    ("name", "message"),
    [("Image", "'observation' is Box(0, 255, (8, 8, 3), uint8)"), ("Camera", "'camera' is Box"),
     ("Levers", "got MultiDiscrete([2 3])"),
     ("Switches", "got MultiBinary(3)"), ("Grid", "got Box(-1.0, 1.0, (2, 2), float32)"),
     ("Tuple", "got Tuple(Discrete(2), Discrete(2))")],
)  # fmt: skip
def test_spaces_that_cannot_be_used_are_refused(name, message, cwd, capsys):
    line = refused(capsys, *PPO2, f"--env=tests.common.counting:Odd{name}-v0", "--log_path=log", "--save_path=policies")
    assert message in line
    refused_from_python("expected", env=Odd(**ODD[name]))


# ---- presets ----


@pytest.mark.parametrize(
    ("env_id", "expected"),
    [
        ("Hopper-v4", dict(nsteps=256)),
        ("Pendulum-v1", dict(nsteps=256, gamma=0.9, lr=0.001, lr_schedule="constant")),
        ("CartPole-v1", dict(nsteps=32, nminibatches=1, noptepochs=20, n_cycles=40, normalize_rewards=False)),
        ("FetchReach-v4", dict(nsteps=256, nminibatches=32, n_cycles=10)),
    ],
)
def test_the_preset_of_one_process_has_8_environments_and_settings_of_some_tasks(env_id, expected):
    algorithm = find("ppo2")
    config = algorithm.config(env_id, {}, "single")
    assert {name: getattr(config, name) for name in expected} == expected
    assert algorithm.preset("single").num_env == 8
    config.minibatch_size(8)  # which divides
    assert set(names_of(PPOConfig)) >= set(expected)
