"""Environments without goals, whose episodes end at different steps; and some that no algorithm here can use."""

import gymnasium
import numpy as np
from gymnasium import spaces

LIMIT = 6  # steps, of the environments that are registered


class Counting(gymnasium.Env):
    """Observes the episode's number and the step (`clock` [2]) and the episode's length (`length` [1]).

    The reward is the step's number plus a tenth of the action. An episode terminates after its length, drawn from 2 to
    8 steps, or `lengths` one after the other. With a `success_key` it says whether that was its last step; from episode
    `broken` on it observes NaN.
    """

    def __init__(self, lengths=None, success_key=None, broken=None, discrete=False):
        self._lengths, self._key, self._broken, self._discrete = lengths, success_key, broken, discrete
        self.observation_space = spaces.Dict(clock=spaces.Box(0, 99, (2,)), length=spaces.Box(0, 99, (1,)))
        self.action_space = spaces.Discrete(3) if discrete else spaces.Box(-4, 4, (1,))
        self._episode = -1

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._episode, self._step = self._episode + 1, 0
        self._length = int(self.np_random.integers(2, 9)) if self._lengths is None else self._lengths[self._episode]
        return self._observe(), {}

    def step(self, action):
        self._step += 1
        over = self._step == self._length
        reward = self._step + 0.1 * float(action if self._discrete else action[0])
        return self._observe(), reward, over, False, {self._key: over} if self._key else {}

    def _observe(self):
        clock = np.array([self._episode, self._step], np.float32)
        if self._broken is not None and self._episode >= self._broken:
            clock *= np.nan
        return {"clock": clock, "length": np.array([self._length], np.float32)}


class Odd(gymnasium.Env):
    """Spaces of one's own."""

    def __init__(self, observation=None, action=None):
        self.observation_space = observation or spaces.Box(-1, 1, (3,))
        self.action_space = action or spaces.Box(-1, 1, (2,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), 0.0, False, False, {}


ODD = {
    "Image": dict(observation=spaces.Box(0, 255, (8, 8, 3), np.uint8)),
    "Number": dict(observation=spaces.Box(-1, 1, ())),
    "Kinds": dict(observation=spaces.Discrete(5)),
    "Nested": dict(observation=spaces.Dict(arm=spaces.Dict(joints=spaces.Box(-1, 1, (3,))))),
    "Camera": dict(observation=spaces.Dict(joints=spaces.Box(-1, 1, (3,)), camera=spaces.Box(0, 1, (4, 4)))),
    "Levers": dict(action=spaces.MultiDiscrete([2, 3])),
    "Switches": dict(action=spaces.MultiBinary(3)),
    "Grid": dict(action=spaces.Box(-1, 1, (2, 2))),
    "FromOne": dict(action=spaces.Discrete(3, start=1)),
    "Unbounded": dict(action=spaces.Box(-np.inf, np.inf, (2,))),
}

for _name, _kwargs in (
    ("Counting-v0", {}),
    ("CountingSuccess-v0", {"success_key": "success"}),
    ("CountingDiscrete-v0", {"discrete": True}),
):
    gymnasium.register(_name, Counting, max_episode_steps=LIMIT, kwargs=_kwargs)
for _name, _kwargs in ODD.items():
    gymnasium.register(f"Odd{_name}-v0", Odd, max_episode_steps=LIMIT, kwargs=_kwargs)
