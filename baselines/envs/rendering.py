"""Rendering: videos, displays, and a check that an environment renders here."""

import os
import subprocess
import sys
import warnings

import gymnasium
from gymnasium.wrappers import RecordVideo

from baselines.common.errors import UserError
from baselines.envs.arguments import NONE, EnvArguments, as_text

VIDEO_FILE = "play-step-0.mp4"  # the name that RecordVideo gives the file
_ENDLESS = 10**9  # steps: one video has all episodes


class _Recorder(RecordVideo):
    """A recorder without a traceback where no video can be written: the main process looks at the file."""

    def stop_recording(self) -> None:
        """Write the video, as far as it can be."""
        try:
            super().stop_recording()  # type: ignore[no-untyped-call]
        except OSError:
            self.recorded_frames, self.recording = [], False


def recorded(env: gymnasium.Env, folder: str) -> gymnasium.Env:
    """Wrap `env` to record all that it shows as the file VIDEO_FILE in a folder."""
    with warnings.catch_warnings(action="ignore"):  # the folder exists
        return _Recorder(env, folder, step_trigger=lambda step: step == 0, video_length=_ENDLESS, name_prefix="play")


def has_display() -> bool:
    """Return True if a window can be expected to open."""
    return sys.platform != "linux" or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ


def child_environment() -> dict[str, str]:
    """Return variables for a process that can import all that this one can."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}


_RENDER_ONCE = """
import sys
from baselines.common.errors import UserError
from baselines.envs.arguments import parse_arguments
from baselines.envs.faults import describe_error
from baselines.envs.gymnasium_env import make_one
env_id, mode, kwargs = sys.argv[1:]
try:
    env = make_one(env_id, mode, arguments=parse_arguments(kwargs, None))
    env.reset(seed=0)
    picture = env.render()
except Exception as error:
    sys.exit(str(error) if isinstance(error, UserError) else describe_error(error))
sys.exit(0 if mode == "human" or hasattr(picture, "shape") else "its render() returns no picture")
"""


def check_renders(env_id: str, mode: str = "rgb_array", arguments: EnvArguments = NONE) -> None:
    """Raise UserError where this environment cannot render pictures ('rgb_array') or a window ('human').

    Another process tries it: with TensorFlow in the same process, MuJoCo's EGL renderer crashes on some machines. From
    now on, MuJoCo renders pictures without a display, unless the user has set MUJOCO_GL to something that can.
    """
    if mode == "rgb_array" and sys.platform == "linux" and os.environ.get("MUJOCO_GL") in (None, "", "glfw"):
        os.environ["MUJOCO_GL"] = "egl"
    command = [sys.executable, "-c", _RENDER_ONCE, env_id, mode, as_text(arguments.kwargs)]
    result = subprocess.run(command, capture_output=True, text=True, env=child_environment())
    if result.returncode != 0:
        why = (result.stderr.strip().splitlines() or [f"it ended with {result.returncode}"])[-1]
        raise UserError(
            f"cannot render {env_id} here ({why}). MuJoCo renders with MUJOCO_GL=egl (needs libEGL), "
            "MUJOCO_GL=osmesa (needs libOSMesa) or MUJOCO_GL=glfw (needs a display)"
        )
