"""What the tests of the commands share: policies that solve a task, made by hand, and how a command refuses."""

import numpy as np
import pytest
from moviepy import VideoFileClip

from baselines.common.mpi import Communicator
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.policy import make_policy
from baselines.policies.policy import save_policy
from tests.helpers import contents, goal_spec

POINT_REACH_SIZES = goal_spec("PointReach-v0")
FETCH_REACH_SIZES = goal_spec("FetchReach-v1", 10, 3, 4, 50)


def servo(sizes=POINT_REACH_SIZES, gain=10.0, max_u=1.0):
    """A policy of HER that goes to the goal: action = max_u tanh(gain (desired - achieved)), in the first coordinates.

    Its units are relu(g) and relu(-g) of the relative goal g; the normalizers have mean 0 and standard deviation 1.
    """
    config = HERConfig(hidden=2 * sizes.goal_size, layers=1, relative_goals=True, max_u=max_u)
    agent = DDPG(sizes, config, np.random.default_rng(0), Communicator())
    arrays = {name: np.zeros_like(array) for name, array in agent.policy_state().items()}
    eye = np.eye(sizes.goal_size, dtype=np.float32)
    arrays["main_pi/0_kernel"][sizes.observation_size :] = np.hstack([eye, -eye])
    arrays["main_pi/1_kernel"][:, : sizes.goal_size] = gain * np.vstack([eye, -eye])
    for name in arrays:
        if name.endswith(("/std", "/count", "/sumsq")):
            arrays[name] += 1
    return make_policy(sizes, config, arrays)


def save(path, **how):
    """Save such a policy, and return its path without .safetensors."""
    save_policy(str(path), servo(**how))
    return str(path)


def frames(path):
    """The pictures of a video."""
    with VideoFileClip(str(path)) as clip:
        return [np.array(f) for f in clip.iter_frames()]


def moves(pictures):
    return any((a != b).any() for a, b in zip(pictures[:-1], pictures[1:], strict=True))


def command_refused(capsys, main, *argv, code=2):
    """The one line that a command ends with; it leaves nothing behind."""
    before = contents(".")
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(list(argv))
    out, line = capsys.readouterr()
    assert ended.value.code == code
    assert line.startswith("error: ") and line.endswith("\n") and line.count("\n") == 1, line
    assert "Traceback" not in line and (out == "" or code == 1)
    assert contents(".") == before
    return line
