"""What users of OpenAI Baselines type and have in their shells: obeyed, or answered with what to use here."""

from collections.abc import Iterable, Mapping

from baselines.common.errors import UserError, nearest

LOG_FOLDER, LOG_FORMAT, LOG_FORMAT_MPI = VARIABLES = ("OPENAI_LOGDIR", "OPENAI_LOG_FORMAT", "OPENAI_LOG_FORMAT_MPI")
_FORMATS = ("stdout", "log", "csv", "json", "tensorboard")  # all of which are always written

_ONE_NETWORK = "the networks are shaped by settings of the algorithm, such as --layers or --num_hidden"
_NO_NEED = "there is no need for it here: leave it out"
# Flags that there are not, and what to say of each.
_INSTEAD = {
    "num_cpu": "for N workers: mpirun -np N python -m baselines.run ...",
    "env_type": "the environment's name says it all: leave it out",
    "gamestate": "there are no Retro games here: leave it out, and give an --env of Gymnasium",
    "reward_scale": "rewards are taken as they are: scale them with gymnasium.wrappers.TransformReward",
    "rollout_batch_size": "use --num_env=N",
    "extra_import": "import the module yourself, or name it with the environment: module:Id-v0",
    "logdir": "use --log_path=DIR",
    "log_dir": "use --log_path=DIR",
    "total_timesteps": "use --num_timesteps=N",
    "override_params": "give each setting as a flag of its own, --setting=value",
    "network_class": _ONE_NETWORK,
    "activation": _ONE_NETWORK,
    "layer_norm": _ONE_NETWORK,
    "scope": _NO_NEED,
    "reuse": _NO_NEED,
    "use_mpi": "workers are started by mpirun: leave it out",
    "estimate_q": _NO_NEED,
    "log_interval": "each epoch is logged: set n_cycles, the cycles of an epoch",
    "save_interval": "use --policy_save_interval=N, in epochs, beside --save_path=DIR",
    "policy_file": "use --load_path=DIR",
    "policy_path": "use --load_path=DIR",
    "n_test_rollouts": "use --episodes=N",
    "render": "python -m baselines.play shows a policy in a window, or without a display records a video",
    "smooth": "curves are not smoothed here: they are the median and the quartiles of several seeds",
}


def hint(name: str, known: Iterable[str]) -> str:
    """What to use for a name that there is not, or the nearest ones; empty where nothing is known of it."""
    return f": {_INSTEAD[name]}" if name in _INSTEAD else nearest(name, known)


def log_notes(variables: Mapping[str, str | None]) -> list[str]:
    """Lines for the log about the formats that the shell's variables ask for. Raises UserError for unknown ones."""
    notes = []
    for name in (LOG_FORMAT, LOG_FORMAT_MPI):
        value = variables.get(name)
        if value is None:
            continue
        wanted = [word for word in value.split(",") if word]
        for word in wanted:
            if word not in _FORMATS:
                raise UserError(f"{name}={value}: expected some of {','.join(_FORMATS)}, got '{word}'; or unset it")
        if name == LOG_FORMAT_MPI:
            notes.append(f"warning: {name}={value} changes nothing: of several workers rank 0 alone writes logs")
        elif more := [word for word in _FORMATS if word not in wanted]:
            notes.append(f"warning: {name}={value} leaves nothing out: {', '.join(more)} too are always written")
    return notes
