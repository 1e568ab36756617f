"""How a run is to be made and kept: what the launcher and `baselines.train` take beside an algorithm's settings."""

from dataclasses import dataclass

from baselines.common.errors import UserError
from baselines.common.settings import FREE, MOVED, Settings, setting
from baselines.envs import BACK_ENDS

_MOST = 1 << 62


@dataclass(frozen=True)
class Options(Settings):
    """One carrier for the command line, Python and a run that is resumed. Raises UserError."""

    alg: str = setting("", "algorithm; your own: package.module with a function learn")
    env: str = setting("", "environment; your own: module:Id-v0")
    num_timesteps: float | None = setting(
        None, "environment steps of one worker; 0: train nothing", 0, 1e18, on_resume=FREE, default_text="1e6"
    )
    n_epochs: int | None = setting(
        None, "epochs, instead of --num_timesteps", 0, _MOST, on_resume=FREE, default_text=""
    )
    num_env: int | None = setting(
        None, "environments per worker, stepped together", 1, 100_000, default_text="the preset's, else 1"
    )
    vec_env: str = setting("auto", "what steps them", choices=BACK_ENDS)
    step_timeout: float = setting(
        0.0, "seconds that an environment in a process of its own (async) may take for a step; 0: any", 0, 1e6
    )
    env_kwargs: str | None = setting(
        None, "arguments for making the environment: NAME=VALUE,NAME=VALUE, or a dictionary", default_text=""
    )
    reward_info: str | None = setting(
        None, "entries of a step's info that compute_reward reads: KEY,KEY", default_text=""
    )
    max_episode_steps: int | None = setting(
        None, "time limit of episodes, in steps", 1, _MOST, default_text="the environment's own"
    )
    seed: int | None = setting(
        None, "seed of everything random", 0, _MOST, default_text="a new one, which the log names"
    )
    preset: str | None = setting(None, "settings by name, see below", default_text="")
    load_path: str | None = setting(
        None, "folder of a policy to begin with", path=True, on_resume=MOVED, default_text=""
    )
    save_path: str | None = setting(None, "folder for the policies: latest, best, epoch_N", path=True, default_text="")
    policy_save_interval: int = setting(
        5, "epochs between the policies kept as epoch_N; 0: keep none", 0, _MOST, on_resume=FREE
    )
    checkpoint_interval: int = setting(
        1, "epochs between complete states in the log folder, to resume from; 0: none", 0, _MOST, on_resume=FREE
    )
    resume: str | None = setting(
        None, "log folder of a run to continue exactly; no other flag is needed", path=True, on_resume=FREE,
        default_text="",
    )  # fmt: skip
    log_path: str | None = setting(
        None, "folder for logs and videos", path=True, on_resume=FREE, default_text="a new one under runs/"
    )
    quiet: bool = setting(False, "print warnings and errors alone; the log folder has all", on_resume=FREE)
    save_video_interval: int = setting(
        0, "epochs between videos of the policy, without noise; 0: none", 0, _MOST, on_resume=FREE
    )
    save_video_length: int = setting(200, "most steps of such a video", 1, _MOST, on_resume=FREE)
    wandb_project: str | None = setting(
        None, "project of Weights & Biases to show the run in (needs wandb)", on_resume=FREE, default_text=""
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_timesteps is not None and self.n_epochs is not None:
            raise UserError("give either --num_timesteps (total_timesteps) or --n_epochs, not both")
        if self.wandb_project == "":
            raise UserError("wandb_project: expected the name of a project, got nothing")
