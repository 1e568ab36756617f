"""Every flag of every command, and those of other programs that the pages name."""

import re

from baselines.common.cli import as_one_word, parse
from baselines.common.settings import check_known, names_of
from baselines.evaluate import EvaluateOptions
from baselines.export import ExportOptions
from baselines.her.experiment.config import HERConfig
from baselines.her.experiment.data_generation.fetch_data_generation import GenerationOptions
from baselines.play import PlayOptions
from baselines.ppo2.config import PPOConfig
from baselines.run import LauncherOptions
from baselines.runs.algorithms import find
from baselines.tune import TuneOptions

# What the reader fills in, such as DIR or N: a word in capitals, or three dots.
OPEN = re.compile(r"(?<![\w-])[A-Z]+(?:_[A-Z]+)*(?![\w-])|\.\.\.")
GENERATION = "baselines.her.experiment.data_generation.fetch_data_generation"
OPTIONS = {
    "baselines.run": LauncherOptions,
    "baselines.play": PlayOptions,
    "baselines.evaluate": EvaluateOptions,
    "baselines.export": ExportOptions,
    "baselines.tune": TuneOptions,
    GENERATION: GenerationOptions,
}
WITH_SETTINGS = ("baselines.run", "baselines.tune", "baselines.her.experiment.train")
FLAGS = {module: {*names_of(options)} for module, options in OPTIONS.items()}
FLAGS["baselines.plot"] = {"x", "y", "output"}
FLAGS["baselines.her.experiment.train"] = FLAGS["baselines.run"] | {"logdir", "num_cpu"}
FLAGS["baselines.her.experiment.play"] = FLAGS["baselines.play"] | {"n_test_rollouts", "render"}
FLAGS["baselines.her.experiment.plot"] = FLAGS["baselines.plot"]
SETTINGS = {*names_of(HERConfig), *names_of(PPOConfig)}
FLAGS_OF_BENCHMARKS = {"list", "runs", "results", "seeds", "jobs", "rounds"}
# Flags of other programs, and whose they are.
FOREIGN = {
    "no-deps": "pip",
    "no-binary": "pip",
    "index-url": "pip",
    "logdir": "tensorboard, and OpenAI Baselines",
    "hostfile": "mpirun of Open MPI",
    "mpi": "srun",
    "ntasks": "sbatch",
    "cpus-per-task": "sbatch",
    "time": "sbatch",
    "signal": "sbatch",
    "tf_xla_persistent_cache_directory": "TensorFlow",
    "strict": "mypy and mkdocs",
    "setting": "none: it stands for any setting",
}
ALL_FLAGS = {"help", *SETTINGS, *FLAGS_OF_BENCHMARKS, *FOREIGN}.union(*FLAGS.values())


def check_words(module: str, words: list[str]) -> None:
    """The flags exist, and the values that are given are allowed."""
    words = as_one_word([word for word in words if word != "..."])
    own = {*find("her").Config.__dataclass_fields__} if module in WITH_SETTINGS else set()
    assert {word[2:].partition("=")[0] for word in words if word.startswith("--")} <= FLAGS[module] | own, words
    if module in OPTIONS:
        given, settings, _ = parse([word for word in words if not OPEN.search(word)], OPTIONS[module])
        OPTIONS[module](**given)
        find(given.get("alg") or "her").Config(**settings) if own else check_known(settings, ())
