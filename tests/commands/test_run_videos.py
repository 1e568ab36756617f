"""--save_video_interval, --save_video_length: videos of the policy as it learns, in the log folder and TensorBoard."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from moviepy import ImageSequenceClip
from PIL import Image, ImageSequence

from baselines import run
from baselines.algorithm import Agent
from baselines.play import write_gif
from baselines.runs import videos
from baselines.runs.logger import Logger
from baselines.runs.options import Options
from baselines.runs.videos import Videos
from tests.commands.doors import frames, moves, servo
from tests.helpers import HORIZON, POINT_REACH, POINT_REACH_ID, ROOT, TINY, refused, rows, timeless

pytestmark = pytest.mark.usefixtures("no_display", "cwd")
DARK = "tests.environments:PointReach-dark-v0"


def gifs(log):
    """Steps and pictures of the videos that TensorBoard shows."""
    for path in sorted(Path(log).glob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                if value.HasField("image"):
                    assert value.tag == "video"
                    yield event.step, Image.open(io.BytesIO(value.image.encoded_image_string))


def seconds(gif):
    """Equal pictures in a row are one picture that lasts longer."""
    return sum(picture.info["duration"] for picture in ImageSequence.Iterator(gif)) / 1000


@pytest.fixture
def patient(monkeypatch):
    """Wait long for the last video, whose process has the lowest priority."""
    monkeypatch.setattr(videos, "_LAST_SECONDS", 300)


@pytest.mark.slow
def test_a_video_every_n_epochs_and_nothing_else_changes(patient, capsys):
    common = [POINT_REACH, *TINY, "--seed=3"]
    run.main([*common, "--n_epochs=2", "--save_video_interval=2", "--save_video_length=20", "--log_path=log"])
    assert os.listdir("log/videos") == ["epoch-1.mp4"]
    seen = frames("log/videos/epoch-1.mp4")
    assert len(seen) in (20, 21) and moves(seen)
    ((step, gif),) = gifs("log")
    assert step == 120 and seconds(gif) == pytest.approx(20 / 10, abs=0.2) and gif.size == (64, 64)
    assert "one after the other" in Path("log/log.txt").read_text()  # as without videos

    run.main(["--resume=log", "--n_epochs=4"])
    assert sorted(os.listdir("log/videos")) == ["epoch-1.mp4", "epoch-3.mp4"]
    # The video of epoch 1 was finished after the last checkpoint, and is cut off TensorBoard's file with the rest.
    assert [step for step, _ in gifs("log")] == [240]

    run.main([*common, "--n_epochs=4", "--log_path=without"])
    assert timeless("log") == timeless("without")
    assert "warning" not in capsys.readouterr().out


@pytest.mark.slow
def test_videos_of_an_algorithm_of_the_users_own_and_the_environments_arguments(patient, monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    small = ["--generations=1", "--population=4", "--elites=2", "--n_epochs=1", "--seed=0", "--log_path=log"]
    env = ["--env=tests.environments:Coloured-v0", "--env_kwargs=colour=red", "--max_episode_steps=6"]
    run.main(["--alg=examples.cross_entropy", *env, *small, "--save_video_interval=1"])
    assert len(frames("log/videos/epoch-0.mp4")) in (6, 7) and len(list(gifs("log"))) == 1


@pytest.mark.slow
def test_a_run_that_is_stopped_ends_the_video_that_is_being_made():
    command = [sys.executable, "-m", "baselines.run", POINT_REACH, *TINY, "--n_epochs=9999", "--save_video_interval=1",
               "--log_path=log"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not list(Path("log").glob("videos/.unfinished/errors")):
        time.sleep(0.01)
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130 and b"--resume=log" in said and b"Traceback" not in said
    assert os.listdir("log/videos") == []
    assert "no video of epoch 0: it was not finished" in Path("log/log.txt").read_text()


def test_where_nothing_renders_a_run_with_videos_is_refused(capsys):
    line = refused(capsys, f"--env={DARK}", *TINY, "--n_epochs=1", "--save_video_interval=1", "--log_path=log")
    assert "cannot render" in line and "no light" in line and "MUJOCO_GL" in line


def test_an_interval_of_steps_as_it_once_was_is_a_warning(capsys):
    run.main([POINT_REACH, *TINY, "--n_epochs=1", "--save_video_interval=10000", "--log_path=log"])
    assert "warning: --save_video_interval=10000 counts epochs" in capsys.readouterr().out
    assert len(rows("log")) == 1 and not os.path.exists("log/videos")


def test_a_gif_is_small_and_takes_as_long_as_the_video():
    pictures = [np.full((300, 600, 3), i % 250, np.uint8) for i in range(250)]
    with ImageSequenceClip(pictures, fps=25) as clip:
        clip.write_videofile("long.mp4", logger=None)
    write_gif("long.mp4", "small.gif", most_frames=100)
    with Image.open("small.gif") as gif:
        assert 80 <= gif.n_frames <= 84 and gif.size == (320, 160)
        assert seconds(gif) == pytest.approx(10, rel=0.02)


class Trained(Agent):
    """An agent with a policy."""

    def policy(self):
        return servo()


@pytest.fixture
def beside(monkeypatch):
    """`beside(code)`: videos of every epoch, whose process runs this Python code instead, and what they log."""

    def make(code):
        monkeypatch.setattr(videos, "_PLAY", code)
        logger, lines = Logger(), []
        logger.info = lines.append
        return Videos(Options(alg="her", env=POINT_REACH_ID, seed=0, save_video_interval=1), HORIZON, logger), lines

    return make


@pytest.mark.parametrize("fails", [False, True])
def test_nobody_waits_for_a_video_that_is_still_being_made(fails, beside, monkeypatch):
    made, lines = beside("import time; time.sleep(60)")
    monkeypatch.setattr(videos, "_LAST_SECONDS", 60 if fails else 0.1)
    start = time.perf_counter()
    with contextlib.suppress(KeyError), made:
        for epoch in range(4):
            made.after_epoch(Trained(), epoch, 10)
        child = made._process
        if fails:
            raise KeyError
    assert time.perf_counter() - start < 5 and child.returncode == -signal.SIGKILL
    assert lines == ["warning: no video of epoch 1: the video of epoch 0 is not finished; training continues, and so "
                     "do later videos", "no video of epoch 0: it was not finished when the run ended"]  # fmt: skip
    assert os.listdir("videos") == []


def test_a_video_that_fails_is_one_warning(beside):
    made, lines = beside("raise SystemExit('error: no light')")
    with made:
        for epoch in range(3):
            made.after_epoch(Trained(), epoch, 10)
            made._process.wait()
    assert lines == ["warning: no video of epoch 0: no light; training continues, and so do later videos"]
