"""Several copies of an environment: by name with `make_vec_env`, or of the user's own with `as_vec_env`."""

import dataclasses

from baselines.common.errors import UserError
from baselines.envs import envpool_env, gymnasium_env
from baselines.envs.arguments import NONE, EnvArguments
from baselines.envs.base import VecEnv
from baselines.envs.gymnasium_env import as_vec_env as as_vec_env
from baselines.envs.names import OLD_GYM, gymnasium_id, import_module_of

BACK_ENDS = ("auto", "envpool", "sync", "async")


def make_vec_env(
    env_id: str, num_env: int, seeds: list[int], back_end: str = "auto", num_threads: int = 1, step_timeout: float = 0,
    arguments: EnvArguments = NONE,
) -> VecEnv:  # fmt: skip
    """Make `num_env` environments of a task, with one seed each. Raises UserError.

    `auto` is EnvPool where it has the task, otherwise processes (`async`) for several environments and `sync` for one;
    `description` says which. After `step_timeout` seconds without an answer, environments in processes end the run.
    """
    name = env_id if env_id.startswith(OLD_GYM) else import_module_of(env_id)
    used = name if envpool_env.knows(name) else gymnasium_id(env_id)
    instead = "" if used == name else f" ({used} is used for {name}, which cannot be made here)"
    why_not = "" if envpool_env.knows(used) else f"it has no checked '{name}', or is not installed"
    if arguments.kwargs or arguments.reward_info:
        why_not = "it takes no --env_kwargs and no --reward_info"
    if back_end == "auto":
        several = "async" if num_env > 1 else "sync"
        back_end = "async" if step_timeout else several if why_not else "envpool"
    if step_timeout and back_end != "async":
        raise UserError("--step_timeout is for environments in processes of their own: add --vec_env=async")
    env: VecEnv
    if back_end == "envpool":
        if why_not:
            raise UserError(f"--vec_env=envpool does not work here: {why_not}; use --vec_env=auto")
        env = envpool_env.EnvPoolVecEnv(used, num_env, seeds, num_threads, arguments.max_episode_steps)
    else:
        env = gymnasium_env.make(env_id, num_env, seeds, back_end == "async", step_timeout, arguments)
    env.spec = dataclasses.replace(env.spec, env_kwargs=arguments.text())
    env.description += instead
    return env
