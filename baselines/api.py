"""The Python API: `baselines.train`, `load_policy`, `evaluate_policy`, `export_policy`.

Imports are local so that loading a policy needs only NumPy.
"""

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from baselines.common.errors import Path
    from baselines.policies.evaluation import Acting, Evaluation
    from baselines.policies.policy import Agent, Policy

DEFAULTS = {"alg": "her", "env": "FetchReach-v1"}


def train(
    alg: str | None = None, env: Any = None, total_timesteps: float | None = None, *, n_epochs: int | None = None,
    preset: str | None = None, seed: int | None = None, num_env: int | None = None, eval_env: Any = None,
    save_path: "Path | None" = None, load_path: "Path | None" = None, log_path: "Path | None" = None,
    callback: Callable[[dict[str, float]], object] | None = None, resume: "Path | None" = None, **settings: Any,
) -> "Agent":  # fmt: skip
    """Train an agent and return it: `agent.policy().act(observation)`, `agent.save(path)`.

    Args:
        alg: the algorithm: "her" (the default), "ppo2", or package.module of your own.
        env: an environment's name ("FetchReach-v1" by default), your Gymnasium environment, or a vector of them.
        total_timesteps: environment steps of one worker (1e6 by default).
        n_epochs: epochs, instead of `total_timesteps`.
        preset: name of a set of settings.
        seed: seed of all random numbers; by default a new one.
        num_env: number of environments for an `env` by name; by default the preset's, else 1.
        eval_env: your environment for evaluation; by default copies of `env`.
        save_path: folder for policies; by default none are saved.
        load_path: policy to begin with.
        log_path: folder for logs; by default nothing is logged to files.
        callback: called after each epoch with its row of the log; if it returns False, the run ends in order.
        resume: log folder of a run to continue exactly.
        settings: the launcher's other flags (vec_env, checkpoint_interval, ...) and the algorithm's settings
            (demo_file, polyak, ...).

    Raises:
        UserError: the input is wrong.
        TrainingError: training cannot continue.
        Interrupted: Ctrl-C, SIGTERM or SIGHUP stopped a run that writes checkpoints.
    """
    from baselines.common.errors import UserError
    from baselines.common.mpi import abort_all_on_error, make_communicator
    from baselines.common.settings import names_of
    from baselines.envs.arguments import as_text
    from baselines.envs.gymnasium_env import name_of
    from baselines.runs.launch import launch
    from baselines.runs.options import Options

    by_name = env is None or isinstance(env, str)
    flags = dict(alg=alg, env=env if by_name else None, num_timesteps=total_timesteps, n_epochs=n_epochs,
                 preset=preset, seed=seed, num_env=num_env, save_path=save_path, load_path=load_path,
                 log_path=log_path, resume=resume)  # fmt: skip
    given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    given |= {name: settings.pop(name) for name in names_of(Options) if name in settings}
    for name in ("env_kwargs", "max_episode_steps", "vec_env", "step_timeout", "save_video_interval", "num_env"):
        if name in given and not by_name:
            raise UserError(f"{name} is for environments by name; you made this one yourself")
    if isinstance(eval_env, str):
        raise UserError(f"eval_env: expected an environment, such as gymnasium.make(...), got the name {eval_env!r}")
    if callback is not None and not callable(callback):
        raise UserError(f"callback: expected a function of an epoch's row, got {callback!r:.80}")
    if isinstance(given.get("env_kwargs"), Mapping):
        given["env_kwargs"] = as_text(given["env_kwargs"])
    comm = make_communicator()
    abort_all_on_error(comm)
    if "resume" not in given:
        given = {**DEFAULTS, **({} if by_name else {"env": name_of(env)}), **given}
    return launch(given, settings, comm, env=None if by_name else env, eval_env=eval_env, callback=callback)


def load_policy(path: "Path") -> "Policy":
    """Return a saved policy, of any algorithm. It needs only NumPy and safetensors, and executes nothing of the file.

    Args:
        path: The file, with or without .safetensors, or a folder that holds latest.safetensors.

    Raises:
        UserError: There is no policy of this version.
    """
    from baselines.policies.policy import read_policy

    return read_policy(path)


def evaluate_policy(
    policy: "Acting", env: Any = None, episodes: int = 100, *, num_env: int = 8, seed: int = 0, vec_env: str = "auto",
    env_kwargs: Mapping[str, Any] | None = None, max_episode_steps: int | None = None, reward_info: str | None = None,
    progress: bool = False,
) -> "Evaluation":  # fmt: skip
    """Play whole episodes without noise and return their figures.

    Args:
        policy: a policy, or your own object with `act` for several observations at once.
        env: an environment's name, your Gymnasium environment, or a vector of them; by default the environment that
            the policy was trained on.
        episodes: number of episodes.
        num_env: number of environments that are stepped together.
        seed: seed of the environments.
        vec_env: back end that steps the environments: "auto", "envpool", "sync" or "async".
        env_kwargs: arguments for making an environment by name.
        max_episode_steps: time limit of episodes of an environment by name.
        reward_info: names of the info entries that compute_reward reads, where success follows from the reward.
        progress: show a progress bar.

    Raises:
        UserError: the policy does not fit the environment.
        TrainingError: the environment fails.
    """
    from baselines.common.errors import UserError
    from baselines.common.streams import show
    from baselines.envs.base import SUCCESS_BY_REWARD
    from baselines.policies.evaluation import environment_for, evaluate_in
    from baselines.runs.options import EvaluationOptions

    kwargs, text = (env_kwargs, None) if isinstance(env_kwargs, Mapping) else ({}, env_kwargs)
    options = EvaluationOptions(episodes=episodes, num_env=num_env, seed=seed, vec_env=vec_env, env_kwargs=text,
                                max_episode_steps=max_episode_steps, reward_info=reward_info)  # fmt: skip
    arguments = options.env_arguments()
    arguments = arguments._replace(kwargs=kwargs or arguments.kwargs)  # objects have no text
    if arguments.for_make() and env is not None and not isinstance(env, str):
        raise UserError("env_kwargs and max_episode_steps are for environments by name; you made this one yourself")
    count = min(options.num_env, options.episodes)
    with environment_for(policy, env, count, options.seed, options.vec_env, arguments) as environments:
        evaluation = evaluate_in(policy, environments, options.episodes, progress)
        if not environments.reports_success and evaluation.success_rate is not None:
            show(f"note: {SUCCESS_BY_REWARD}", sys.stderr)
        return evaluation


def export_policy(policy: "Policy", format: str, output: "Path") -> None:
    """Write a policy for other programs.

    Args:
        policy: the policy.
        format: "savedmodel", "tflite", "onnx" or "numpy".
        output: file to write, or folder for a SavedModel, which must not exist; "numpy" writes FILE.py and FILE.npz.

    Raises:
        UserError: `output` exists, or a library that the format needs is missing.
    """
    from baselines.policies.exporting import export

    export(policy, format, output)
