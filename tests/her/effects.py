"""What each setting of HER changes, measured on a run that is wired as a user would start it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from baselines.her.train import evaluate
from baselines.her.types import TransitionBatch
from tests.helpers import HORIZON, rows

SMALL = ("--hidden=8", "--layers=1")  # where the size of the networks does not matter


# ---- what to measure: each takes what `train` gets, by name, and gives numbers ----


def make_constant(agent, **outputs):
    """Networks that give the same whatever they are shown: the tanh's input of a policy, the value of a critic."""
    arrays = {name: np.zeros_like(x) if "_stats" not in name else x for name, x in agent.policy_state().items()}
    for net, output in outputs.items():
        arrays[f"{net}/{agent.config.layers}_bias"][:] = output
    agent.load_policy_state(arrays)


def transitions(agent, reward, count=4):
    """The same transition `count` times."""
    o, g, u = agent.spec.observation_size, agent.spec.goal_size, agent.spec.action_size
    sizes = TransitionBatch(o, g, g, u, None, o, g)
    parts = [np.full((count, size) if size else count, 0.1, np.float32) for size in sizes]
    return TransitionBatch(*parts)._replace(reward=np.full(count, reward, np.float32))


def widths(wiring):
    """Units of the hidden layers of every saved network."""
    wiring.agent.save("measured")
    with np.load("measured/arrays.npz") as saved:
        nets = ("main_pi", "target_pi", "main_Q", "target_Q")
        layers = {net: sorted(name for name in saved if name.startswith(f"{net}/") and "bias" in name) for net in nets}
        found = {net: [len(saved[name]) for name in names[:-1]] for net, names in layers.items()}
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
    before = wiring.agent.policy_state()
    wiring.agent.train(TransitionBatch(*(x[None] for x in transitions(wiring.agent, reward=-1))))
    after = wiring.agent.policy_state()

    def moved(net):
        return any((before[name] != after[name]).any() for name in before if name.startswith(net))

    return moved("main_Q"), moved("main_pi")


def kept_share_of_target(wiring):
    make_constant(wiring.agent, main_Q=0, target_Q=1)
    wiring.agent.end_cycle()
    return wiring.agent.policy_state()[f"target_Q/{wiring.agent.config.layers}_bias"][0]


def target_between_and_after_updates(wiring):
    """A bias of the target critic, 1 at first, after 3 updates of a main one that stays 0, and at the cycle's end."""
    make_constant(wiring.agent, main_Q=0, target_Q=1)
    bias = wiring.agent.target.Q_network.biases[-1]
    batch = transitions(wiring.agent, reward=-1)
    wiring.agent.train(TransitionBatch(*(np.stack([x] * 3) for x in batch)))
    between = float(bias[0])
    wiring.agent.end_cycle()
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
    return (wiring.agent.policy_state()["o_stats/count"][0] - 1) / HORIZON


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
    table = rows(wiring.run.logger.folder)
    assert len(shapes) == float(table[-1]["train/episode"])
    assert len(set(shapes)) == 1
    first = shapes[0][1] - demonstrated[0].sum()
    assert all(not rows[:first].any() and rows[first:].all() for rows in demonstrated), "demonstrations come last"
    policies = Path(wiring.run.logger.folder.replace("log", "policies"))
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
# Every setting but `network`, which has one value.
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
    "random_eps": Effect(1, share_of_own_actions, 0.7, 0, (*SMALL, "--noise_eps=0"), 0.05),
    "noise_eps": Effect(0.1, spread_of_actions, 0.2, 0.1, (*SMALL, "--random_eps=0"), 0.01),
    "replay_strategy": Effect("none", share_of_relabelled_goals, 0.8, 0, tolerance=0.05),
    "replay_k": Effect(1, share_of_relabelled_goals, 0.8, 0.5, tolerance=0.05),
    "demo_file": Effect("demos.npz", counted("demos"), 0, 128, SHORT),
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
