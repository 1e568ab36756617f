"""Seeing a policy: `python -m baselines.play` and `--play`."""

import os
import re
import resource
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from moviepy import VideoFileClip

from baselines import run
from baselines.her.demonstrations import read_demonstrations
from baselines.play import main
from baselines.policies.policy import NetworkPolicy, save_policy
from tests.commands.doors import FETCH_REACH_SIZES, POINT_REACH_SIZES, command_refused, frames, moves, save, servo
from tests.helpers import HORIZON, POINT_REACH, POINT_REACH_ID, ROOT, TINY, refused

pytestmark = pytest.mark.usefixtures("no_display", "cwd")


def recorded(capsys, *argv):
    """The demonstrations that a perfect policy is played into, and what is printed."""
    main([POINT_REACH, "--record_demos=demos.npz", *argv])
    return read_demonstrations("demos.npz", POINT_REACH_SIZES), capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("kind", ["mp4", "gif"])
def test_a_policy_is_played_into_a_file(kind, capsys):
    main([f"--load_path={save('policy')}", POINT_REACH, "--episodes=2", f"--video=seen.{kind}"])
    printed = re.sub(r"return -\d+\.\d\d", "return R", capsys.readouterr().out)
    assert printed.splitlines() == [
        f"recording seen.{kind}", "episode 1: return R, success", "episode 2: return R, success",
        "played 2 episodes: success rate 1.000, mean return R",
    ]  # fmt: skip
    assert sorted(os.listdir()) == ["policy.safetensors", f"seen.{kind}", "taken"]
    assert moves(frames(f"seen.{kind}"))
    with VideoFileClip(f"seen.{kind}") as clip:
        assert clip.duration == pytest.approx((2 * HORIZON + 2) / 10, abs=0.5)  # PointReach has 10 pictures a second


def test_a_video_that_was_asked_for_and_cannot_be_rendered_is_refused(capsys):
    policy = save("policy", sizes=replace(POINT_REACH_SIZES, env_id="PointReach-dark-v0"))
    dark = "--env=tests.environments:PointReach-dark-v0"
    line = command_refused(capsys, main, f"--load_path={policy}", dark, "--video=seen.mp4")
    assert "cannot render" in line and "MUJOCO_GL" in line


def test_a_video_that_does_not_fit_on_the_disk_replaces_no_other_one(cwd):
    (cwd / "seen.mp4").write_text("an older one")
    words = [f"--load_path={save('policy')}", POINT_REACH, "--episodes=40", "--video=seen.mp4"]

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

    done = subprocess.run([sys.executable, "-m", "baselines.play", *words], capture_output=True, preexec_fn=limit)
    assert done.returncode == 2
    assert done.stderr.decode() == "error: cannot write seen.mp4: the video is not complete (is the disk full?)\n"
    assert (cwd / "seen.mp4").read_text() == "an older one"
    assert sorted(os.listdir()) == ["policy.safetensors", "seen.mp4", "taken"]


def test_without_a_file_and_a_display_a_video_is_recorded_here(capsys):
    main([f"--load_path={save('policy')}", POINT_REACH, "--episodes=1"])
    assert "recording ./play.mp4" in capsys.readouterr().out
    (video,) = (name for name in os.listdir() if name.endswith(".mp4"))
    assert sorted(os.listdir()) == sorted([video, "policy.safetensors", "taken"]) and moves(frames(video))


def test_episodes_are_recorded_as_demonstrations_instead_of_shown(capsys):
    save("policy")
    demos, printed = recorded(capsys, "--load_path=policy", "--episodes=3")
    assert printed[-1] == "wrote 3 of 3 episodes to demos.npz" and not any("video" in line for line in printed)
    assert demos.success.all() and (demos.length == HORIZON).all() and demos.action.shape == (3, HORIZON, 2)
    policy = servo()
    for i in range(3):
        observed = {key: getattr(demos, key)[i, :HORIZON] for key in ("observation", "achieved_goal", "desired_goal")}
        np.testing.assert_allclose(policy.act(observed), demos.action[i], atol=1e-6)
    assert sorted(os.listdir()) == ["demos.npz", "policy.safetensors", "taken"]


def test_the_same_seed_plays_the_same_episodes_and_a_different_seed_others(capsys):
    save("policy")
    goals = []
    for seed in (1, 1, 2):
        goals.append(recorded(capsys, "--load_path=policy", "--episodes=2", f"--seed={seed}")[0].desired_goal)
        os.remove("demos.npz")
    np.testing.assert_array_equal(goals[0], goals[1])
    assert (goals[0] != goals[2]).any() and (goals[0][0] != goals[0][1]).any()


def test_failed_episodes_are_kept_where_they_are_asked_for(capsys):
    save("still", gain=0)
    with pytest.raises(SystemExit, match="2"):
        main(["--load_path=still", POINT_REACH, "--record_demos=demos.npz"])
    assert capsys.readouterr().err == "error: no episode succeeded: nothing to write to demos.npz\n"
    demos, printed = recorded(capsys, "--load_path=still", "--episodes=2", "--keep_failures")
    assert printed[-1] == "wrote 2 of 2 episodes to demos.npz" and not demos.success.any()


BAD_INPUT = {
    "module that the policy names": (["--load_path=modular"], ["-m baselines.play --load_path=modular --env=tests"]),
    "environment of other sizes": (["--load_path=policy", "--env=CartPole-v1"], ["observation size 2, not 4"]),
    "video of another kind": (["--load_path=policy", "--video=a.avi"], [".mp4 or .gif", "a.avi"]),
    "video below a file": (["--load_path=policy", "--video=taken/a.mp4"], ["cannot write", "taken"]),
    "demonstrations in a folder": (["--load_path=policy", "--record_demos=."], ["cannot write", "folder"]),
    "demonstrations over a file": (["--load_path=policy", "--record_demos=taken"], ["exists already", "another name"]),
    "failures that are not recorded": (["--load_path=policy", "--keep_failures"], ["--record_demos=FILE"]),
    "video of what is not shown": (
        ["--load_path=policy", "--video=a.mp4", "--record_demos=d.npz"], ["--record_demos", "leave out --video"]),
    "demonstrations of a mere network": (["--load_path=network", "--record_demos=d.npz"], ["writes none"]),
    "unknown algorithm": (["--load_path=policy", "--alg=hr"], ["'hr'", "nearest: her"]),
}  # fmt: skip


@pytest.mark.parametrize(("argv", "words"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_ends_with_one_line_and_leaves_nothing_behind(argv, words, capsys):
    save("policy")
    save("modular", sizes=replace(POINT_REACH_SIZES, env_id=POINT_REACH_ID))
    save_policy("network", NetworkPolicy(POINT_REACH_SIZES, [(np.zeros((6, 2)), np.zeros(2))]))
    line = command_refused(capsys, main, *argv)
    assert [word for word in words if word not in line] == []


@pytest.mark.slow
def test_the_fetch_robot_is_rendered_without_a_display():
    save("policy", sizes=FETCH_REACH_SIZES)
    command = [sys.executable, "-m", "baselines.play", "--load_path=policy", "--episodes=1", "--video=seen.mp4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    there = os.path.exists("seen.mp4")
    # A machine without any renderer says so, and the episodes are played all the same.
    assert ("playing without a video: cannot render" in done.stdout) == (not there)
    assert "played 1 episode" in done.stdout
    if there:
        assert np.std(frames("seen.mp4")[0]) > 10


def test_a_loaded_policy_is_played_into_a_video_without_training(capsys, monkeypatch, finished):
    monkeypatch.setattr("baselines.her.ddpg.DDPG.train", None)  # a call would fail
    monkeypatch.setattr("baselines.her.train.evaluate", None)
    run.main([POINT_REACH, "--num_timesteps=0", f"--load_path={finished[1]}", "--play=1", "--play_episodes=3",
              "--log_path=play"])  # fmt: skip
    assert "played 3 episodes: success rate" in capsys.readouterr().out
    (video,) = (name for name in os.listdir("play") if name.endswith(".mp4"))
    pictures = frames(f"play/{video}")
    assert len(pictures) >= 3 * HORIZON
    assert moves(pictures), "nothing moves"


def test_where_nothing_renders_the_message_says_what_to_do(capsys, finished):
    run.main(["--env=tests.environments:PointReach-dark-v0", "--num_timesteps=0", f"--load_path={finished[1]}",
              "--play", "--play_episodes=1", "--log_path=play"])  # fmt: skip
    printed = capsys.readouterr().out
    assert "playing without a video: cannot render" in printed and "MUJOCO_GL" in printed
    assert "played 1 episode" in printed


@pytest.mark.slow
def test_a_display_that_does_not_answer_is_reported_and_a_video_recorded_instead(monkeypatch, capsys):
    monkeypatch.setenv("DISPLAY", ":99")  # which MuJoCo's own window needs; pygame's does without
    monkeypatch.setenv("MUJOCO_GL", "")
    run.main(["--env=FetchReach-v1", "--num_timesteps=0", "--play", "--play_episodes=1", "--log_path=log", *TINY])
    printed = capsys.readouterr().out
    assert "playing without a window: cannot render" in printed and "played 1 episode" in printed
    assert any(name.endswith(".mp4") for name in os.listdir("log"))


def test_the_launcher_records_demonstrations_of_what_it_has_trained(capsys, monkeypatch):
    save("policy")
    run.main([POINT_REACH, "--num_timesteps=0", "--load_path=policy", "--play", "--play_episodes=2", "--seed=0",
              "--record_demos=demos.npz", "--log_path=log"])  # fmt: skip
    assert "wrote 2 of 2 episodes to demos.npz" in capsys.readouterr().out
    assert read_demonstrations("demos.npz", POINT_REACH_SIZES).success.all()
    monkeypatch.syspath_prepend(ROOT)
    line = refused(capsys, POINT_REACH, "--alg=examples.cross_entropy", "--play", "--record_demos=d.npz")
    assert "writes none" in line
