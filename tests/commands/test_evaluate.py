"""Evaluation of a policy: `python -m baselines.evaluate` and `baselines.evaluate_policy`."""

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import replace

import gymnasium
import numpy as np
import pytest

import baselines
from baselines.common.errors import UserError
from baselines.common.seeding import env_seeds
from baselines.envs.gymnasium_env import GymnasiumVecEnv
from baselines.evaluate import main
from tests.commands.doors import POINT_REACH_SIZES, command_refused, save, servo
from tests.helpers import HORIZON, POINT_REACH, POINT_REACH_ID, ROOT, point_reach


class Slow:
    """Goes to the goal by 0.03 a step: it comes to those that are within 0.9 in each coordinate."""

    def act(self, observation):
        return np.clip(10 * (observation["desired_goal"] - observation["achieved_goal"]), -0.3, 0.3)


class Still:
    def act(self, observation):
        return np.zeros_like(observation["desired_goal"])


def alone(policy, seeds, rounds):
    """Success, return, length and final distance of each episode, of environments that are stepped by themselves."""
    episodes = []
    environments = [gymnasium.make("PointReach-v0") for _ in seeds]
    for number in range(rounds):
        for env, seed in zip(environments, seeds, strict=True):
            observation, _ = env.reset(seed=None if number else seed)
            total, length, over = 0.0, 0, False
            while not over:
                observed = {key: np.float32(x) for key, x in observation.items()}
                observation, reward, terminated, truncated, info = env.step(policy.act(observed))
                total, length, over = total + reward, length + 1, terminated or truncated
            distance = np.linalg.norm(observation["achieved_goal"] - observation["desired_goal"])
            episodes.append((info["is_success"], total, length, distance))
    return np.array(episodes, float)


@pytest.mark.parametrize("policy", [Slow(), Still(), servo()], ids=["slow", "still", "servo"])
def test_the_figures_are_those_of_episodes_that_are_played_one_by_one(policy):
    found = baselines.evaluate_policy(policy, POINT_REACH_ID, 21, num_env=7, seed=5, vec_env="sync")
    success, returns, length, distance = alone(policy, env_seeds(5, 0, "evaluate", 7), rounds=3).T
    assert found.episodes == 21 and found.success_rate == success.mean()
    assert found.mean_return == pytest.approx(returns.mean()) and found.std_return == pytest.approx(returns.std())
    assert found.mean_length == length.mean() == HORIZON
    assert found.mean_final_distance == pytest.approx(distance.mean(), abs=1e-5)
    expected = {Slow: 0 < success.mean() < 1, Still: returns.max() == -HORIZON}
    assert expected.get(type(policy), success.mean() == 1)


def test_environments_by_name_are_closed_and_ones_own_are_not(monkeypatch):
    closed, close = [], GymnasiumVecEnv.close
    monkeypatch.setattr(GymnasiumVecEnv, "close", lambda env: closed.append(env) or close(env))
    with contextlib.closing(point_reach(3)) as own:
        baselines.evaluate_policy(servo(), own, 5)
        assert closed == []
        single = gymnasium.make("PointReach-v0")
        single.unwrapped.close = lambda: closed.append(single)
        assert baselines.evaluate_policy(servo(), single, 2).success_rate == 1
        assert single not in closed
    closed.clear()
    baselines.evaluate_policy(servo(), POINT_REACH_ID, 5, num_env=2, vec_env="sync")
    assert len(closed) == 1
    raises = type("Raises", (), {"act": lambda self, o: 1 / 0})()
    with pytest.raises(ZeroDivisionError):
        baselines.evaluate_policy(raises, POINT_REACH_ID, 5, vec_env="sync")
    assert len(closed) == 2


def test_a_policy_is_evaluated_in_what_it_was_trained_on_unless_that_would_import_a_module():
    found = baselines.evaluate_policy(servo(), episodes=2, vec_env="sync")
    assert found.success_rate == 1
    foreign = servo(replace(POINT_REACH_SIZES, env_id="no_such_module_of_mine:Id-v0"))
    with pytest.raises(UserError, match="if you trust the file, pass env='no_such_module_of_mine:Id-v0'"):
        baselines.evaluate_policy(foreign, episodes=2)
    assert baselines.evaluate_policy(foreign, POINT_REACH_ID, 2, vec_env="sync").success_rate == 1


def test_evaluating_loads_no_tensorflow():
    program = f"""
import sys, baselines
class Still:
    def act(self, observation):
        return observation["desired_goal"] * 0
found = baselines.evaluate_policy(Still(), "{POINT_REACH_ID}", 4, num_env=2, vec_env="sync")
print(found.episodes, found.mean_length, "tensorflow" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, f"4 {float(HORIZON)} False\n"), done.stderr


def test_the_command_prints_and_writes_what_python_gets(cwd, capsys):
    (cwd / "o.json").write_text("older")
    main([f"--load_path={save('policy')}", POINT_REACH, "--episodes=10", "--seed=3", "--vec_env=sync", "--json=o.json"])
    lines = capsys.readouterr().out.splitlines()
    found = baselines.evaluate_policy(servo(), POINT_REACH_ID, 10, seed=3, vec_env="sync")
    written = json.loads((cwd / "o.json").read_text())
    assert written == {"env": POINT_REACH_ID, "seed": 3, **json.loads(json.dumps(found.document()))}
    assert sorted(os.listdir()) == ["o.json", "policy.safetensors", "taken"]
    assert lines == [
        "episodes        10",
        "success rate    1.000, 95 percent interval 0.722 to 1.000",  # 10 / (10 + 3.8415)
        f"return          {found.mean_return:.2f}, standard deviation {found.std_return:.2f}",
        "length          30.0 steps",
        f"final distance  {found.mean_final_distance:.4f} to the goal, in its units",
    ]


def test_a_full_disk_takes_no_figures_away(cwd, capsys, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    policy = save("policy")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SystemExit, match="1"):
        main([f"--load_path={policy}", POINT_REACH, "--episodes=2", "--vec_env=sync", "--json=o.json"])
    printed = capsys.readouterr()
    assert printed.out.startswith("episodes        2\n") and "final distance" in printed.out
    assert printed.err.splitlines()[-1] == "error: cannot write o.json: No space left on device"
    assert sorted(os.listdir()) == ["policy.safetensors", "taken"]


BAD_INPUT = {
    "no policy": ([POINT_REACH], ["--load_path is missing (policy: a file, or a folder"]),
    "policy that is not there": (["--load_path=nowhere"], ["nowhere"]),
    "environment of other sizes": (["--load_path=policy", "--env=CartPole-v1"], ["observation size 2, not 4"]),
    "module that the policy names": (
        ["--load_path=modular"], [f"type python -m baselines.evaluate --load_path=modular {POINT_REACH}"]),
    "no episodes": (["--load_path=policy", "--episodes=0"], ["episodes: expected 1 to", "got 0"]),
    "unknown flag": (["--load_path=policy", "--episode=3"], ["'episode'", "nearest: episodes"]),
    "file below a file": (["--load_path=policy", "--json=taken/o.json"], ["cannot write", "taken"]),
    "file that is a folder": (["--load_path=policy", "--json=."], ["cannot write", "folder"]),
    "file of another kind": (["--load_path=policy", "--json=taken"], ["exists already, and only a .json file"]),
    "device": (["--load_path=policy", "--json=/dev/null"], ["exists already, and only a .json file"]),
}  # fmt: skip


@pytest.mark.parametrize(("argv", "words"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_ends_with_one_line_and_leaves_nothing_behind(argv, words, cwd, capsys):
    save("policy")
    save("modular", sizes=replace(POINT_REACH_SIZES, env_id=POINT_REACH_ID))
    line = command_refused(capsys, main, *argv)
    assert [word for word in words if word not in line] == []


def test_an_environment_that_returns_nan_ends_with_one_line_and_writes_no_figures(cwd, capsys):
    policy = save("policy", sizes=replace(POINT_REACH_SIZES, env_id="PointReach-nan-v0"))
    argv = [f"--load_path={policy}", "--env=PointReach-nan-v0", "--vec_env=sync", "--json=o.json"]
    assert "NaN" in command_refused(capsys, main, *argv, code=1)
