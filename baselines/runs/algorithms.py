"""What an algorithm offers to the launcher, to Python and to the other commands.

An algorithm is a module: `--alg=NAME` is the package `baselines.NAME`, `--alg=my_package.my_alg` a module of the user's
own. It must have

    learn(env: VecEnv, config: Config, run: Run) -> Agent

and may have

    Config                          its settings, a dataclass that inherits `Settings`: --key=value and --help
    PRESETS: dict[str, Preset]      settings by name, for --preset
    ENV_DEFAULTS: dict[str, dict]   settings by task (the environment's name without version)
    SEARCH: dict[str, Range]        where `python -m baselines.tune` looks for good settings
    write_demonstrations(path, episodes, spec, generator, seed)         for --record_demos

Importing the module should be quick: imports that take seconds, such as TensorFlow, belong into `learn`.
"""

import dataclasses
import fnmatch
import functools
import importlib
import importlib.util
import operator
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import baselines
from baselines.common.errors import UserError, nearest
from baselines.common.settings import Settings, check_known, names_of
from baselines.common.specs import without_version
from baselines.policies.policy import Agent


@dataclasses.dataclass(frozen=True)
class Preset:
    """Settings by one name, and how many environments each worker has where nobody says.

    `tasks` has settings of its own for some tasks, by a pattern of the task's name ("FetchPush*"); the later wins.
    """

    settings: Mapping[str, object]
    num_env: int = 1
    tasks: Mapping[str, Mapping[str, object]] = dataclasses.field(default_factory=dict)

    def settings_for(self, task: str) -> dict[str, object]:
        """What a run of `task` begins with."""
        own = (more for pattern, more in self.tasks.items() if fnmatch.fnmatchcase(task, pattern))
        return functools.reduce(operator.or_, map(dict, own), dict(self.settings))


@dataclasses.dataclass(frozen=True)
class Range:
    """Where a study looks for a setting: from `low` to `high`, which are allowed themselves, or among `choices`.

    With `log` it looks as often between 0.001 and 0.01 as between 0.01 and 0.1.
    """

    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[bool | int | float | str, ...] = ()

    def __str__(self) -> str:
        """For people, and to compare ranges."""
        if self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        return f"{self.low:g} to {self.high:g}{', log scale' if self.log else ''}"


class Algorithm(NamedTuple):
    """What a module offers, with what it leaves out filled in."""

    name: str
    learn: Callable[..., Agent]
    Config: type[Settings]
    PRESETS: Mapping[str, Preset]
    ENV_DEFAULTS: Mapping[str, Mapping[str, object]]
    SEARCH: Mapping[str, Range]
    write_demonstrations: Callable[..., None] | None

    def preset(self, name: str | None) -> Preset:
        """Raises UserError for a name that there is not."""
        if name is None:
            return Preset({})
        if name not in self.PRESETS:
            there_is = f"there is {', '.join(self.PRESETS)}" if self.PRESETS else f"--alg={self.name} has none"
            raise UserError(f"--preset={name}: {there_is}")
        return self.PRESETS[name]

    def config(
        self,
        env_id: str,
        given: Mapping[str, object],
        preset: str | None = None,
        loaded: Mapping[str, object] | None = None,
        flags: tuple[str, ...] = (),
    ) -> Any:
        """Merge: `given`, then the loaded policy's own settings, the preset, the task's, the defaults.

        `loaded` is the config of a policy that training begins with; `flags` are other words that somebody who gave an
        unknown key may have meant. Raises UserError for unknown keys, wrong types and ranges, and where `given`
        contradicts the loaded policy.
        """
        check_known(given, names_of(self.Config), flags)
        task = without_version(env_id)
        loaded = loaded or {}
        of_policy = {name: loaded[name] for name in names_of(self.Config, of_policy=True) if name in loaded}
        layers = self.ENV_DEFAULTS.get(task, {}), self.preset(preset).settings_for(task), of_policy, given
        config = self.Config(**functools.reduce(operator.or_, map(dict, layers)))
        for name, value in of_policy.items():
            if getattr(config, name) != value:
                raise UserError(f"--{name}={given[name]} contradicts the loaded policy, which has {name}={value}")
        return config


def find(alg: str) -> Algorithm:
    """The algorithm of `--alg`: a package of `baselines`, or package.module. Raises UserError."""
    module = _import(alg)
    offered = {name: getattr(module, name, default) for name, default in _FILLED_IN.items()}
    if not callable(getattr(module, "learn", None)):
        raise UserError(f"--alg={alg}: expected a module with a function learn(env, config, run); it has none")
    if not (isinstance(offered["Config"], type) and issubclass(offered["Config"], Settings)):
        raise UserError(f"--alg={alg}: expected its Config to inherit baselines.common.settings.Settings")
    return Algorithm(name=alg, learn=module.learn, **offered)


def known_algorithms() -> list[str]:
    """Return the packages of `baselines` that are algorithms: each has a module `train`."""
    root = os.path.dirname(baselines.__file__)
    return sorted(p for p in os.listdir(root) if os.path.exists(os.path.join(root, p, "train.py")))


_FILLED_IN: dict[str, Any] = {
    "Config": Settings,
    "PRESETS": {},
    "ENV_DEFAULTS": {},
    "SEARCH": {},
    "write_demonstrations": None,
}


def _import(alg: str) -> Any:
    name = alg if "." in alg else f"baselines.{alg}"
    try:
        found = "." in alg or alg in known_algorithms()
        found = found and importlib.util.find_spec(name) is not None
    except (ImportError, ValueError, TypeError):
        found = False
    if not found:
        known = known_algorithms()
        hint = nearest(alg, known) or f"; there is: {', '.join(known)}"
        raise UserError(f"unknown algorithm '{alg}'{hint}. Your own: --alg=package.module with a function learn")
    try:
        return importlib.import_module(name)
    except (ImportError, SyntaxError) as error:
        raise UserError(f"--alg={alg}: cannot import '{name}': {type(error).__name__}: {error}") from None
