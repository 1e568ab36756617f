"""A policy to look at and to damage."""

import numpy as np
import pytest

from baselines.common.mpi import Communicator
from baselines.her.ddpg import DDPG
from tests.storage.policies import CONFIG, SPEC, save


@pytest.fixture(scope="package")
def arrays():
    """The policy's part of an agent after some observations, which no test may change."""
    rng = np.random.default_rng(0)
    agent = DDPG(SPEC, CONFIG, rng, Communicator())
    for stats in (agent.o_stats, agent.g_stats):
        stats.update(rng.normal(size=(50, 2)))
    return agent.policy_state()


@pytest.fixture
def policy(tmp_path, arrays):
    """The folder of a small policy, to be damaged."""
    folder = tmp_path / "policy"
    save(folder, arrays)
    return folder
