"""Every setting: what it changes in the agent, what is accepted for it, and which of several values wins."""

import dataclasses
import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from baselines import run
from baselines.common.errors import UserError
from baselines.her import her
from baselines.her.demonstrations import write_demonstrations
from baselines.her.experiment.config import POLICY_KEYS, HERConfig, make_config
from baselines.her.train import evaluate
from baselines.her.types import EpisodeBatch, TransitionBatch
from tests import test_launcher
from tests.test_launcher import POINT_REACH, contents, document, refused, rows

cwd, untrained = test_launcher.cwd, test_launcher.untrained  # fixtures
KEYS = [field.name for field in dataclasses.fields(HERConfig)]
SMALL = ("--hidden=8", "--layers=1")  # where the size of the networks does not matter
HORIZON = 30  # of PointReach


@pytest.fixture
def demos(cwd):
    """A file of three demonstrations of PointReach, whose actions are all 0.7."""
    rng = np.random.default_rng(0)
    goals = rng.uniform(-1, 1, (3, HORIZON + 1, 2)).astype(np.float32)
    actions = np.full((3, HORIZON, 2), 0.7, np.float32)
    rewards, lengths = -np.ones((3, HORIZON), np.float32), np.full(3, HORIZON, np.int32)
    episodes = EpisodeBatch(goals, goals, goals[:, 1:], actions, rewards, lengths, np.ones(3, bool))
    write_demonstrations("demos.npz", episodes, "PointReach-v0")


@pytest.fixture
def wired(cwd, demos, monkeypatch):
    """Launch as a user would, but hand what `learn` has wired together to a function instead of training with it."""
    train = her.train

    def launch(measure, *settings):
        measured = []

        def instead(*arguments, **named):
            names = inspect.signature(train).bind(*arguments, **named).arguments
            measured.append(measure(SimpleNamespace(**names, go=lambda: train(**names))))

        monkeypatch.setattr(her, "train", instead)
        number = len(list(cwd.iterdir()))
        paths = [f"--log_path=log{number}", f"--save_path=policies{number}"]
        run.main([POINT_REACH, "--seed=0", "--n_epochs=1", *paths, *settings])
        return measured[0]

    return launch


# ---- what to measure: each takes what `train` gets, by name, and gives numbers ----


def make_constant(agent, **outputs):
    """Networks that give the same whatever they are shown: the tanh's input of a policy, the value of a critic."""
    arrays = {name: np.zeros_like(x) if "_stats" not in name else x for name, x in agent.state().items()}
    for net, output in outputs.items():
        arrays[f"{net}/{agent.config.layers}_bias"][:] = output
    agent.load_state(arrays)


def transitions(agent, reward, count=4):
    """The same transition `count` times."""
    o, g, u = agent.spec.observation_size, agent.spec.goal_size, agent.spec.action_size
    sizes = TransitionBatch(o, g, g, u, None, o, g)
    parts = [np.full((count, size) if size else count, 0.1, np.float32) for size in sizes]
    return TransitionBatch(*parts)._replace(reward=np.full(count, reward, np.float32))


def widths(wiring):
    """Units of the hidden layers of every saved network."""
    wiring.save("measured")
    (arrays,) = Path().glob("policies*/measured/arrays.npz")
    with np.load(arrays) as saved:
        nets = ("main_pi", "target_pi", "main_Q", "target_Q")
        layers = {net: sorted(name for name in saved if name.startswith(f"{net}/") and "bias" in name) for net in nets}
        found = {net: [len(saved[name]) for name in names[:-1]] for net, names in layers.items()}
    arrays.unlink()
    assert found["main_pi"] == found["target_pi"] == found["main_Q"] == found["target_Q"]
    return found["main_pi"]


def farthest_actions(wiring):
    """Of a policy that wants as much as it can: largest action when exploring, when not, and in the graph."""
    make_constant(wiring.agent, main_pi=100)
    policy = wiring.agent.policy()
    explored = wiring.rollout_worker.generate(policy).action
    exploited = wiring.evaluator.generate(policy).action
    graph = wiring.agent.main.pi(np.zeros((1, 2), np.float32), np.zeros((1, 2), np.float32))
    return np.abs(explored).max(), np.abs(exploited).max(), np.abs(graph).max()


def trained_networks(wiring):
    """Which main networks change by training: critic, actor."""
    before = wiring.agent.state()
    wiring.agent.train(TransitionBatch(*(x[None] for x in transitions(wiring.agent, reward=-1))))
    after = wiring.agent.state()

    def moved(net):
        return any((before[name] != after[name]).any() for name in before if name.startswith(net))

    return moved("main_Q"), moved("main_pi")


def kept_share_of_target(wiring):
    make_constant(wiring.agent, main_Q=0, target_Q=1)
    wiring.agent.update_target_networks()
    return wiring.agent.state()[f"target_Q/{wiring.agent.config.layers}_bias"][0]


def target_between_and_after_updates(wiring):
    """A bias of the target critic, 1 at first, after 3 updates of a main one that stays 0, and at the cycle's end."""
    make_constant(wiring.agent, main_Q=0, target_Q=1)
    bias = wiring.agent.target.Q_network.biases[-1]
    batch = transitions(wiring.agent, reward=-1)
    wiring.agent.train(TransitionBatch(*(np.stack([x] * 3) for x in batch)))
    between = float(bias[0])
    wiring.agent.update_target_networks()
    return between, float(bias[0])


def sums_over_workers(wiring):
    return demonstrations_normalized(wiring), loss_of_action(wiring)


def share_of_moving_episode(wiring):
    """How often the second of two episodes is drawn: there the object moves by 0.01 a step."""
    episodes = wiring.rollout_worker.generate(wiring.agent.policy())
    moving = 0.01 * np.arange(HORIZON + 1, dtype=np.float32)[:, None] * [1, 0]
    for path in (0 * moving, moving):
        wiring.buffer.store(episodes._replace(achieved_goal=path[None], action=0 * episodes.action + path[-1]))
    return (wiring.buffer.sample(1, 20000).action[0, :, 0] != 0).mean()


def target(wiring, reward):
    """The critic's target, but for its sign: the root of the loss where main Q gives 0; target Q gives -1."""
    make_constant(wiring.agent, main_Q=0, target_Q=-1)
    _, metrics = wiring.agent.gradients(transitions(wiring.agent, reward))
    return float(np.sqrt(metrics[0]))


def extreme_targets(wiring):
    return target(wiring, reward=-1000), target(wiring, reward=1000)


def loss_of_action(wiring):
    """The loss of an actor with actions of 0.5 under a critic that gives 0."""
    make_constant(wiring.agent, main_pi=np.arctanh(0.5))
    _, metrics = wiring.agent.gradients(transitions(wiring.agent, reward=-1))
    return float(metrics[1])


def share_of_cloned_actions(wiring):
    """Under a critic that likes the actor's actions as much as the demonstrated ones."""
    make_constant(wiring.agent)
    _, metrics = wiring.agent.gradients(transitions(wiring.agent, reward=-1))
    return float(metrics[3])


def demonstrations_normalized(wiring):
    """How many whole episodes the normalizers know before the first cycle."""
    return (wiring.agent.state()["o_stats/count"][0] - 1) / HORIZON


def stored_episodes(wiring):
    for _ in range(5):
        wiring.buffer.store(wiring.rollout_worker.generate(wiring.agent.policy()))
    return wiring.buffer.num_episodes


def counts(wiring):
    """Train for real, but without updates, and count what there is of everything."""
    shapes, demonstrated = [], []

    def train(batches):
        shapes.append(batches.reward.shape)
        demonstrated.append((batches.action == np.float32(0.7)).all((0, 2)))
        return dict.fromkeys(wiring.agent.metrics, 0.0)

    wiring.agent.train = train
    wiring.go()
    table = rows(wiring.logger.folder)
    assert len(shapes) == float(table[-1]["train/episode"])
    assert len(set(shapes)) == 1
    first = shapes[0][1] - demonstrated[0].sum()
    assert all(not rows[:first].any() and rows[first:].all() for rows in demonstrated), "demonstrations come last"
    policies = Path(wiring.logger.folder.replace("log", "policies"))
    kept = sorted(int(path.name.removeprefix("epoch_")) for path in policies.glob("epoch_*"))
    return dict(shape=shapes[0], cycles=len(shapes) / len(table), tests=float(table[0]["test/episode"]), kept=kept,
                demos=demonstrated[0].sum())  # fmt: skip


def counted(name):
    return lambda wiring: counts(wiring)[name]


def evaluated_value(wiring):
    make_constant(wiring.agent, main_Q=5, target_Q=-5)
    evaluate(wiring.agent, wiring.evaluator, 1)
    return wiring.evaluator.mean_Q


def explored_actions(wiring):
    """Actions of 20 exploring episodes of a policy that does nothing."""
    make_constant(wiring.agent)
    return np.concatenate([wiring.rollout_worker.generate(wiring.agent.policy()).action[0] for _ in range(20)])


def share_of_own_actions(wiring):
    return (explored_actions(wiring) == 0).all(1).mean()


def spread_of_actions(wiring):
    return explored_actions(wiring).std()


def share_of_relabelled_goals(wiring):
    episodes = wiring.rollout_worker.generate(wiring.agent.policy())
    wiring.buffer.store(episodes)
    goals = wiring.buffer.sample(1, 4000).desired_goal[0]
    return (goals != episodes.desired_goal[0, 0]).any(1).mean()


def inputs_of_networks(wiring):
    """What an observation of 0.005, and a goal of 0.005 when 0.002 is achieved, look like to fresh networks."""
    parts = [np.full((1, 2), x, np.float32) for x in (0.005, 0.002, 0.005)]
    seen = wiring.agent.policy().inputs(*parts)
    for ours, graph in zip(seen, wiring.agent.inputs(*map(tf.constant, parts)), strict=True):
        np.testing.assert_allclose(ours, graph, rtol=1e-6)
    return [float(part[0, 0]) for part in seen]


class Effect(NamedTuple):
    """What a setting does: `measure` gives `default`, and `changed` where the setting has this value."""

    value: object
    measure: Callable
    default: object
    changed: object
    others: tuple[str, ...] = SMALL
    tolerance: float = 1e-4
    needs: tuple[str, ...] = ()  # what must be given where the setting is


SHORT = (*SMALL, "--n_cycles=1")
DEMOS = (*SMALL, "--demo_file=demos.npz")
MOVEMENT = (*SMALL, "--replay_priority=movement")
EFFECTS = {
    "hidden": Effect(16, widths, [256, 256, 256], [16, 16, 16], ()),
    "layers": Effect(2, widths, [256, 256, 256], [256, 256], ()),
    "max_u": Effect(0.5, farthest_actions, (1, 1, 1), (0.5, 0.5, 0.5)),
    "Q_lr": Effect(0, trained_networks, (True, True), (False, True)),
    "pi_lr": Effect(0, trained_networks, (True, True), (True, False)),
    "polyak": Effect(1, kept_share_of_target, 0.95, 1),
    "target_interval": Effect(2, target_between_and_after_updates, (1, 0.95), (0.95, 0.95), (*SMALL, "--Q_lr=0")),
    "simulated_workers": Effect(
        2, sums_over_workers, (3, 0.001 * 0.25 + 0.0078 * 1.28), (1.5, 0.001 * 0.25 + 0.0078 * 0.64), DEMOS
    ),
    # Paths of 0.3 and 0, and the floor added to both.
    "replay_priority": Effect("movement", share_of_moving_episode, 0.5, 0.32 / 0.34, tolerance=0.01),
    "priority_floor": Effect(0.3, share_of_moving_episode, 0.32 / 0.34, 0.6 / 0.9, MOVEMENT, 0.01),
    "priority_clip": Effect(0.005, share_of_moving_episode, 0.32 / 0.34, 0.17 / 0.19, MOVEMENT, 0.01),
    "gamma": Effect(0.75, lambda wiring: target(wiring, reward=-1), 1 + 29 / 30, 1.75),
    "clip_return": Effect(False, extreme_targets, (HORIZON, 0), (1000 + 29 / 30, 1000 - 29 / 30)),
    "clip_pos_returns": Effect(False, extreme_targets, (HORIZON, 0), (HORIZON, 1000 - 29 / 30)),
    "action_l2": Effect(3, loss_of_action, 0.25, 0.75),
    "batch_size": Effect(16, counted("shape"), (40, 256), (40, 16), SHORT),
    "buffer_size": Effect(2 * HORIZON, stored_episodes, 5, 2),
    "n_cycles": Effect(3, counted("cycles"), 50, 3),
    "n_batches": Effect(3, counted("shape"), (40, 256), (3, 256), SHORT),
    "n_test_rollouts": Effect(3, counted("tests"), 10, 3, SHORT),
    "test_with_polyak": Effect(True, evaluated_value, 5, -5),
    "policy_save_interval": Effect(2, counted("kept"), [4], [1, 3], (*SHORT, "--n_epochs=5")),
    "random_eps": Effect(1, share_of_own_actions, 0.7, 0, (*SMALL, "--noise_eps=0"), 0.05),
    "noise_eps": Effect(0.1, spread_of_actions, 0.2, 0.1, (*SMALL, "--random_eps=0"), 0.01),
    "replay_strategy": Effect("none", share_of_relabelled_goals, 0.8, 0, tolerance=0.05),
    "replay_k": Effect(1, share_of_relabelled_goals, 0.8, 0.5, tolerance=0.05),
    "bc_loss": Effect(True, counted("demos"), 0, 128, SHORT, needs=("--demo_file=demos.npz",)),
    "q_filter": Effect(True, share_of_cloned_actions, 1, 0, DEMOS),
    "num_demo": Effect(2, demonstrations_normalized, 3, 2, DEMOS),
    "demo_batch_size": Effect(16, counted("demos"), 128, 16, (*DEMOS, "--n_cycles=1")),
    # 4 rows of 2 coordinates, each cloned from 0.5 to 0.1; the usual loss is 0.25.
    "prm_loss_weight": Effect(1, loss_of_action, 0.001 * 0.25 + 0.0078 * 1.28, 0.25 + 0.0078 * 1.28, DEMOS),
    "aux_loss_weight": Effect(1, loss_of_action, 0.001 * 0.25 + 0.0078 * 1.28, 0.001 * 0.25 + 1.28, DEMOS),
    "relative_goals": Effect(True, inputs_of_networks, [0.5, 0.5], [0.5, 0.3]),
    "clip_obs": Effect(0.001, inputs_of_networks, [0.5, 0.5], [0.1, 0.1]),
    "norm_eps": Effect(0.1, inputs_of_networks, [0.5, 0.5], [0.05, 0.05]),
    "norm_clip": Effect(0.4, inputs_of_networks, [0.5, 0.5], [0.4, 0.4]),
}


@pytest.mark.parametrize("name", KEYS)
def test_a_setting_on_the_command_line_changes_what_it_means(name, wired):
    effect = EFFECTS[name]
    for settings, expected in (((), effect.default), ((f"--{name}={effect.value}", *effect.needs), effect.changed)):
        found = wired(effect.measure, *effect.others, *settings)
        assert found == pytest.approx(expected, abs=effect.tolerance, rel=effect.tolerance)


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("form", ["--{}={}", "--{} {}"])
def test_a_setting_on_the_command_line_stands_in_config_json(name, form, demos, untrained):
    words = form.format(name, EFFECTS[name].value).split()
    run.main([*words, POINT_REACH, "--num_timesteps=0", "--log_path=log", *EFFECTS[name].needs])
    told = document("log")["config"]
    assert told[name] == EFFECTS[name].value != getattr(HERConfig(), name)
    others = {key: value for key, value in dataclasses.asdict(HERConfig()).items() if key not in (name, "gamma")}
    assert {key: told[key] for key in others} == others


def test_no_policies_are_kept_by_number_where_the_interval_is_0(wired):
    assert wired(counted("kept"), *SHORT, "--n_epochs=5", "--policy_save_interval=0") == []


@pytest.mark.parametrize(
    ("settings", "observation", "goal"),
    [((), 100, 100), (("--clip_obs=10",), 10, 10), (("--relative_goals=True",), 100, 70)],
)
def test_normalizers_learn_from_what_the_networks_are_shown(settings, observation, goal, wired):
    def means(wiring):
        batch = transitions(wiring.agent, reward=0, count=9999)
        wiring.agent.update_normalizers(
            batch._replace(
                observation=np.full_like(batch.observation, 100),
                achieved_goal=np.full_like(batch.achieved_goal, 30),
                desired_goal=np.full_like(batch.desired_goal, 100),
            )
        )
        return [float(stats.mean[0]) for stats in (wiring.agent.o_stats, wiring.agent.g_stats)]

    assert wired(means, *SMALL, *settings) == pytest.approx([observation, goal], rel=1e-3)


# ---- which value wins ----


@pytest.mark.parametrize(
    ("env_id", "n_cycles"),
    [("FetchReach-v1", 10), ("FetchReach-v4", 10), ("FetchReach-v77", 10), ("some.module:FetchReach-v0", 10),
     ("FetchReachDense-v1", 50), ("FetchPush-v1", 50), ("MyFetchReach-v1", 50), ("PointReach-v0", 50)],
)  # fmt: skip
def test_fetch_reach_has_10_cycles_in_every_version_and_others_have_50(env_id, n_cycles):
    assert make_config(env_id, {}).n_cycles == n_cycles
    assert make_config(env_id, {"n_cycles": 7}).n_cycles == 7
    assert make_config(env_id, {"n_cycles": 50}).n_cycles == 50
    assert dataclasses.replace(make_config(env_id, {}), n_cycles=50) == HERConfig()


@pytest.mark.parametrize(("given", "n_cycles"), [([], 10), (["--n_cycles=7"], 7), (["--n_cycles=50"], 50)])
def test_the_command_line_wins_over_the_environments_own_settings(given, n_cycles, cwd, untrained):
    run.main(["--env=FetchReach-v1", "--num_timesteps=0", "--log_path=log", *SMALL, *given])
    assert document("log")["config"]["n_cycles"] == document("log")["schedule"]["n_cycles"] == n_cycles


@pytest.mark.parametrize(("given", "n_cycles"), [([], 20), (["--n_cycles=7"], 7)])
def test_a_preset_wins_over_the_environment_and_the_command_line_over_a_preset(given, n_cycles, untrained, demos):
    run.main([POINT_REACH, "--num_timesteps=0", "--log_path=log", "--preset=demos", "--demo_file=demos.npz", *given])
    told = document("log")["config"]
    assert (told["n_cycles"], told["batch_size"], told["q_filter"]) == (n_cycles, 1024, True)
    assert make_config("FetchReach-v1", {}, "demos").n_cycles == 20


@pytest.mark.parametrize(
    ("preset", "num_env", "settings"),
    [
        ("single", 8, dict(replay_priority="energy", priority_clip=0.5, target_interval=1, polyak=0.995)),
        # 19 workers, each with 2 environments, batches of 256 and a buffer of 1e6.
        ("paper19", 38, dict(batch_size=19 * 256, buffer_size=19 * 10**6, simulated_workers=19)),
    ],
)
def test_presets_of_one_process_bring_their_environments(preset, num_env, settings, cwd, untrained):
    run.main([POINT_REACH, "--num_timesteps=0", "--log_path=log", f"--preset={preset}"])
    told = document("log")
    assert told["num_env"] == num_env
    assert told["config"] == {**dataclasses.asdict(HERConfig(**settings)), "gamma": 1 - 1 / HORIZON}
    run.main([POINT_REACH, "--num_timesteps=0", "--log_path=log2", f"--preset={preset}", "--num_env=3"])
    assert document("log2")["num_env"] == 3


def test_energy_needs_goals_in_space(cwd, capsys):
    line = refused(capsys, POINT_REACH, "--preset=single")
    assert "PointReach-v0 have 2 numbers" in line and "--replay_priority=movement" in line


def test_demonstrations_and_a_request_not_to_clone_them_are_a_contradiction(demos, capsys):
    assert "bc_loss" in refused(capsys, POINT_REACH, "--demo_file=demos.npz", "--bc_loss=False")


def test_more_rows_of_demonstrations_than_a_batch_has_are_refused(demos, capsys):
    line = refused(capsys, POINT_REACH, "--demo_file=demos.npz", "--batch_size=64")
    assert "demo_batch_size" in line and "64" in line


def test_the_last_of_repeated_settings_wins(cwd, untrained):
    run.main([POINT_REACH, "--num_timesteps=0", "--log_path=log", "--hidden=4", "--hidden", "8", "--hidden=16"])
    assert document("log")["config"]["hidden"] == 16


def test_an_environment_without_settings_of_its_own_keeps_every_default(cwd, untrained):
    run.main([POINT_REACH, "--num_timesteps=0", "--log_path=log"])
    assert document("log")["config"] == {**dataclasses.asdict(HERConfig()), "gamma": 1 - 1 / HORIZON}


@pytest.fixture
def odd_policy(cwd, untrained):
    """A saved policy with no default among the settings that come with a policy, nor for polyak."""
    settings = [f"--{name}={EFFECTS[name].value}" for name in (*POLICY_KEYS, "polyak")]
    run.main([POINT_REACH, "--num_timesteps=0", "--save_path=odd", "--log_path=first", *settings])
    return ["--load_path=odd", POINT_REACH, "--num_timesteps=0"]


def test_a_loaded_policy_brings_the_settings_that_give_its_numbers_their_meaning(odd_policy):
    run.main([*odd_policy, "--log_path=log"])
    told = document("log")["config"]
    assert {name: told[name] for name in POLICY_KEYS} == {name: EFFECTS[name].value for name in POLICY_KEYS}
    assert told["polyak"] == HERConfig().polyak


@pytest.mark.parametrize("name", POLICY_KEYS)
def test_a_setting_that_contradicts_the_loaded_policy_is_refused(name, odd_policy, capsys):
    line = refused(capsys, *odd_policy, f"--{name}={getattr(HERConfig(), name)}")
    assert f"--{name}={getattr(HERConfig(), name)}" in line
    assert f"{name}={EFFECTS[name].value}" in line
    run.main([*odd_policy, f"--{name}={EFFECTS[name].value}", "--log_path=log"])  # the policy's own is welcome


def test_settings_that_belong_to_a_policy_are_all_that_its_numbers_depend_on():
    assert set(POLICY_KEYS) == {"hidden", "layers", "max_u", "relative_goals", "clip_obs", "norm_eps", "norm_clip"}


# ---- what is accepted ----


@pytest.mark.parametrize(
    ("text", "value"),
    [("buffer_size=1e6", 1_000_000), ("buffer_size=1_000", 1000), ("batch_size=64.0", 64), ("hidden=0x10", 16),
     ("polyak=1", 1.0), ("polyak=0", 0.0), ("Q_lr=1e-4", 0.0001), ("action_l2=.5", 0.5), ("replay_k=4", 4.0),
     ("gamma=0.9", 0.9), ("clip_return=true", True), ("clip_return=True", True), ("clip_return=TRUE", True),
     ("clip_return=1", True), ("clip_return=false", False), ("clip_return=False", False), ("clip_return=0", False),
     ("test_with_polyak=1.0", True), ("replay_strategy=none", "none"), ("replay_strategy='none'", "none"),
     ("policy_save_interval=0", 0), ("max_u=1", 1.0), ("hidden=65536", 65536)],
)  # fmt: skip
def test_values_become_the_settings_type(text, value, cwd, monkeypatch):
    kept = {}
    monkeypatch.setattr(her, "learn", lambda env, **settings: kept.update(settings))
    run.main([POINT_REACH, f"--{text}"])
    name = text.partition("=")[0]
    found = getattr(make_config("PointReach-v0", {name: kept[name]}), name)
    assert found == value and type(found) is type(value)


def test_gamma_may_be_given_as_none(cwd, untrained):
    run.main([POINT_REACH, "--num_timesteps=0", "--gamma=None", "--log_path=log"])
    assert document("log")["config"]["gamma"] == 1 - 1 / HORIZON


WRONG_KIND = {
    int: ["abc", "1.5", "None", "True", "nan", "inf", "-inf", "1e999", "[8]", "{}", "(8,)", "8+8", "''", "1j"],
    float: ["abc", "None", "True", "nan", "inf", "-inf", "1e999", "[0.5]", "0.5+0.1", "''", "1j"],
    bool: ["yes", "2", "-1", "None", "[True]", "nan", "''"],
    str: ["futur", "5", "None", "True", "['future']", "''"],
}
ACCEPTED = {("gamma", "None")}
WRONG = [
    (field.name, text)
    for field in dataclasses.fields(HERConfig)
    for text in WRONG_KIND[type(field.default) if field.name not in ("gamma", "replay_k") else float]
    if (field.name, text) not in ACCEPTED
]


@pytest.mark.parametrize("name", KEYS)
def test_a_value_of_the_wrong_kind_is_refused_with_the_key(name, cwd, capsys):
    texts = [text for key, text in WRONG if key == name]
    assert len(texts) >= 6
    for text in texts:
        assert name in refused(capsys, POINT_REACH, f"--{name}={text}"), text


OUT_OF_RANGE = [
    "hidden=0", "hidden=-8", "hidden=65537", "layers=0", "layers=101", "layers=1e9", "max_u=0", "max_u=-1", "max_u=1.1",
    "Q_lr=-0.001", "pi_lr=-1", "polyak=-0.1", "polyak=1.5", "gamma=1", "gamma=-0.1", "gamma=2", "action_l2=-1",
    "batch_size=0", "buffer_size=0", "n_cycles=0", "n_batches=0", "n_test_rollouts=0", "policy_save_interval=-1",
    "random_eps=-0.1", "random_eps=1.1", "noise_eps=-0.1", "replay_k=-1", "num_demo=0",
    "demo_batch_size=0", "prm_loss_weight=-1", "aux_loss_weight=-0.1", "clip_obs=0", "clip_obs=-1", "norm_eps=0",
    "norm_clip=0", "norm_clip=-5",
]  # fmt: skip


@pytest.mark.parametrize("text", OUT_OF_RANGE)
def test_a_value_out_of_range_is_refused_with_the_key_and_the_range(text, cwd, capsys):
    name = text.partition("=")[0]
    line = refused(capsys, POINT_REACH, f"--{text}")
    assert f"{name}: expected" in line
    field = HERConfig.__dataclass_fields__[name]
    assert f"{field.metadata['low']:g}" in line
    for low, high, got in re.findall(r"expected (\S+) to (\S+), got (\S+)", line):
        assert not float(low) <= float(got) <= float(high), "the message allows what was refused"


@pytest.mark.parametrize("text", ["noise_eps=" + "9" * 400, "hidden=" + "9" * 400, "hidden=0x" + "f" * 6000],
                         ids=lambda text: text[:12])  # fmt: skip
def test_a_number_beyond_all_floats_is_refused(text, cwd, capsys):
    assert text.partition("=")[0] in refused(capsys, POINT_REACH, f"--{text}")


@pytest.mark.parametrize(
    ("word", "nearest"),
    [("bach_size", "batch_size"), ("q_lr", "Q_lr"), ("hiden", "hidden"), ("Hidden", "hidden"), ("noise", "noise_eps"),
     ("replay_strateg", "replay_strategy")],
)  # fmt: skip
def test_an_unknown_key_names_the_nearest(word, nearest, cwd, capsys):
    line = refused(capsys, POINT_REACH, f"--{word}=1")
    assert f"'{word}'" in line
    assert nearest in line.partition("nearest:")[2]


@pytest.mark.parametrize("given", [{"hiden": 8}, {"hidden": "8"}, {"polyak": float("nan")}])
def test_wrong_settings_from_python_are_refused_too(given):
    with pytest.raises(UserError, match="hidden|polyak"):
        make_config("PointReach-v0", given)


@pytest.mark.parametrize("name", ["hidden", "polyak", "clip_return", "replay_strategy", "gamma"])
@pytest.mark.parametrize(
    "code",
    ["__import__('os').system('touch marker')", "__import__('os').mkdir('marker')", "open('marker', 'w')",
     "[open('marker', 'w') for _ in range(1)]", "exec(\"open('marker', 'w')\")", "(lambda: open('marker', 'w'))()"],
)  # fmt: skip
def test_values_are_literals_and_never_executed(name, code, cwd, capsys):
    assert name in refused(capsys, POINT_REACH, f"--{name}={code}")
    assert contents(cwd).keys() == {Path("taken")}


@pytest.mark.parametrize("value", ["(" * 5000, "[" * 100_000, "-" * 100_000 + "1", "9" * 100_000, "'''", "\\", "1 if"])
def test_values_that_python_cannot_even_parse_are_refused(value, cwd, capsys):
    assert "hidden" in refused(capsys, POINT_REACH, f"--hidden={value}")


def test_a_config_cannot_be_changed_after_its_checks():
    with pytest.raises(dataclasses.FrozenInstanceError):
        HERConfig().hidden = 8


def test_every_setting_has_a_meaning_and_a_default_within_its_range():
    for field in dataclasses.fields(HERConfig):
        assert field.metadata["meaning"]
        assert json.loads(json.dumps(getattr(HERConfig(**{field.name: field.default}), field.name))) == field.default
