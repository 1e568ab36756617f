"""The commands of a piece of shell, the flags that they may have, and the same commands with short settings."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from baselines.common.settings import names_of
from baselines.environments import EnvironmentsOptions
from baselines.evaluate import EvaluateOptions
from baselines.export import ExportOptions
from baselines.her.experiment.config import HERConfig
from baselines.her.experiment.data_generation.fetch_data_generation import GenerationOptions
from baselines.play import PlayOptions
from baselines.ppo2.config import PPOConfig
from baselines.run import LauncherOptions
from baselines.tune import TuneOptions

# A word in capitals, such as DIR or N, or three dots: the reader fills it in.
OPEN = re.compile(r"(?<![\w-])[A-Z]+(?:_[A-Z]+)*(?![\w-])|\.\.\.")
GENERATION = "baselines.her.experiment.data_generation.fetch_data_generation"
OPTIONS = {
    "baselines.run": LauncherOptions,
    "baselines.play": PlayOptions,
    "baselines.evaluate": EvaluateOptions,
    "baselines.export": ExportOptions,
    "baselines.tune": TuneOptions,
    "baselines.environments": EnvironmentsOptions,
    GENERATION: GenerationOptions,
}
WITH_SETTINGS = ("baselines.run", "baselines.tune", "baselines.her.experiment.train")
FLAGS = {module: {*names_of(options)} for module, options in OPTIONS.items()}
FLAGS["baselines.plot"] = {"x", "y", "smooth", "output", "dark", "table", "levels"}
FLAGS["baselines.compare"] = {"y", "levels"}
FLAGS["baselines.her.experiment.train"] = FLAGS["baselines.run"] | {"logdir", "num_cpu"}
FLAGS["baselines.her.experiment.play"] = FLAGS["baselines.play"] | {"n_test_rollouts", "render"}
FLAGS["baselines.her.experiment.plot"] = FLAGS["baselines.plot"]
SETTINGS = {*names_of(HERConfig), *names_of(PPOConfig)}
FLAGS_OF_BENCHMARKS = {"all", "hours", "list", "runs", "results", "seeds", "jobs", "rounds", "minutes", "leaks"}
FOREIGN = {
    *"no-deps no-binary logdir hostfile oversubscribe mpi ntasks cpus-per-task time signal array".split(),
    *"strict check setting flag".split(),
}
ALL_FLAGS = {"help", "tf_xla_persistent_cache_directory", *SETTINGS, *FLAGS_OF_BENCHMARKS, *FOREIGN}.union(
    *FLAGS.values()
)


# bash reads the text with its loops, quotes and variables, and starts nothing: on no PATH it finds no program, and then
# calls command_not_found_handle. Builtins that it must not execute are recorded too.
PRELUDE = r"""
record() {
    printf '%s\x1f' "$@" >>"$RECORD"; printf '\x1e' >>"$RECORD"
    for name in $(compgen -e); do printf '%s=%s\x1f' "$name" "${!name}" >>"$RECORD"; done
    printf '\x1d' >>"$RECORD"
}
command_not_found_handle() { record "$@"; }
cd() { record cd "$@"; }
source() { record source "$@"; }
kill() { record kill "$@"; }
exec() { record exec "$@"; }
set -eu
"""
PATH = re.compile(r"^(\.?[\w-]*/[\w./-]+)", re.M)  # a line that begins with a file, which bash would start
OF_BASH = {"_", "SHLVL", "LC_CTYPE", "PWD", "OLDPWD", "PATH", "RECORD", "HOME", "SLURM_ARRAY_TASK_ID"}


class Command(NamedTuple):
    words: list[str]
    variables: dict[str, str]  # that the page gave it

    def __str__(self):
        given = (f"{name}={value}" for name, value in sorted(self.variables.items()))
        return " ".join([*given, shlex.join(self.words)])


def commands_of(text: str, folder: Path) -> list[Command]:
    """Return the commands of a piece of shell. Raises ValueError for text that is no shell.

    Files and folders that the shell itself makes and looks at are those of `folder`.
    """
    record = folder.parent / "recorded"
    record.write_text("")
    done = subprocess.run(
        [shutil.which("bash"), "--noprofile", "--norc", "-c", PRELUDE + PATH.sub(r"record \1", text)], text=True,
        cwd=folder, stdin=subprocess.DEVNULL,
        env={"HOME": str(folder), "PATH": "/nowhere", "RECORD": str(record), "SLURM_ARRAY_TASK_ID": "0"},
        capture_output=True, timeout=60,
    )  # fmt: skip
    if done.returncode:
        raise ValueError(f"bash cannot do this (what is no command is written as ```text):\n{text}\n{done.stderr}")
    entries = [entry.split("\x1e") for entry in record.read_text().split("\x1d")[:-1]]
    return [Command(words.split("\x1f")[:-1], _of_page(variables)) for words, variables in entries]


def _of_page(variables):
    given = dict(entry.split("=", 1) for entry in variables.split("\x1f")[:-1])
    return {name: value for name, value in given.items() if name not in OF_BASH}


# By algorithm (`demo_batch_size` must be less than `batch_size`), and by command.
SHORT = {
    "her": dict(n_cycles=1, n_batches=1, batch_size=16, demo_batch_size=8, hidden=8, layers=1, n_test_rollouts=1),
    "ppo2": dict(n_cycles=1, nsteps=32, noptepochs=1, nminibatches=1, num_hidden=8, num_layers=1, n_test_episodes=1),
    "examples.cross_entropy": dict(population=2, elites=1, generations=1),
    "baselines.evaluate": dict(episodes=1),
    "baselines.play": dict(episodes=1),
    "baselines.her.experiment.play": dict(n_test_rollouts=1),
    GENERATION: dict(num_episodes=2),
}


def shortened(module: str, words: list[str]) -> list[str]:
    """Return the words of `python -m module` with small networks and few steps."""
    words = _with_values(words)
    given = dict(word.removeprefix("--").split("=", 1) for word in words if word.startswith("--") and "=" in word)
    if module == "baselines.tune":
        given |= dict(SHORT["her"], num_env=2, n_trials=1, timesteps=100)
    else:
        given = short_settings(given) if module in WITH_SETTINGS else given | SHORT.get(module, {})
    others = [word for word in words if not (word.startswith("--") and "=" in word)]
    return others + [f"--{name}={value}" for name, value in given.items()]


def _with_values(words: list[str]) -> list[str]:
    """Join each flag with its value: `["--seed", "1", "DIR"]` becomes `["--seed=1", "DIR"]`."""
    joined: list[str] = []
    for word in words:
        if joined and not word.startswith("-") and joined[-1].startswith("--") and "=" not in joined[-1]:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def short_settings(given: dict) -> dict:
    """Return the same for everything that a run is given, in words or from Python: one epoch, or two if resumed."""
    least = {
        "num_timesteps": 400,
        "n_epochs": 2,
        "save_video_interval": 1,
        "num_env": 2,
        "seeds": 0,
        "n_seeds": 1,
        "jobs": 1,
    }
    if "resume" not in given:
        least |= {"num_timesteps": 100, "n_epochs": 1}
        given = given | SHORT[given.get("alg", "her")] | (dict(num_env=2) if "preset" in given else {})
        given |= {} if "n_epochs" in given else dict(num_timesteps=100)
    return given | {name: value for name, value in least.items() if name in given}
