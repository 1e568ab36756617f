"""Several copies of a goal environment, by name: `make_vec_env`."""

from collections.abc import Callable

from baselines.common.errors import UserError
from baselines.common.vec_env import envpool_env, gymnasium_env
from baselines.common.vec_env.base import GoalVecEnv
from baselines.common.vec_env.names import gymnasium_id, import_module_of

BACK_ENDS = ("auto", "envpool", "sync", "async")


def make_vec_env(
    env_id: str,
    num_env: int,
    seeds: list[int],
    back_end: str = "auto",
    num_threads: int = 1,
    video: dict | None = None,
    say: Callable[[str], None] = print,
) -> GoalVecEnv:
    """`num_env` environments of a task, seeded one by one. Raises UserError.

    `auto` is EnvPool where it has the task, otherwise processes (`async`) for several environments and `sync` for
    one. `video` (folder, interval and length in steps) records the first environment, which EnvPool cannot. What is
    chosen is told through `say`.
    """
    name = import_module_of(env_id)
    in_envpool = back_end in ("auto", "envpool") and envpool_env.knows(name)
    if back_end == "envpool" and (not in_envpool or video):
        why = "it cannot record videos" if video else f"it has no '{name}' that is known to be right, or is not installed"
        raise UserError(f"--vec_env=envpool does not work here: {why}; use --vec_env=auto")
    if in_envpool and not video:
        say(f"environments: {num_env} x {env_id}, stepped by EnvPool on {min(num_threads, num_env)} threads")
        return envpool_env.EnvPoolVecEnv(name, num_env, seeds, num_threads)
    asynchronous = back_end == "async" or (back_end == "auto" and num_env > 1)
    stand_in = gymnasium_id(env_id)
    instead = f" ({stand_in} in place of {name}, which needs mujoco-py)" if stand_in != name else ""
    how = "each in its own process" if asynchronous else "one after the other"
    say(f"environments: {num_env} x {env_id}{instead}, stepped by Gymnasium, {how}")
    return gymnasium_env.make(env_id, num_env, seeds, asynchronous, video)
