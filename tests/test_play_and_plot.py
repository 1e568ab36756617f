"""Seeing a policy: videos, and learning curves."""

import csv
import subprocess
import sys

import numpy as np
import pytest
from moviepy import VideoFileClip

from baselines import plot as plotting
from baselines import run
from baselines.common.errors import UserError
from baselines.common.logger import Logger

TINY = ["--n_cycles=2", "--n_batches=2", "--batch_size=16", "--hidden=8", "--layers=1", "--n_test_rollouts=1"]
POINT_REACH = "--env=tests.environments:PointReach-v0"


@pytest.fixture(autouse=True)
def no_display(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


def frames(path):
    with VideoFileClip(str(path)) as clip:
        return [np.array(f) for f in clip.iter_frames()]


def saved_policy(folder):
    run.main([POINT_REACH, "--n_epochs=1", f"--save_path={folder / 'policy'}", f"--log_path={folder / 'log'}", *TINY])
    return folder / "policy"


def test_a_loaded_policy_is_played_into_a_video_without_training(tmp_path, capsys, monkeypatch):
    policy = saved_policy(tmp_path)
    monkeypatch.setattr("baselines.her.her.ReplayBuffer", None)  # building one would fail
    run.main([POINT_REACH, "--num_timesteps=0", f"--load_path={policy}", "--play", "--play_episodes=3",
              f"--log_path={tmp_path / 'play'}"])  # fmt: skip
    printed = capsys.readouterr().out
    assert [f"episode {i}: return" in printed for i in (1, 2, 3)] == [True] * 3
    assert "played 3 episodes: success rate" in printed
    (video,) = (tmp_path / "play").glob("*.mp4")
    pictures = frames(video)
    assert len(pictures) >= 3 * 30
    assert any((a != b).any() for a, b in zip(pictures, pictures[1:])), "nothing moves"


def test_the_fetch_robot_is_rendered_without_a_display(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "baselines.run", "--env=FetchReach-v1", "--num_timesteps=0", "--play",
         "--play_episodes=1", f"--log_path={tmp_path}", "--hidden=8"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    videos = list(tmp_path.glob("*.mp4"))
    # A machine without any renderer is told so, and the episodes are played all the same.
    assert ("playing without a video: cannot render" in done.stdout) == (not videos)
    assert "played 1 episodes" in done.stdout
    for video in videos:
        assert np.std(frames(video)[0]) > 10


def test_where_nothing_renders_the_message_says_what_to_do(tmp_path, capsys):
    policy = saved_policy(tmp_path)
    run.main(["--env=tests.environments:PointReach-dark-v0", "--num_timesteps=0", f"--load_path={policy}", "--play",
              "--play_episodes=1", f"--log_path={tmp_path / 'play'}"])  # fmt: skip
    printed = capsys.readouterr().out
    assert "playing without a video: cannot render" in printed and "MUJOCO_GL" in printed
    assert "played 1 episodes" in printed


def test_a_file_for_demonstrations_that_cannot_be_written_is_refused_before_training(tmp_path, capsys):
    for file in (tmp_path, "/proc/none/x.npz"):
        with pytest.raises(SystemExit) as exit:
            run.main(
                [POINT_REACH, "--n_epochs=1", "--play", f"--record_demos={file}", f"--log_path={tmp_path / 'log'}"]
            )
        assert exit.value.code == 2 and "cannot write" in capsys.readouterr().err
        assert not (tmp_path / "log").exists()


def test_training_episodes_are_recorded_every_interval(tmp_path):
    run.main([POINT_REACH, "--n_epochs=1", "--num_env=2", "--save_video_interval=30", "--save_video_length=10",
              f"--log_path={tmp_path}", *TINY])  # fmt: skip
    videos = sorted(p.name for p in (tmp_path / "videos").iterdir())
    assert "training-step-0.mp4" in videos and len(videos) >= 2
    assert 9 <= len(frames(tmp_path / "videos" / videos[0])) <= 12
    run.main([f"--resume={tmp_path}", "--n_epochs=2"])
    later = {p.name for p in (tmp_path / "videos").iterdir()} - set(videos)
    assert later and all(name.startswith("training2-step-") for name in later)


def write_run(folder, values):
    folder.mkdir()
    with open(folder / "progress.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "total/timesteps", "test/success_rate"])
        writer.writerows([i, 100 * (i + 1), v] for i, v in enumerate(values))
    return str(folder)


def test_a_curve_is_the_median_and_the_quartiles_of_its_seeds(tmp_path):
    folders = [write_run(tmp_path / str(i), [v, 1.0, 0.5][: 3 - (i == 0)]) for i, v in enumerate((0.0, 0.1, 0.4))]
    x, (low, median, high) = plotting.quartiles(folders, "total/timesteps", "test/success_rate")
    assert list(x) == [100, 200]  # the shortest run has two epochs
    assert (low[0], median[0], high[0]) == pytest.approx((0.05, 0.1, 0.25))


def test_the_plotter_writes_a_picture(tmp_path):
    folder = write_run(tmp_path / "a", [0, 0.5, 1])
    plotting.main([f"a={folder}", "--output", str(tmp_path / "curve.png")])
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_of_an_unknown_kind_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as exit:
        plotting.main([f"a={write_run(tmp_path / 'a', [0, 1])}", f"--output={tmp_path / 'curve.abc'}"])
    assert exit.value.code == 2 and capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("content", [None, b"", b"epoch\n0\n", b"\xff\xfe\x00", b"epoch,test/success_rate\n1,abc\n"])
def test_a_run_that_cannot_be_plotted_is_one_clear_error(tmp_path, content, capsys):
    if content is not None:
        (tmp_path / "progress.csv").write_bytes(content)
    with pytest.raises(SystemExit) as exit:
        plotting.main([f"a={tmp_path}", "--output", str(tmp_path / "curve.png")])
    assert exit.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert not (tmp_path / "curve.png").exists()


@pytest.mark.parametrize("name", ["config.json", "progress.csv", "progress.json"])
def test_a_folder_with_files_of_a_run_or_of_a_policy_is_refused(tmp_path, name):
    (tmp_path / name).write_text("kept")
    with pytest.raises(UserError, match="holds files of another run"):
        Logger(str(tmp_path))
    assert (tmp_path / name).read_text() == "kept"


def test_two_runs_into_one_folder_are_refused(tmp_path):
    Logger(str(tmp_path)).info("first")
    before = (tmp_path / "log.txt").read_bytes()
    with pytest.raises(UserError, match="holds files of another run"):
        Logger(str(tmp_path)).info("second")
    assert (tmp_path / "log.txt").read_bytes() == before


def test_a_display_that_does_not_answer_is_told_and_a_video_recorded_instead(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DISPLAY", ":99")
    monkeypatch.setenv("MUJOCO_GL", "")
    run.main([POINT_REACH, "--num_timesteps=0", "--play", "--play_episodes=1", f"--log_path={tmp_path}", *TINY])
    printed = capsys.readouterr().out
    assert "playing without a window: cannot render" in printed and "played 1 episodes" in printed
    assert list(tmp_path.glob("*.mp4"))
