"""The one loop that steps environments: which episodes go on, how long they are, how they ended, and NaN."""

import numpy as np
import pytest

from baselines.common.errors import TrainingError
from baselines.common.specs import EnvSpec
from baselines.envs.base import Step, VecEnv
from baselines.envs.lockstep import Lockstep


class Scripted(VecEnv):
    """Two environments that show their own clocks; episodes last 2 and 4 steps and the first ones succeed.

    An episode that ended is followed by a step that only shows the next beginning, as `VecEnv` says.
    """

    spec, num_env, description, compute_reward = EnvSpec("Scripted-v0", {"observation": 1}, 1, 9), 2, "scripted", None

    def __init__(self, broken=None):
        self.broken = broken  # (steps since the reset, environment) of a NaN

    def _reset(self):
        self.clock, self.steps = np.zeros(2, int), 0
        return self.show()

    def show(self):
        shown = self.clock[:, None].astype(np.float32)
        if self.broken and self.steps == self.broken[0]:
            shown[self.broken[1]] = np.nan
        return {"observation": shown}

    def _step(self, action):
        self.steps += 1
        last = np.array([2, 4])
        self.clock = np.where(self.clock >= last, 0, self.clock + 1)
        ended = self.clock == last
        return Step(self.show(), self.clock, ended & [False, True], ended & [True, False], ended & [True, False])

    def copies(self, num_env, seeds):
        return self

    def close(self):
        pass


ACTION = np.zeros((2, 1), np.float32)


def history(lockstep, steps):
    """Return alive, length and success after each of some steps from a reset on."""
    lockstep.reset()
    rows = []
    for _ in range(steps):
        lockstep.step(ACTION)
        rows.append((lockstep.alive.tolist(), lockstep.length.tolist(), lockstep.success.tolist()))
    return rows


def test_without_restart_an_episode_that_ended_stays_ended_until_a_reset():
    lockstep = Lockstep(Scripted())
    for _ in range(2):
        assert history(lockstep, 5) == [
            ([True, True], [1, 1], [False, False]),
            ([False, True], [2, 2], [True, False]),
            ([False, True], [2, 3], [False, False]),
            ([False, False], [2, 4], [False, False]),
            ([False, False], [2, 4], [True, False]),
        ]


def test_with_restart_the_step_after_an_end_only_shows_a_beginning():
    rows = history(Lockstep(Scripted(), restart=True), 6)
    assert [alive for alive, _, _ in rows] == [[True, True], [False, True], [True, True], [True, False], [False, True],
                                               [True, True]]  # fmt: skip
    assert [length for _, length, _ in rows] == [[1, 1], [2, 2], [0, 3], [1, 4], [2, 0], [0, 1]]
    assert rows[1][2] == rows[4][2] == [True, False]


@pytest.mark.parametrize(("restart", "broken", "environment", "step"), [
    (False, (0, 1), 1, 0), (False, (1, 0), 0, 1), (False, (3, 1), 1, 3), (True, (5, 0), 0, 2), (True, (3, 0), 0, 0)
])  # fmt: skip
def test_nan_is_an_error_that_names_the_environment_and_the_step(restart, broken, environment, step):
    with pytest.raises(TrainingError, match=f"environment {environment} returned NaN or infinity at step {step} of"):
        history(Lockstep(Scripted(broken), restart), 6)


def test_nan_after_an_end_matters_to_nobody():
    assert history(Lockstep(Scripted(broken=(3, 0))), 4) == history(Lockstep(Scripted()), 4)


def test_an_infinite_reward_is_refused_too():
    env = Scripted()
    env._step = lambda action: Step(env.show(), np.array([0, np.inf]), *np.zeros((2, 2), bool), None)
    with pytest.raises(TrainingError, match="environment 1 returned NaN or infinity at step 1"):
        history(Lockstep(env), 1)
