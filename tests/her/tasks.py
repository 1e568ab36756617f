"""Goal environments as users have them: other rewards, units and bounds, episodes that end by themselves, and bits."""

import gymnasium
import numpy as np
from gymnasium import spaces

from tests.environments import PointReach


class Task(PointReach):
    """PointReach with `pay` in place of 0 and -1, positions `scale` times as large and `far` away."""

    def __init__(self, pay=(0.0, -1.0), scale=1.0, far=0.0, says=True, bounds=1.0):
        super().__init__()
        self.pay, self.scale, self.far, self.says, self.bounds = pay, scale, far, says, bounds
        self.action_space = spaces.Box(-np.float32(bounds), np.float32(bounds), (2,))
        plane = spaces.Box(far - scale, far + scale, (2,), np.float64)
        self.observation_space = spaces.Dict(observation=plane, achieved_goal=plane, desired_goal=plane)

    def step(self, action):
        assert self.action_space.contains(action)
        observation, _, *ends, _ = super().step(action / self.bounds)
        reward = self.compute_reward(observation["achieved_goal"], observation["desired_goal"], {})
        return observation, reward, *ends, {"is_success": reward == self.pay[0]} if self.says else {}

    def compute_reward(self, achieved_goal, desired_goal, info):
        missed = np.linalg.norm(np.asarray(achieved_goal) - desired_goal, axis=-1) > 0.05 * self.scale
        return np.where(missed, self.pay[1], self.pay[0])

    def _observe(self):
        return {key: self.far + self.scale * x for key, x in super()._observe().items()}


def make_task(**kwargs):
    return gymnasium.wrappers.TimeLimit(Task(**kwargs), 30)


class Ending(PointReach):
    """Terminates at the goal, or after `lasts` steps; pays `pay` at the goal and one less elsewhere."""

    def __init__(self, lasts=99, pay=0.0, **kwargs):
        super().__init__(**kwargs)
        self.lasts, self.pay = lasts, pay

    def step(self, action):
        observation, reward, _, truncated, info = super().step(action)
        return observation, reward, bool(info["is_success"]) or self._steps == self.lasts, truncated, info

    def compute_reward(self, achieved_goal, desired_goal, info):
        return super().compute_reward(achieved_goal, desired_goal, info) + np.float32(self.pay)


ENDING_ID = "tests.her.tasks:Ending-v0"
gymnasium.register("Ending-v0", Ending, max_episode_steps=30)


class Bits(gymnasium.Env):
    """Flips the bit with the largest of the numbers acted, one a step (1707.01495, section 3.1)."""

    def __init__(self, n=6):
        self.n = n
        bits = spaces.MultiBinary(n)
        self.observation_space = spaces.Dict(observation=bits, achieved_goal=bits, desired_goal=bits)
        self.action_space = spaces.Box(-1, 1, (n,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.bits, self.goal = self.np_random.integers(0, 2, (2, self.n)).astype(np.int8)
        return self.show(), {}

    def show(self):
        return {"observation": self.bits.copy(), "achieved_goal": self.bits.copy(), "desired_goal": self.goal}

    def step(self, action):
        self.bits[np.argmax(action)] ^= 1
        reward = self.compute_reward(self.bits, self.goal, {})
        return self.show(), reward, False, False, {"is_success": reward == 0}

    def compute_reward(self, achieved_goal, desired_goal, info):
        return -1.0 * (np.asarray(achieved_goal) != desired_goal).any(-1)
