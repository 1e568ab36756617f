"""From what users type after --env to what can be made."""

import contextlib
import importlib
import importlib.util
import io
import re

import gymnasium

from baselines.common.errors import UserError, nearest
from baselines.envs.faults import said_by


def import_module_of(env_id: str) -> str:
    """Import `module` of 'module:Id-v0' and return the id alone. Raises UserError."""
    _register_robotics()
    module, _, name = env_id.rpartition(":")
    if module:
        import_users_module(module, env_id)
    return name


def import_users_module(module: str, env_id: str) -> None:
    """Import what registers `env_id`. Raises UserError, whatever its code raises."""
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise UserError(f"--env={env_id}: cannot import module '{module}' ({said_by(error)})") from None


def gymnasium_id(env_id: str) -> str:
    """The id under which Gymnasium can make this task here.

    FetchReach-v1 and its like are made with mujoco-py; without it, the newest version of the same task is used. So it
    is for FetchReach-v2 and -v3, which Gymnasium-Robotics no longer has. Raises UserError for names that Gymnasium does
    not know.
    """
    name = import_module_of(env_id)
    spec = gymnasium.registry.get(name)
    if spec is None and _of_robotics_once(name):
        return _versions(name)[-1]
    if spec is None:
        raise UserError(_unknown(name))
    if "MujocoPy" in str(spec.entry_point) and importlib.util.find_spec("mujoco_py") is None:
        return _versions(name)[-1]
    return name


def _of_robotics_once(name: str) -> bool:
    """Whether it is an older version of a task that is still there, made with mujoco-py in its first one."""
    there = _versions(name)
    if not there or not name.rpartition("-v")[2].isdecimal():
        return False
    first = gymnasium.registry[there[0]].entry_point
    return "MujocoPy" in str(first) and _version(name) < _version(there[-1])


def _version(name: str) -> int:
    return int(name.rpartition("-v")[2])


def _unknown(name: str) -> str:
    if _versions(name):
        return f"environment '{name}' does not exist in this version; there is {', '.join(_versions(name))}"
    return (
        f"unknown environment '{name}'{nearest(name, gymnasium.registry)}. Your own: --env=module:Id-v0 imports "
        "`module`, which registers it with gymnasium.register(id='Id-v0', max_episode_steps=...)"
    )


def _versions(name: str) -> list[str]:
    """All registered versions of a task, oldest first."""
    task = re.sub(r"-v\d+$", "", name)
    found = [i for i in gymnasium.registry if re.fullmatch(re.escape(task) + r"-v\d+", i)]
    return sorted(found, key=_version)


def _register_robotics() -> None:
    if "FetchReach-v4" not in gymnasium.registry:
        with contextlib.redirect_stderr(io.StringIO()):  # a notice about Adroit, at every import
            import gymnasium_robotics
        gymnasium.register_envs(gymnasium_robotics)
