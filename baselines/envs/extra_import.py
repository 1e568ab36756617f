"""--extra_import: a module of the user's own that is imported before the environment is made."""

import importlib

import gymnasium

from baselines.common.errors import UserError
from baselines.envs.faults import said_by
from baselines.envs.legacy_gym import is_legacy
from baselines.envs.names import import_module_of


def import_extra(module: str | None, env_id: str | None) -> str | None:
    """Import `module`, if given; returns the environment's name, with the module where that is what registered it.

    Environments in processes of their own, and a run that is resumed, then import it too. Raises UserError.
    """
    if module is None:
        return env_id
    if env_id and is_legacy(env_id) and env_id.count(":") == 1:
        return f"gym:{module}:{env_id.partition(':')[2]}"  # which imports it
    named = env_id if env_id and ":" not in env_id else None
    before = gymnasium.registry.get(import_module_of(named)) if named else None
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as error:  # it is the user's own, and may do anything
        file = "; give its name, package.module, not its file" if module.endswith(".py") or "/" in module else ""
        raise UserError(f"--extra_import={module}: cannot import this module ({said_by(error)}){file}") from None
    if named and gymnasium.registry.get(named) is not before:
        return f"{module}:{named}"
    return env_id
