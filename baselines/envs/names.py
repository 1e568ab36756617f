"""Names of environments: modules to import, and the id that Gymnasium can make."""

import importlib
import importlib.util
import re
import sys
import warnings

import gymnasium
from farama_notifications import notifications

from baselines.common.errors import UserError, nearest
from baselines.envs.directory import environment_code
from baselines.envs.faults import describe_error

OLD_GYM = "gym:"  # prefix of environments of old gym


def import_extra(module: str | None, env_id: str | None) -> str | None:
    """Import --extra_import=MODULE and return MODULE:Id, which processes and resumed runs import. Raises UserError."""
    if module is None:
        return env_id
    _import(module, f"--extra_import={module}")
    prefix, _, name = (env_id or "").rpartition(":")
    if env_id is None or prefix not in ("", "gym"):
        return env_id
    return ":".join(filter(None, (prefix, module, name)))


def import_module_of(env_id: str) -> str:
    """Import `module` of 'module:Id-v0' and return the id. Raises UserError."""
    if "gymnasium_robotics" not in sys.modules:
        registered = dict(gymnasium.registry)
        notifications.pop("gymnasium_robotics", None)  # a notice about Adroit at every import
        with warnings.catch_warnings(action="ignore"):  # of names that the user has registered
            import gymnasium_robotics
        gymnasium.register_envs(gymnasium_robotics)
        gymnasium.registry.update(registered)  # the import replaces what the user has registered under its names
    module, _, name = env_id.removeprefix(OLD_GYM).rpartition(":")
    if module:
        _import(module, f"--env={env_id}")
    return name


@environment_code()
def _import(module: str, flag: str) -> None:
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as error:
        file = "; give its name, package.module, not its file" if module.endswith(".py") or "/" in module else ""
        missing = isinstance(error, ModuleNotFoundError) and module.startswith(error.name or ":")  # not one it imports
        reason = f"{type(error).__name__}: {error}" if missing else describe_error(error)
        raise UserError(f"{flag}: cannot import module '{module}' ({reason}){file}") from None


def is_own(env_id: str) -> bool:
    """Return True if the user has registered this name, which may be one of a library's too; imports no module."""
    name = import_module_of(env_id.rpartition(":")[2])
    if name not in gymnasium.registry:  # one that only EnvPool has, or that `gymnasium_id` replaces
        return env_id.startswith(OLD_GYM)
    spec = gymnasium.registry[name]
    changed = spec.additional_wrappers or (spec.kwargs.get("reward_type") == "dense") != ("Dense" in name)
    return bool(changed) or not str(spec.entry_point).startswith(("gymnasium.", "gymnasium_robotics."))


def gymnasium_id(env_id: str) -> str:
    """Return the id that Gymnasium can make here: the newest version of a Fetch or Hand task for its older ones.

    FetchReach-v1 needs mujoco-py, and is used where that is installed; -v2 and -v3 are no longer registered. Names of
    old gym stay. Raises UserError for unknown names.
    """
    if env_id.startswith(OLD_GYM):
        return env_id
    name = import_module_of(env_id)
    if name in gymnasium.registry and (not _needs_mujoco_py(name) or importlib.util.find_spec("mujoco_py")):
        return name
    task = re.escape(name.rpartition("-v")[0])
    versions = sorted((i for i in gymnasium.registry if re.fullmatch(rf"{task}-v\d+", i)), key=_version)
    if versions:
        newest = max((i for i in versions if not is_own(i)), key=_version, default=versions[0])
        if _needs_mujoco_py(versions[0]) and re.search(r"-v\d+$", name) and _version(name) < _version(newest):
            return newest
        raise UserError(f"environment '{name}' does not exist in this version; there is {', '.join(versions)}")
    without = "" if re.search(r"-v\d+$", name) else " without a version"
    raise UserError(
        f"there is no environment '{name}'{without}{nearest(name, gymnasium.registry)}. Your own: --env=module:Id-v0 "
        "imports `module`, which registers it with gymnasium.register(id='Id-v0', max_episode_steps=...)"
    )


def _needs_mujoco_py(env_id: str) -> bool:
    return "MujocoPy" in str(gymnasium.registry[env_id].entry_point)


def _version(env_id: str) -> int:
    return int(env_id.rpartition("-v")[2])
