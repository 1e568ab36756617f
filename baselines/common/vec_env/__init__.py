"""Several copies of a goal environment, by name: `make_vec_env`."""

from baselines.common.errors import UserError
from baselines.common.vec_env import envpool_env, gymnasium_env
from baselines.common.vec_env.base import GoalVecEnv
from baselines.common.vec_env.gymnasium_env import Video
from baselines.common.vec_env.names import gymnasium_id, import_module_of

BACK_ENDS = ("auto", "envpool", "sync", "async")


def make_vec_env(
    env_id: str,
    num_env: int,
    seeds: list[int],
    back_end: str = "auto",
    num_threads: int = 1,
    video: Video | None = None,
    step_timeout: float = 0,
) -> GoalVecEnv:
    """`num_env` environments of a task, seeded one by one. Raises UserError.

    `auto` is EnvPool where it has the task, otherwise processes (`async`) for several environments and `sync` for
    one. `video` records the first environment, which EnvPool cannot. What was chosen stands in `description`.
    With a `step_timeout`, in seconds, environments in processes that take longer end the run.
    """
    name = import_module_of(env_id)
    if step_timeout and back_end == "auto":
        back_end = "async"
    if back_end in ("auto", "envpool") and not video and envpool_env.knows(name):
        if step_timeout:
            raise UserError("--step_timeout is for environments in processes of their own: add --vec_env=async")
        return envpool_env.EnvPoolVecEnv(name, num_env, seeds, num_threads)
    if back_end == "envpool":
        why = "it cannot record videos" if video else f"it has no checked '{name}', or is not installed"
        raise UserError(f"--vec_env=envpool does not work here: {why}; use --vec_env=auto")
    if video:
        gymnasium_env.check_renders(env_id)
    # Rendering needs a process without TensorFlow, see check_renders.
    asynchronous = back_end == "async" or bool(video) or (back_end == "auto" and num_env > 1)
    env = gymnasium_env.make(env_id, num_env, seeds, asynchronous, video, step_timeout=step_timeout)
    if (stand_in := gymnasium_id(env_id)) != name:
        env.description += f" ({stand_in} stands in for {name}, which needs mujoco-py)"
    return env
