"""What Python programs call: `baselines.train`, `load_policy`, `evaluate`, `export`.

Imports stand inside the functions: a robot that only loads a policy needs NumPy alone, and no time for the rest.
"""

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from baselines.policies.policy import Agent, Policy
    from baselines.runs.evaluation import Acting, Evaluation


DEFAULTS = {"alg": "her", "env": "FetchReach-v1"}


def train(
    alg: str | None = None,
    env: Any = None,
    total_timesteps: float | None = None,
    *,
    n_epochs: int | None = None,
    preset: str | None = None,
    seed: int | None = None,
    num_env: int | None = None,
    eval_env: Any = None,
    save_path: str | None = None,
    load_path: str | None = None,
    log_path: str | None = None,
    callback: Callable[[dict[str, float]], object] | None = None,
    resume: str | None = None,
    **settings: Any,
) -> "Agent":
    """Train an agent and return it: `agent.policy().act(observation)`, `agent.save(path)`.

    `alg` ("her" if not given) is what `--alg` takes, `env` ("FetchReach-v1") a name, a Gymnasium environment or a
    vector of them; `total_timesteps` (1e6) counts the steps of one worker, or give `n_epochs`. All else is as on the
    command line, including `settings`: the launcher's other flags (vec_env, step_timeout, checkpoint_interval,
    policy_save_interval, ...) and the algorithm's settings (demo_file, polyak, ...). A preset brings its number of
    environments to an `env` by name; of your own there are as many as you made. Without a `log_path` nothing is logged
    to files. `resume` continues the run of that log folder.

    `callback(metrics)` is called after each epoch with its row of the log; if it returns False, the run ends in order.

    Raises UserError for bad input, TrainingError where training cannot continue, and Interrupted where Ctrl-C or
    SIGTERM stopped a run that keeps checkpoints.
    """
    from baselines.common.errors import UserError
    from baselines.common.mpi import abort_all_on_error, make_communicator
    from baselines.common.settings import names_of
    from baselines.envs.arguments import as_text
    from baselines.runs.launch import launch
    from baselines.runs.options import Options

    named = isinstance(env, str)
    options = dict(alg=alg, env=env if named else None, num_timesteps=total_timesteps, n_epochs=n_epochs, preset=preset,
                   seed=seed, num_env=num_env, save_path=save_path, load_path=load_path, log_path=log_path,
                   resume=resume)  # fmt: skip
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    given |= {name: settings.pop(name) for name in names_of(Options) if name in settings}
    for name in ("env_kwargs", "max_episode_steps", "vec_env", "step_timeout", "save_video_interval"):
        if env is not None and not named and name in given:
            raise UserError(f"{name} is for environments by name; you made this one yourself")
    if isinstance(kwargs := given.get("env_kwargs"), Mapping):
        given["env_kwargs"] = as_text(kwargs)
    if env is not None and not named and num_env is not None:
        raise UserError("num_env is for environments by name; a vector of your own has as many as you made")
    comm = make_communicator()
    abort_all_on_error(comm)
    return launch(
        given, settings, comm, env=None if named else env, eval_env=eval_env, callback=callback,
        defaults=DEFAULTS,
    )  # fmt: skip


def load_policy(path: str, alg: str | None = None) -> "Policy":
    """The policy that a run saved in folder `path` (or in its `latest`); needs NumPy alone.

    Executes nothing from the folder. `alg` names the module of an algorithm of your own, where the policy is of one;
    those of `baselines` are found. Raises UserError where there is none that can be used here.
    """
    from baselines.runs.algorithms import find, read_policy

    return read_policy(path, find(alg) if alg else None)


def evaluate(
    policy: "Acting",
    env: Any = None,
    episodes: int = 100,
    *,
    num_env: int = 8,
    seed: int = 0,
    vec_env: str = "auto",
    env_kwargs: Mapping[str, Any] | None = None,
    max_episode_steps: int | None = None,
    reward_info: str | None = None,
    progress: bool = False,
) -> "Evaluation":
    """Play `episodes` whole episodes without noise: success rate with its interval, return, length, final distance.

    `policy` is anything with `act(observation)` for several observations at once. `env` is a name, a Gymnasium
    environment or a vector of them; without it, what the policy was trained on. `num_env` environments are stepped
    together; their seeds follow from `seed`. `env_kwargs` and `max_episode_steps` are for environments by name.
    `reward_info` is needed only where success follows from a reward that reads a step's info.

    Raises UserError where the policy does not fit the environment, TrainingError where that fails.
    """
    from baselines.common.errors import UserError
    from baselines.envs.arguments import EnvArguments, parse_keys
    from baselines.envs.base import SUCCESS_BY_REWARD
    from baselines.runs.evaluation import environment_for, evaluate_in

    arguments = EnvArguments(env_kwargs or {}, max_episode_steps, parse_keys(reward_info))
    if arguments.for_make() and env is not None and not isinstance(env, str):
        raise UserError("env_kwargs and max_episode_steps are for environments by name; you made this one yourself")
    with environment_for(policy, env, min(num_env, episodes), seed, vec_env, arguments) as made:
        found = evaluate_in(policy, made, episodes, progress)
        if not made.reports_success and found.success_rate is not None:
            print(f"note: {SUCCESS_BY_REWARD}", file=sys.stderr)
        return found


def export(policy: "Policy", format: str, output: str) -> None:
    """Write a policy for other programs: `format` is "savedmodel", "tflite", "onnx" or "numpy".

    `output` is the file, or for a SavedModel the folder; nothing may be there yet. "numpy" writes FILE.py and FILE.npz.
    Raises UserError, also where a library that the format needs is missing.
    """
    from baselines.policies.exporting import export

    export(policy, format, output)
