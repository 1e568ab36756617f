"""What a setting of HER can change, measured: each function takes what `train` gets, by name, and gives numbers."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from baselines.common.specs import GOAL_KEYS
from baselines.her.guide import FittedReacher
from baselines.her.train import evaluate
from baselines.her.types import Transitions
from baselines.policies.policy import read_policy
from tests.helpers import HORIZON, rows


def make_constant(agent, **outputs):
    """Networks that give the same whatever they are shown: the tanh's input of a policy, the value of a critic."""
    arrays = {name: np.zeros_like(x) if "_stats" not in name else x for name, x in agent.policy_state().items()}
    for net, output in outputs.items():
        arrays[f"{net}/{agent.config.layers}_bias"][:] = output
    agent.load_policy_state(arrays)


def transitions(agent, reward, count=4):
    """The same transition `count` times."""
    o, g, u = agent.spec.observation_size, agent.spec.goal_size, agent.spec.action_size
    sizes = Transitions(o, g, g, u, None, o, g, None, None)
    batch = Transitions(*(np.full((count, size) if size else count, 0.1, np.float32) for size in sizes))
    return batch._replace(
        reward=np.full(count, reward, np.float32), terminated=np.zeros(count, bool), success=np.zeros(count, bool)
    )


def stacked(batch, count=1):
    """Return the batch `count` times, as `DDPG.train` takes it."""
    return Transitions(*(np.stack([x] * count) for x in batch))


def widths(wiring):
    """Units of the hidden layers of every saved network."""
    wiring.agent.save("measured")
    saved = read_policy("measured").arrays
    nets = ("main_pi", "target_pi", "main_Q", "target_Q")
    layers = {net: sorted(name for name in saved if name.startswith(f"{net}/") and "bias" in name) for net in nets}
    found = {net: [len(saved[name]) for name in names[:-1]] for net, names in layers.items()}
    assert found["main_pi"] == found["target_pi"] == found["main_Q"] == found["target_Q"]
    return found["main_pi"]


def farthest_actions(wiring):
    """Of a policy that wants as much as it can: largest action when exploring, when not, and in the graph."""
    make_constant(wiring.agent, main_pi=100)
    policy = wiring.agent.policy()
    explored = wiring.worker.generate(policy).action
    exploited = wiring.evaluator.generate(policy).action
    graph = wiring.agent.main.pi(np.zeros((1, 2), np.float32), np.zeros((1, 2), np.float32))
    return np.abs(explored).max(), np.abs(exploited).max(), np.abs(graph).max()


def trained_at_the_end(wiring):
    return trained_networks(wiring, progress_remaining=0)


def trained_networks(wiring, progress_remaining=1):
    """Which main networks change by training: critic, actor."""
    before = wiring.agent.policy_state()
    wiring.agent.train(stacked(transitions(wiring.agent, reward=-1)), progress_remaining)
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
    bias = wiring.agent.target.critics[0].biases[-1]
    wiring.agent.train(stacked(transitions(wiring.agent, reward=-1), 3))
    between = float(bias[0])
    wiring.agent.end_cycle()
    return between, float(bias[0])


def sums_over_workers(wiring):
    return demonstrations_normalized(wiring), loss_of_action(wiring)


def share_of_moving_episode(wiring):
    """How often the second of two episodes is drawn: there the object moves by 0.01 a step."""
    episodes = wiring.worker.generate(wiring.agent.policy())
    moving = 0.01 * np.arange(HORIZON + 1, dtype=np.float32)[:, None] * [1, 0]
    for path in (0 * moving, moving):
        wiring.buffer.store(episodes._replace(achieved_goal=path[None], action=0 * episodes.action + path[-1]))
    return (wiring.buffer.sample(1, 20000).action[0, :, 0] != 0).mean()


def target(wiring, reward):
    """The critic's target, but for its sign: the root of the loss where main Q gives 0; target Q gives -1."""
    make_constant(wiring.agent, main_Q=0, target_Q=-1)
    _, metrics = wiring.agent.gradients(transitions(wiring.agent, reward))
    return float(np.sqrt(metrics["loss/critic"]))


def extreme_targets(wiring):
    return target(wiring, reward=-1000), target(wiring, reward=1000)


def target_of_an_end(wiring):
    """As `target`, where the episode terminated with a reward of -1."""
    make_constant(wiring.agent, main_Q=0, target_Q=-1)
    batch = transitions(wiring.agent, reward=-1)
    ended = batch._replace(terminated=np.ones_like(batch.terminated))
    return float(np.sqrt(wiring.agent.train(stacked(ended))["loss/critic"]))


def kept_share_of_average(wiring):
    """What is left after an update, in the policy that is evaluated, of an actor whose tanh's input was 1 and is 0."""
    agent = wiring.agent
    make_constant(agent, main_pi=1, **({"average_pi": 1} if agent.average_actor else {}))
    agent.main.actor.biases[-1].assign(np.zeros(agent.spec.action_size))
    agent.train(stacked(transitions(agent, reward=-1)))
    return float(np.arctanh(agent.policy().output(np.zeros((1, 4)))[0, 0]))


def loss_of_action(wiring):
    """The loss of an actor with actions of 0.5 under a critic that gives 0."""
    make_constant(wiring.agent, main_pi=np.arctanh(0.5))
    _, metrics = wiring.agent.gradients(transitions(wiring.agent, reward=-1))
    return float(metrics["loss/actor"])


def share_of_cloned_actions(wiring):
    """Under a critic that likes the actor's actions as much as the demonstrated ones."""
    make_constant(wiring.agent)
    _, metrics = wiring.agent.gradients(transitions(wiring.agent, reward=-1))
    return float(metrics["q_filter/passed"])


def demonstrations_normalized(wiring):
    """How many whole episodes the normalizers know before the first cycle."""
    return (wiring.agent.policy_state()["o_stats/count"][0] - 1) / HORIZON


def stored_episodes(wiring):
    for _ in range(5):
        wiring.buffer.store(wiring.worker.generate(wiring.agent.policy()))
    return wiring.buffer.num_episodes


def counts(wiring):
    """Train for real, but without updates, and count what there is of everything."""
    shapes, demonstrated = [], []

    def train(batches, progress_remaining):
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
    kept = sorted(int(path.stem.removeprefix("epoch_")) for path in policies.glob("epoch_*"))
    return dict(shape=shapes[0], cycles=len(shapes) / len(table), tests=float(table[0]["test/episode"]), kept=kept,
                demos=demonstrated[0].sum())  # fmt: skip


def counted(name):
    return lambda wiring: counts(wiring)[name]


def evaluated_value(wiring):
    make_constant(wiring.agent, main_Q=5, target_Q=-5)
    evaluate(wiring.agent, wiring.evaluator, epoch=0, num_episodes=1)
    return wiring.evaluator.mean_Q


def explored_actions(wiring):
    """Actions of 20 exploring episodes of a policy that does nothing."""
    make_constant(wiring.agent)
    return np.concatenate([wiring.worker.generate(wiring.agent.policy()).action[0] for _ in range(20)])


def share_of_own_actions(wiring):
    return (explored_actions(wiring) == 0).all(1).mean()


def spread_of_actions(wiring):
    return explored_actions(wiring).std()


def mean_steps_of_a_random_action(wiring):
    """Where every step has one; nobody asks for the observation."""
    explore, held = wiring.worker.exploration, []
    for _ in range(5000):
        explore(np.zeros((1, 2)), {})
        held.append(tuple(explore.state()["held/held"][0]))
    return len(held) / len(set(held))


def share_of_guided_actions(wiring, distances=(0.5,) * 2000):
    """Of actions of 0.7 at these distances of the effector from the object."""
    if wiring.guide is None:
        return 0
    spec = wiring.agent.spec
    o, g, u = spec.observation_size, spec.goal_size, spec.action_size
    nowhere = {"observation": np.zeros((len(distances), o)), "desired_goal": np.zeros((len(distances), g))}
    way = np.eye(1, g) * np.array(distances)[:, None]
    action = np.full((len(distances), u), 0.7)
    guided = wiring.guide(action, {**nowhere, "achieved_goal": way}, 0 * action, np.random.default_rng(0)) != action
    return guided.any(1).mean()


def finds_the_effector(wiring):
    """Whether the guide is the one that looks for the effector itself."""
    return isinstance(wiring.guide, FittedReacher)


def share_of_goals_of_others(wiring):
    """Of the transitions of two episodes, whose actions and desired goals are their number."""
    episodes = wiring.worker.generate(wiring.agent.policy())
    for number in (5, 6):
        own = np.full_like(episodes.desired_goal, number)
        wiring.buffer.store(episodes._replace(desired_goal=own, action=np.full_like(episodes.action, number)))
    batch = wiring.buffer.sample(1, 20000)
    return (np.abs(batch.desired_goal - batch.action) == 1).all(2).mean()


def shares_of_relabelled_goals(wiring):
    """How many goals of a sample are achieved ones, and how many are the last achieved one of the episode."""
    episodes = wiring.worker.generate(wiring.agent.policy())
    numbers = np.broadcast_to(10.0 + np.arange(HORIZON + 1)[:, None], episodes.achieved_goal.shape)
    wiring.buffer.store(episodes._replace(achieved_goal=numbers))
    goals = wiring.buffer.sample(1, 4000).desired_goal[0, :, 0]
    return (goals >= 10).mean(), (goals == 10 + HORIZON).mean()


def critics(wiring):
    """How many main and how many target critics are saved."""
    wiring.agent.save("measured")
    names = [name for name in read_policy("measured").arrays if name.endswith("/0_kernel")]
    return sum(name.startswith("main_Q") for name in names), sum(name.startswith("target_Q") for name in names)


def growth_of_values(wiring):
    """How much larger Q is for inputs 10 times as large: a fresh critic without biases is linear along a ray."""
    parts = [np.random.default_rng(0).uniform(0.1, 1, (50, 2)).astype(np.float32) for _ in range(3)]
    small, large = (wiring.agent.main.Q(*(scale * x for x in parts))[0].numpy() for scale in (1, 10))
    return float(np.median(large / small))


def inputs_of_networks(wiring):
    """What an observation of 0.005, and a goal of 0.005 when 0.002 is achieved, look like to fresh networks."""
    parts = [np.full((1, 2), x, np.float32) for x in (0.005, 0.002, 0.005)]
    seen = wiring.agent.policy().inputs(dict(zip(GOAL_KEYS, parts, strict=True)))
    np.testing.assert_allclose(seen, np.hstack(wiring.agent.inputs(*map(tf.constant, parts))), rtol=1e-6)
    return [float(seen[0, 0]), float(seen[0, 2])]
