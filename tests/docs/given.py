"""What a reader has already, where a page begins with it: a policy, demonstrations, modules of their own."""

import importlib
import re
import shutil
from pathlib import Path

from baselines import run
from tests.commands.doors import FETCH_REACH_SIZES, save
from tests.docs.flags import GENERATION
from tests.docs.short import shortened
from tests.helpers import ROOT, write_package

MY_MODULE = """
import gym
import gymnasium
from gym import spaces
from tests.environments import PointReach

gymnasium.register("MyRobot-v0", PointReach, max_episode_steps=30)


class OldRobot(gym.Env):
    def __init__(self):
        self.inner, plane = PointReach(), spaces.Box(-1, 1, (2,))
        self.observation_space = spaces.Dict(observation=plane, achieved_goal=plane, desired_goal=plane)
        self.action_space, self.compute_reward = spaces.Box(-1, 1, (2,)), self.inner.compute_reward

    def reset(self):
        return self.inner.reset()[0]

    def step(self, action):
        observation, reward, _, _, info = self.inner.step(action)
        return observation, reward, False, info


gym.register("OldRobot-v0", entry_point=OldRobot, max_episode_steps=30)
"""
# What a Python block may use that is not made there.
NAMES = {"observation": dict(observation=[0.0] * 10, achieved_goal=[0.0] * 3, desired_goal=[1.3, 0.7, 0.5])}


def make_policy():
    save("reach/best", sizes=FETCH_REACH_SIZES)


def make_run():
    run.main(shortened("baselines.run", ["--env=FetchReach-v1", "--log_path=runs/reach"]))


def make_demonstrations():
    importlib.import_module(GENERATION).main(["--num_episodes=2"])


def make_package():
    write_package(Path("."), "my_package", my_module=MY_MODULE, my_alg=(ROOT / "examples/cross_entropy.py").read_text())


def copy_policies():
    shutil.copytree(ROOT / "data/policies", "data/policies")


# What names it, where it is, and what makes it.
GIVEN = [
    (r"""(load_path=|load_policy\(")reach\b""", "reach", make_policy),
    (r"(?<!log_path)=runs/reach\b", "runs/reach", make_run),
    (r"demo_file=\W?data_fetch_random_100\.npz", "data_fetch_random_100.npz", make_demonstrations),
    (r"\bmy_package\.my_", "my_package", make_package),
    (r"\bdata/policies/", "data/policies", copy_policies),
]


def give(text: str) -> None:
    """What this command or block uses, unless an earlier one made it."""
    for pattern, path, make in GIVEN:
        if re.search(pattern, text) and not Path(path).exists():
            make()
