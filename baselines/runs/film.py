"""A video of a saved policy, made in a process of its own beside a run: `python -m baselines.runs.film JSON`."""

import contextlib
import json
import math
import os
import sys
import threading
from dataclasses import asdict, dataclass
from typing import Self

from baselines.common.cli import errors_end_the_process
from baselines.common.seeding import env_seeds
from baselines.envs import Video, gymnasium_env, parse_arguments
from baselines.policies.policy import read_policy

_MOST_PICTURES = 100  # of the GIF
_MOST_WIDTH = 300


@dataclass(frozen=True)
class Scene:
    """What is filmed, and where to."""

    policy: str  # file
    env: str
    env_kwargs: str | None
    max_episode_steps: int | None
    length: int  # most steps
    seed: int
    folder: str
    name: str  # of the files, without .mp4 and .gif

    def text(self) -> str:
        """JSON, which `of` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> Self:
        """What `text` gave."""
        return cls(**json.loads(text))


def film(scene: Scene) -> None:
    """Play one episode without noise, or its first steps, into an mp4 file and a small GIF. Raises UserError."""
    policy = read_policy(scene.policy)
    arguments = parse_arguments(scene.env_kwargs, scene.max_episode_steps)
    seeds, video = env_seeds(scene.seed, 0, "video", 1), Video(scene.folder, scene.length, "film")
    # MuJoCo's EGL can crash in a process that has TensorFlow, which the environment's module may import.
    apart = "tensorflow" in sys.modules
    with contextlib.closing(gymnasium_env.make(scene.env, 1, seeds, apart, video, arguments=arguments)) as env:
        observation = env.reset()
        for _ in range(scene.length):
            step = env.step(policy.act(observation))
            observation = step.observation
            if step.ended[0]:
                break
    (recorded,) = [os.path.join(scene.folder, name) for name in os.listdir(scene.folder) if name.endswith(".mp4")]
    path = os.path.join(scene.folder, scene.name)
    write_gif(recorded, f"{path}.gif")
    os.replace(recorded, f"{path}.mp4")  # last: whoever finds it finds all


def write_gif(video: str, path: str) -> None:
    """At most 100 pictures of a video, at most 300 wide; it takes as long as the video."""
    from moviepy import VideoFileClip  # which takes a second, and a run that only imports this file needs it not
    from PIL import Image

    with VideoFileClip(video) as clip:
        stride = math.ceil(max(1, clip.n_frames) / _MOST_PICTURES)
        size = min(_MOST_WIDTH, clip.w), math.ceil(clip.h * min(_MOST_WIDTH, clip.w) / clip.w)
        pictures = [Image.fromarray(x).resize(size) for i, x in enumerate(clip.iter_frames()) if i % stride == 0]
        duration = 1000 * stride / clip.fps  # milliseconds
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=duration, loop=0)


def _end_with_parent() -> None:
    sys.stdin.read()  # it has the other end, and closes it however it ends
    os._exit(1)


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(19)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with errors_end_the_process():
        film(Scene.of(sys.argv[1]))
