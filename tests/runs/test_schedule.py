"""How long is trained, and what is evaluated after each epoch."""

import pytest

from baselines.envs.base import evaluation_size
from baselines.runs.options import Options
from baselines.runs.schedule import plan


def test_num_timesteps_makes_whole_epochs_one_short_one_or_none():
    def planned(steps, epochs=None):  # an epoch is 5 cycles x 2 environments x 30 steps = 300
        schedule = plan(Options(num_timesteps=steps, n_epochs=epochs), 5, 60)
        return schedule.n_epochs, schedule.n_cycles

    assert planned(0)[0] == 0
    assert planned(130) == (1, 2)
    assert planned(1)[1] == 1
    assert planned(950) == (3, 5)
    assert planned(None, 7)[0] == 7


@pytest.mark.parametrize("episodes, most, size", [(10, 16, 10), (20, 16, 10), (380, 38, 38), (7, 3, 1), (1, 8, 1)])
def test_evaluation_runs_in_full_rounds(episodes, most, size):
    assert evaluation_size(episodes, most) == size
