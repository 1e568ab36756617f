"""Goal environments in NumPy: PointReach, which HER learns in seconds and which is hopeless without, and PointPush."""

import os
import time

import gymnasium
import numpy as np
from gymnasium import spaces

TOLERANCE = 0.05
STEP = 0.1


class PointReach(gymnasium.Env):
    """A point in the square [-1, 1]^2 moves by up to 0.1 per axis; the reward is 0 within 0.05 of the goal, else -1.

    `fault` makes the environment misbehave: at its 5th step 'nan', 'raise', 'end' (terminate early), 'hang', 'shape'
    (of what it shows) or 'die' (with its process); 'dark' cannot be rendered.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(self, render_mode=None, fault=None):
        self.render_mode, self._fault = render_mode, fault
        plane = spaces.Box(-1, 1, (2,), np.float64)
        self.observation_space = spaces.Dict(observation=plane, achieved_goal=plane, desired_goal=plane)
        self.action_space = spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._position, self._goal = self.np_random.uniform(-1, 1, (2, 2))
        self._steps = 0
        return self._observe(), {}

    def step(self, action):
        self._steps += 1
        self._position = np.clip(self._position + STEP * np.clip(action, -1, 1), -1, 1)
        fault = self._fault if self._steps == 5 else None
        if fault == "raise":
            raise ValueError("the robot is on fire")
        if fault == "hang":
            time.sleep(3600)
        if fault == "die":
            os._exit(1)
        if fault == "nan":
            self._position = self._position * np.nan
        reward = float(self.compute_reward(self._position, self._goal, {}))
        return self._observe(), reward, fault == "end", False, {"is_success": reward == 0}

    def compute_reward(self, achieved_goal, desired_goal, info):
        distance = np.linalg.norm(np.asarray(achieved_goal) - desired_goal, axis=-1)
        return -(distance > TOLERANCE).astype(np.float32)

    def render(self):
        if self._fault == "dark":
            raise RuntimeError("no light")
        picture = np.full((64, 64, 3), 255, np.uint8)
        for where, colour in ((self._goal, (0, 160, 0)), (self._position, (0, 0, 200))):
            x, y = ((where + 1) * 31).astype(int)
            picture[y : y + 3, x : x + 3] = colour
        return picture

    def _observe(self):
        here = self._position
        if self._fault == "shape" and self._steps == 5:
            here = here[:1]
        return {"observation": here.copy(), "achieved_goal": here.copy(), "desired_goal": self._goal.copy()}


class PointPush(PointReach):
    """The goal is for an object, which moves along with the point while that is within 0.2 of it."""

    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        both, plane = spaces.Box(-1, 1, (4,), np.float64), self.observation_space["achieved_goal"]
        self.observation_space = spaces.Dict(observation=both, achieved_goal=plane, desired_goal=plane)
        self._object = np.zeros(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._object = self.np_random.uniform(-1, 1, 2)
        return self._observe(), {}

    def step(self, action):
        before = self._position
        near = np.linalg.norm(before - self._object) < 0.2
        _, _, *ends, _ = super().step(action)
        self._object = np.clip(self._object + near * (self._position - before), -1, 1)
        reward = float(self.compute_reward(self._object, self._goal, {}))
        return self._observe(), reward, *ends, {"is_success": reward == 0}

    def _observe(self):
        both = np.concatenate([self._position, self._object])
        return {"observation": both, "achieved_goal": self._object.copy(), "desired_goal": self._goal.copy()}


class Careful(PointReach):
    """Pays less where the step was forceful, which the goals do not show; at its step `at`, info is changed."""

    def __init__(self, at=None, change=lambda info: None, **kwargs):
        super().__init__(**kwargs)
        self.at, self.change = at, change

    def step(self, action):
        self._steps += 1
        self._position = np.clip(self._position + 0.1 * action, -1, 1)
        force = np.abs(np.asarray(action, np.float64))
        info = {"force": force, "hard": np.bool_(force.max() > 0.5), "word": "step", "lengths": [0] * self._steps}
        reward = self.compute_reward(self._position, self._goal, info)
        if self._steps == self.at:
            self.change(info)
        return self._observe(), reward, False, False, info

    def compute_reward(self, achieved_goal, desired_goal, info):
        reached = np.linalg.norm(np.asarray(achieved_goal) - desired_goal) < 0.05
        return float(reached) - float(info["force"].sum()) - 0.25 * info["hard"]


class Batched(Careful):
    """For many goals and an array of infos at once, as Stable-Baselines3 calls it."""

    calls = 0

    def compute_reward(self, achieved_goal, desired_goal, info):
        Batched.calls += 1
        if isinstance(info, dict):
            return super().compute_reward(achieved_goal, desired_goal, info)
        reached = np.linalg.norm(achieved_goal - desired_goal, axis=-1) < 0.05
        return reached - np.array([i["force"].sum() + 0.25 * i["hard"] for i in info])


class Shelf(gymnasium.Env):
    """A row of 4 places: the goal is a place by its number; joints are nested."""

    observation_space = spaces.Dict(
        observation=spaces.Dict(joints=spaces.Box(-1, 1, (2,)), lamps=spaces.MultiBinary(3)),
        achieved_goal=spaces.Discrete(4),
        desired_goal=spaces.Discrete(4),
    )
    action_space = spaces.Box(-1, 1, (1,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.goal = 0, int(self.np_random.integers(4))
        return self.show(), {}

    def show(self):
        lamps = np.array([self.place > i for i in range(3)], np.int8)
        joints = np.array([self.place / 4, 0.5], np.float32)
        return {"observation": {"joints": joints, "lamps": lamps}, "achieved_goal": self.place,
                "desired_goal": self.goal}  # fmt: skip

    def step(self, action):
        self.place = int(np.clip(self.place + np.sign(action[0]), 0, 3))
        reward = self.compute_reward(self.place, self.goal, {})
        return self.show(), reward, False, False, {"is_success": reward == 0}

    def compute_reward(self, achieved_goal, desired_goal, info):
        assert np.ndim(achieved_goal) == 0 and 0 <= achieved_goal < 4
        return -float(achieved_goal != desired_goal)


class Variable(gymnasium.Env):
    """Knows what the environment variable SEEN was when it was made."""

    observation_space = action_space = gymnasium.spaces.Box(-1, 1, (1,))

    def __init__(self):
        self.seen = os.environ.get("SEEN")


class Coloured(PointReach):
    """Can only be made with colour="red"."""

    def __init__(self, colour="grey", **kwargs):
        if colour != "red":
            raise ValueError("expected a red one")
        super().__init__(**kwargs)


class Silent(PointReach):
    """Reports no success, and cannot be rendered."""

    def step(self, action):
        return *super().step(action)[:4], {}

    def render(self):
        return [][0]


gymnasium.register("Coloured-v0", Coloured)
gymnasium.register("Silent-v0", Silent, max_episode_steps=6)
gymnasium.register("Careful-v0", Careful, max_episode_steps=12)
gymnasium.register("Batched-v0", Batched, max_episode_steps=12)
gymnasium.register("Shelf-v0", Shelf, max_episode_steps=8)
gymnasium.register("PointReach-v0", "tests.environments:PointReach", max_episode_steps=30)
gymnasium.register("PointPush-v0", "tests.environments:PointPush", max_episode_steps=30)
for _fault in ("nan", "raise", "end", "hang", "shape", "die", "dark"):
    gymnasium.register(
        f"PointReach-{_fault}-v0", "tests.environments:PointReach", max_episode_steps=30, kwargs={"fault": _fault}
    )
