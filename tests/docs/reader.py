"""Somebody who does what a page says, from its first line to its last, in one folder."""

import importlib
import inspect
import re
import shutil
from pathlib import Path

import numpy as np

import baselines
from baselines import api, run
from tests.docs.commands import GENERATION, commands_of, short_settings, shortened
from tests.docs.pages import Piece
from tests.docs.rules import Try, try_command
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

    def reset(self, seed=None, options=None):
        return self.inner.reset(seed=seed)

    def step(self, action):
        return self.inner.step(action)


gym.register("OldRobot-v0", entry_point=OldRobot, max_episode_steps=30)
"""
# Names that a Python block may use without making them.
NAMES = {"observation": dict(observation=[0.0] * 10, achieved_goal=[0.0] * 3, desired_goal=[1.3, 0.7, 0.5])}


def make_run():
    run.main(shortened("baselines.run", ["--env=FetchReach-v1", "--log_path=runs/reach", "--save_path=reach"]))


def make_package():
    write_package(Path("."), "my_package", my_module=MY_MODULE, my_alg=(ROOT / "examples/cross_entropy.py").read_text())


# Things that a reader has already where a page begins with them: the text that names one, its path, its maker.
GIVEN = [
    (r"""(load_path=|load_policy\(")reach\b""", "reach", make_run),
    (r"(?<!log_path)=runs/reach\b", "runs/reach", make_run),
    (r"demo_file=\W?data_fetch_random_100\.npz", "data_fetch_random_100.npz",
     lambda: importlib.import_module(GENERATION).main(["--num_episodes=2"])),
    (r"\bmy_package\.my_", "my_package", make_package),
    (r"\bdata/policies/", "data/policies", lambda: shutil.copytree(ROOT / "data/policies", "data/policies")),
]  # fmt: skip


def give(text: str) -> None:
    """Make what this command or block uses, unless an earlier one made it."""
    for pattern, path, make in GIVEN:
        if re.search(pattern, text) and not Path(path).exists():
            make()


class Reader:
    """`do` raises what goes wrong at a step, with its place in the page."""

    def __init__(self, folder: Path):
        self.folder, self.names = folder, {"__name__": "__main__", **NAMES}

    def do(self, step: Piece) -> None:
        what = step.text
        try:
            if step.kind in ("python", "statement"):
                give(step.text)
                self._python(step)
                return
            # A script, such as Slurm's, is submitted a second time, after the first one was stopped.
            for _ in range(2 if step.text.startswith("#!") else 1):
                for command in commands_of(step.text, self.folder):
                    what = str(command)
                    give(what)
                    try_command(Try(*command, step))
        except BaseException as error:
            error.add_note(f"{step.where}: {what}")
            raise

    def _python(self, step):
        if step.kind == "statement":  # amid prose, which imports nothing
            exec(step.text, {"baselines": baselines})
        else:
            exec(compile("\n" * step.line + step.text, step.page, "exec"), self.names)
            check_made(step.text, self.names)


def check_made(text: str, names: dict) -> None:
    """Check that a block of Python made what it was to make."""
    if re.search(r"^\(?action\b", text, re.M):
        action = np.asarray(names["action"])
        assert action.size and np.isfinite(action).all(), f"no action: {action}"
    for path in re.findall(r"""log_path="([^"]+)""", text):
        assert Path(path, "progress.csv").exists(), f"no log in {path}"
    for path in re.findall(r"""(?:save_path=|\.save\()"([^"]+)""", text):
        files = [*Path(path).glob("*.safetensors"), *Path(".").glob(f"{path}.safetensors")]
        assert files, f"no policy in {path}"
    for path in re.findall(r"""write_demonstrations\("([^"]+)""", text):
        assert np.load(path)["is_success"].mean() > 0.5


def short_train(*arguments, **named):
    """Call `baselines.train` with short settings."""
    given = inspect.signature(api.train).bind(*arguments, **named).arguments
    given |= given.pop("settings", {})
    if "total_timesteps" in given:
        given["num_timesteps"] = given.pop("total_timesteps")
    return api.train(**short_settings(given))
