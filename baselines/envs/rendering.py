"""Pictures of environments: what to record, and whether anything can be rendered here."""

import itertools
import os
import subprocess
import sys
import warnings
from typing import NamedTuple

import gymnasium
from gymnasium.wrappers import RecordVideo

from baselines.common.errors import UserError
from baselines.envs.arguments import NONE, EnvArguments, as_text


class Video(NamedTuple):
    """What to record of an environment: its first `length` steps."""

    folder: str
    length: int
    name: str


def recorded(env: gymnasium.Env, video: Video) -> gymnasium.Env:
    """`env`, which records itself as `video` says."""

    def starts(step: int) -> bool:
        return step == 0

    name = _unused(video)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the folder exists: the names of the videos differ
        return RecordVideo(env, video.folder, step_trigger=starts, video_length=video.length, name_prefix=name)


def _unused(video: Video) -> str:
    """RecordVideo names a file by its first step: a second one would take the place of the first."""
    there = os.listdir(video.folder) if os.path.isdir(video.folder) else []
    names = itertools.chain([video.name], (f"{video.name}{n}" for n in itertools.count(2)))
    return next(name for name in names if not any(file.startswith(f"{name}-step-") for file in there))


def has_display() -> bool:
    """Whether a window can be expected to open."""
    return sys.platform != "linux" or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ


def render_without_display() -> None:
    """Let MuJoCo render where there is no display, unless the user has said how."""
    if sys.platform == "linux" and os.environ.get("MUJOCO_GL") in (None, "", "glfw"):
        os.environ["MUJOCO_GL"] = "egl"


def child_environment() -> dict[str, str]:
    """Variables for a process that imports what this one can, wherever that was found."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}


_RENDER_ONCE = """
import sys
from baselines.envs.arguments import parse_arguments
from baselines.envs.gymnasium_env import make_one
from baselines.common.errors import UserError
from baselines.envs.faults import said_by
env_id, mode, kwargs = sys.argv[1:]
try:
    env = make_one(env_id, mode, arguments=parse_arguments(kwargs, None))
    env.reset(seed=0)
    picture = env.render()
except UserError as error:
    sys.exit(str(error))
except Exception as error:
    sys.exit(said_by(error))
sys.exit(0 if mode == "human" or hasattr(picture, "shape") else "its render() returns no picture")
"""


def check_renders(env_id: str, mode: str = "rgb_array", arguments: EnvArguments = NONE) -> None:
    """Raise UserError where this environment's pictures ('rgb_array') or window ('human') cannot be had.

    Tried in another process: with TensorFlow in the same one, MuJoCo's EGL renderer crashes on some machines.
    """
    command = [sys.executable, "-c", _RENDER_ONCE, env_id, mode, as_text(arguments.kwargs)]
    tried = subprocess.run(command, capture_output=True, text=True, env=child_environment())
    if tried.returncode != 0:
        why = (tried.stderr.strip().splitlines() or [f"it ended with {tried.returncode}"])[-1]
        raise UserError(
            f"cannot render {env_id} here ({why}). MuJoCo renders with MUJOCO_GL=egl (needs libEGL), "
            "MUJOCO_GL=osmesa (needs libOSMesa) or MUJOCO_GL=glfw (needs a display)"
        )
