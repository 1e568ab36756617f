"""Names of environments: old versions of Gymnasium-Robotics, and --env=gym:module:Id of old gym."""

import importlib
import importlib.util
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

from baselines import play, run
from baselines.common.errors import UserError
from baselines.envs import envpool_env, make_vec_env
from baselines.envs.names import gymnasium_id, import_extra, is_own
from baselines.runs.algorithms import find
from tests.environments import PointReach
from tests.helpers import TINY, contents, refused, rows

evaluate = importlib.import_module("baselines.evaluate")
without_mujoco_py = pytest.mark.skipif(importlib.util.find_spec("mujoco_py") is not None, reason="v1 is made with it")


@pytest.mark.parametrize(
    ("name", "newest"),
    [
        ("FetchReach-v2", "FetchReach-v4"),
        ("FetchPickAndPlaceDense-v3", "FetchPickAndPlaceDense-v4"),
        ("HandReach-v1", "HandReach-v3"),
        pytest.param("FetchReach-v1", "FetchReach-v4", marks=without_mujoco_py),
        pytest.param("HandManipulateBlock-v0", "HandManipulateBlock-v1", marks=without_mujoco_py),
    ],
)
def test_old_versions_fall_back_to_the_newest(name, newest):
    assert gymnasium_id(name) == gymnasium_id(f"baselines:{name}") == newest


@pytest.mark.parametrize("name", ["FetchReach-v5", "HandManipulateBlock-v2", "CartPole-v7"])
def test_versions_that_were_never_there_are_refused_with_those_that_are(name):
    with pytest.raises(UserError, match=f"'{name}' does not exist in this version; there is "):
        gymnasium_id(name)
    with pytest.raises(UserError, match="there is no environment"):
        gymnasium_id("FetchReech-v2")


@pytest.mark.parametrize("back_end", ["auto", "sync"])
def test_the_log_says_which_version_is_used(back_end, make):
    description = make("FetchReach-v2", 1, back_end).description
    assert "FetchReach-v4 is used for FetchReach-v2" in description
    assert ("EnvPool" in description) is (back_end == "auto")


ARMS = """
import gym, numpy as np
from gym import spaces

class Arm(gym.Env):
    metadata = {"render_modes": ["rgb_array"], "render.modes": ["rgb_array"]}

    def __init__(self, speed=0.1):
        self.speed = speed
        plane = spaces.Box(-1, 1, (2,), np.float64)
        self.observation_space = spaces.Dict(observation=plane, achieved_goal=plane, desired_goal=plane)
        self.action_space = spaces.Box(-1, 1, (2,), np.float32)

    def reset(self):
        self.at, self.goal = self.np_random.uniform(-1, 1, (2, 2))
        return self.show()

    def show(self):
        return {"observation": self.at.copy(), "achieved_goal": self.at.copy(), "desired_goal": self.goal.copy()}

    def step(self, action):
        self.at = np.clip(self.at + self.speed * np.clip(action, -1, 1), -1, 1)
        reward = float(self.compute_reward(self.at, self.goal, {}))
        return self.show(), reward, False, {"is_success": reward == 0}

    def compute_reward(self, achieved_goal, desired_goal, info):
        return -(np.linalg.norm(achieved_goal - desired_goal, axis=-1) > 0.05).astype(np.float32)

    def render(self, mode="rgb_array"):
        return np.zeros((64, 64, 3), np.uint8)

class Seeded(Arm):
    def seed(self, seed=None):
        self._np_random = gym.utils.seeding.np_random(seed)[0]

class Between(Arm):  # gym 0.22 to 0.25
    def reset(self, *, seed=None, return_info=False, options=None):
        gym.Env.reset(self, seed=seed)
        return super().reset()

class Five(Between):
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed), {}

    def step(self, action):
        *first, info = super().step(action)
        return *first, False, info

for kind in (Arm, Seeded, Between, Five):
    gym.register(f"Old{kind.__name__}-v0", entry_point=f"{__name__}:{kind.__name__}", max_episode_steps=9)
"""


@pytest.fixture(scope="module")
def arms(tmp_path_factory):
    """The name of a module that registers them."""
    folder = tmp_path_factory.mktemp("arms")
    (folder / "old_arms.py").write_text(ARMS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield "old_arms"


@pytest.mark.parametrize("kind", ["Arm", "Seeded", "Between", "Five"])
def test_they_step_and_end_and_start_alike_with_the_same_seed(kind, arms):
    env, again = (make_vec_env(f"gym:{arms}:Old{kind}-v0", 2, [3, 4], "sync") for _ in range(2))
    assert env.spec.horizon == 9 and env.spec.sizes == {"observation": 2, "goal": 2, "action": 2}
    first, second = env.reset(), again.reset()
    np.testing.assert_array_equal(first["desired_goal"], second["desired_goal"])
    assert (first["desired_goal"][0] != first["desired_goal"][1]).any()
    ends = [env.step(np.ones((2, 2), np.float32)) for _ in range(10)]
    assert [bool(step.truncated[0]) for step in ends] == [False] * 8 + [True, False]
    assert not any(step.terminated.any() for step in ends)
    np.testing.assert_array_equal(env.compute_reward(np.zeros((2, 2)), np.array([[0, 0], [1, 1]])), [0, -1])


@pytest.mark.slow
def test_they_are_trained_evaluated_and_played_by_name(arms, cwd):
    named = f"--env=gym:{arms}:OldArm-v0"
    run.main([named, "--n_epochs=1", "--num_env=2", "--seed=0", "--save_path=saved", "--log_path=log",
              "--env_kwargs=speed=0.2", "--max_episode_steps=6", *TINY])  # fmt: skip
    assert rows("log")[0]["total/timesteps"] == "24"
    evaluate.main([named, "--load_path=saved", "--episodes=4", "--num_env=2"])
    play.main([named, "--load_path=saved", "--episodes=1", "--video=seen.gif"])
    assert "seen.gif" in map(str, contents("."))


def test_a_module_that_is_imported_beside_the_name_becomes_a_part_of_it(arms):
    assert import_extra(arms, "gym:OldArm-v0") == f"gym:{arms}:OldArm-v0"
    assert import_extra(arms, "FetchReach-v1") == f"{arms}:FetchReach-v1"
    assert import_extra(arms, "other:Robot-v0") == "other:Robot-v0"


def test_bad_names_are_one_line(arms, capsys, cwd):
    assert "cannot import module 'nowhere_at_all'" in refused(capsys, "--env=gym:nowhere_at_all:Old-v0")
    assert "nearest: OldArm-v0" in refused(capsys, f"--env=gym:{arms}:OldArm-v1")


def test_without_the_libraries_the_line_says_how_to_install_them(arms, monkeypatch):
    monkeypatch.setitem(sys.modules, "gym", None)
    with pytest.raises(UserError, match=r"pip install 'baselines-her\[gym\]'"):
        make_vec_env(f"gym:{arms}:OldArm-v0", 1, [0])


def test_the_message_for_four_values_says_so(capsys, cwd):
    class Four(PointReach):
        def step(self, action):
            observation, reward, terminated, _, info = super().step(action)
            return observation, reward, terminated, info

    gymnasium.register("FourValues-v0", Four, max_episode_steps=5)
    line = refused(capsys, "--env=FourValues-v0", "--vec_env=sync", "--log_path=log", *TINY, code=1)
    assert "got 4" in line and "--env=gym:module:Id" in line


@pytest.mark.parametrize("name", ["FetchSlide-v4", "CartPole-v1", "FetchSlide-v1"])
def test_a_name_that_the_user_registers_again_is_theirs(name, monkeypatch):
    assert envpool_env.knows(name) and not is_own(name)
    before = find("her").config(name, {}, "single")
    monkeypatch.setitem(gymnasium.registry, name, EnvSpec(name, PointReach, max_episode_steps=7))
    assert is_own(name) and gymnasium_id(name) == name and make_vec_env(name, 2, [0, 1], "sync").spec.goal_size == 2
    with pytest.raises(UserError, match="--vec_env=envpool does not work here"):
        make_vec_env(name, 2, [0, 1], "envpool")
    general = find("her").config("Unknown-v0", {}, "single")
    assert find("her").config(name, {}, "single") == general
    assert (before == general) == (name == "CartPole-v1")
    assert find("her").config("FetchSlideObstacle-v0", {}, "single") == general, "it only begins alike"


def test_what_the_user_has_registered_before_the_libraries_stays(monkeypatch):
    monkeypatch.setitem(gymnasium.registry, "FetchPush-v4", EnvSpec("FetchPush-v4", PointReach))
    monkeypatch.delitem(sys.modules, "gymnasium_robotics")
    assert is_own("FetchPush-v4") and not is_own("FetchSlide-v4")
