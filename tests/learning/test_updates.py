"""The updates of a cycle: what is compiled is compiled once, whatever the number of updates."""

import numpy as np
import pytest
import tensorflow as tf

from baselines.common.mpi import Communicator
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.ppo2.ppo import UpdateData
from baselines.ppo2.types import Batch
from tests.helpers import goal_spec
from tests.her.numbered import random_transitions
from tests.ppo2.helpers import agent_of


def her():
    agent = DDPG(goal_spec(), HERConfig(hidden=4, layers=1), np.random.default_rng(0), Communicator())
    return agent, random_transitions(agent.spec, (3, 5), np.random.default_rng(0))._replace(terminated=None)


def ppo():
    rows = dict(observation=np.zeros((6, 3)), action=np.zeros((6, 2)))
    batch = Batch(*(rows.get(name, np.zeros(6)).astype(np.float32) for name in Batch._fields))
    data = {"order": np.arange(6).reshape(3, 2), "batch": batch, "old_log_prob": np.zeros(6, np.float32)}
    return agent_of(), UpdateData(**{name: data.get(name, np.float32(0.1)) for name in UpdateData._fields})


@pytest.mark.parametrize("learner", [her, ppo])
def test_the_number_of_an_update_is_no_constant_of_what_is_compiled(learner):
    """Else several workers, whose loop is not within XLA, compile for every update."""
    agent, data = learner()
    data = tf.nest.map_structure(lambda x: x if x is None else tf.constant(x), data)
    program = agent._flat_gradients.experimental_get_compiler_ir
    first, second = (program(data, tf.constant(i))(stage="hlo") for i in (0, 1))
    assert first == second
