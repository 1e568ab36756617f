"""Options of runs and commands, beside an algorithm's settings."""

from dataclasses import dataclass

from baselines.common.errors import UserError
from baselines.common.settings import FREE, MOVED, Settings, setting
from baselines.envs import BACK_ENDS
from baselines.envs.arguments import EnvArguments, parse_arguments
from baselines.envs.names import import_extra

MOST = 1 << 62


@dataclass(frozen=True)
class AlgorithmOptions(Settings):
    """The algorithm and its preset."""

    alg: str = setting("", "algorithm; your own: package.module with a function learn", group="algorithm")
    preset: str | None = setting(None, "name of a set of settings")


@dataclass(frozen=True)
class EnvOptions(Settings):
    """The environment, as every command takes it."""

    env: str = setting("", "environment; your own: module:Id-v0", default_text="the policy's own", group="environment")
    env_kwargs: str | None = setting(None, "arguments for making it: NAME=VALUE,NAME=VALUE, or a dictionary")
    reward_info: str | None = setting(None, "entries of a step's info that compute_reward reads: KEY,KEY")
    max_episode_steps: int | None = setting(None, "time limit in steps", 1, MOST, default_text="the environment's own")
    extra_import: str | None = setting(None, "module to import first, e.g. one with the environment", on_resume=FREE)

    def import_env(self) -> str | None:
        """Import `extra_import` and return the environment's name, None where none was given. Raises UserError."""
        return import_extra(self.extra_import, self.env or None)

    def env_arguments(self) -> EnvArguments:
        """Return the arguments for making the environment. Raises UserError."""
        return parse_arguments(self.env_kwargs, self.max_episode_steps, self.reward_info)


@dataclass(frozen=True)
class VecEnvOptions(EnvOptions):
    """Several environments that are stepped together."""

    num_env: int | None = setting(None, "environments of a worker", 1, 100_000, default_text="the preset's, else 1")
    vec_env: str = setting("auto", "back end that steps the environments: " + ", ".join(BACK_ENDS), choices=BACK_ENDS)


@dataclass(frozen=True)
class EvaluationOptions(VecEnvOptions):
    """Episodes that evaluate a policy, from the command line or from Python."""

    episodes: int = setting(100, "episodes to play", 1, 10**9, group="evaluation")
    num_env: int = setting(8, "environments that are stepped together", 1, 100_000)
    seed: int = setting(0, "seed of the environments", 0, MOST)


@dataclass(frozen=True)
class PolicyOptions(Settings):
    """The policy that a command loads."""

    load_path: str = setting(None, "policy: a file, or a folder with latest.safetensors", path=True, group="policy")


# fmt: off
@dataclass(frozen=True)
class Options(VecEnvOptions, AlgorithmOptions):
    """Options of a run, from the command line, from Python or from the run to resume. Raises UserError."""

    step_timeout: float = setting(0.0, "seconds that a step in another process (async) may take; 0: no limit", 0, 1e6)
    worker_timeout: float = setting(1800.0, "seconds that a worker of mpirun waits for another one before the job "
                                    "ends; 0: no limit", 0, 1e6, on_resume=FREE)
    num_timesteps: float | None = setting(None, "environment steps of one worker; 0: no training", 0, 1e18,
                                          on_resume=FREE, default_text="1e6", group="run")
    n_epochs: int | None = setting(None, "epochs, instead of --num_timesteps", 0, MOST, on_resume=FREE)
    seed: int | None = setting(None, "seed of all random numbers", 0, MOST, default_text="a new one, which is logged")
    load_path: str | None = setting(None, "policy to begin with: a file, or its folder", path=True, on_resume=MOVED,
                                    group="files")
    save_path: str | None = setting(None, "folder for the policies: latest, best, epoch_N", path=True, on_resume=FREE)
    policy_save_interval: int = setting(5, "epochs between policies saved as epoch_N; 0: none", 0, MOST, on_resume=FREE)
    checkpoint_interval: int = setting(1, "epochs between checkpoints, from which a run can be resumed; 0: none", 0,
                                       MOST, on_resume=FREE)
    resume: str | None = setting(None, "log folder of a run to continue exactly; no other flag is needed", path=True,
                                 on_resume=FREE)
    log_path: str | None = setting(None, "folder for logs and videos", path=True, on_resume=FREE,
                                   default_text="a new one in runs/")
    quiet: bool = setting(False, "print only warnings and errors; the log folder has everything", on_resume=FREE,
                          group="display")
    save_video_interval: int = setting(0, "epochs between videos of the policy; 0: none", 0, MOST, on_resume=FREE)
    save_video_length: int = setting(200, "most steps of such a video", 1, MOST, on_resume=FREE)
    wandb_project: str | None = setting(None, "project of Weights & Biases that shows the run", on_resume=FREE)
    # fmt: on

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_timesteps is not None and self.n_epochs is not None:
            raise UserError("give either --num_timesteps (total_timesteps) or --n_epochs, not both")
        if self.wandb_project == "":
            raise UserError("wandb_project: expected the name of a project, got an empty word")
