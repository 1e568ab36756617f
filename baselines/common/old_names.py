"""Names that users of OpenAI Baselines know: the variable for the log folder, and answers to flags that changed."""

from collections.abc import Iterable

from baselines.common.errors import nearest

LOG_FOLDER_VARIABLE = "OPENAI_LOGDIR"

_ONE_NETWORK = "networks are shaped by settings of the algorithm, such as --layers or --num_hidden"
_NOT_NEEDED = "not needed here, omit it"
_INSTEAD = {
    "num_cpu": "for N workers: mpirun -np N python -m baselines.run ...",
    "env_type": "the environment's name is enough, leave it out",
    "gamestate": "Retro games are not supported, leave it out and give a Gymnasium --env",
    "reward_scale": "rewards are not scaled, use gymnasium.wrappers.TransformReward",
    "rollout_batch_size": "use --num_env=N",
    "logdir": "use --log_path=DIR",
    "log_dir": "use --log_path=DIR",
    "total_timesteps": "use --num_timesteps=N",
    "override_params": "give each setting as its own flag, --setting=value",
    "network_class": _ONE_NETWORK,
    "activation": _ONE_NETWORK,
    "layer_norm": _ONE_NETWORK,
    "scope": _NOT_NEEDED,
    "reuse": _NOT_NEEDED,
    "use_mpi": "mpirun starts workers, leave it out",
    "estimate_q": _NOT_NEEDED,
    "log_interval": "each epoch is logged, set n_cycles (cycles per epoch)",
    "save_interval": "use --policy_save_interval=N (epochs) and --save_path=DIR",
    "policy_file": "use --load_path=PATH",
    "policy_path": "use --load_path=PATH",
    "n_test_rollouts": "use --episodes=N",
    "bootstrap_terminated": "use --terminated_value=bootstrap",
    "render": "python -m baselines.play opens a window, or records a video where there is no display",
}


def hint(name: str, known: Iterable[str]) -> str:
    """Return what to use instead of the unknown flag `name`, or the nearest known ones, or the empty string."""
    return f": {_INSTEAD[name]}" if name in _INSTEAD else nearest(name, known)
