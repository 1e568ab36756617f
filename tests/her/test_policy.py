"""The policy in NumPy against the networks in TensorFlow's graph."""

import numpy as np
import tensorflow as tf

from baselines.common.mpi import Communicator
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.types import GoalEnvSpec, TransitionBatch


def test_the_numpy_policy_equals_the_networks_in_the_graph():
    spec = GoalEnvSpec("any", 6, 3, 2, 10)
    config = HERConfig(hidden=32, relative_goals=True, max_u=0.5)
    rng = np.random.default_rng(0)
    agent = DDPG(spec, config, rng, Communicator())
    rows = [rng.normal(0, 5, (40, n)).astype(np.float32) for n in (6, 3, 3)]
    agent.update_normalizers(TransitionBatch(*rows, action=None, reward=None, next_observation=None,
                                             next_achieved_goal=None))  # fmt: skip
    policy = agent.policy()
    for ours, graph in zip(policy.inputs(*rows), agent.inputs(*map(tf.constant, rows)), strict=True):
        np.testing.assert_allclose(ours, graph, rtol=1e-5, atol=1e-6)
    o, g = policy.inputs(*rows)
    u = policy.pi(o, g)
    np.testing.assert_allclose(u, agent.main.pi(o, g), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(policy.Q(o, g, u), agent.main.Q(o, g, u), rtol=1e-4, atol=1e-5)
