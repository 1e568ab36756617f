"""Algorithms: the modules that --alg names; `baselines.algorithm` explains their contract."""

import dataclasses
import fnmatch
import functools
import importlib
import importlib.util
import operator
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import baselines
from baselines.common.errors import UserError, nearest
from baselines.common.settings import Settings, check_known, names_of
from baselines.common.specs import task_of, without_version
from baselines.envs.names import is_own
from baselines.policies.policy import Agent


@dataclasses.dataclass(frozen=True)
class Preset:
    """Settings by one name, and the number of environments of each worker if nobody gives one.

    `tasks` has further settings by a pattern of the task's name without version and Dense ("FetchPush", "PointMaze_*");
    the last match wins.
    """

    settings: Mapping[str, object]
    num_env: int = 1
    tasks: Mapping[str, Mapping[str, object]] = dataclasses.field(default_factory=dict)

    def settings_for(self, task: str) -> dict[str, object]:
        """Return the settings for a task."""
        own = (more for pattern, more in self.tasks.items() if fnmatch.fnmatchcase(task, pattern))
        return functools.reduce(operator.or_, map(dict, own), dict(self.settings))


@dataclasses.dataclass(frozen=True)
class Range:
    """The values of a setting that a study tries: from `low` to `high` inclusive, or one of `choices`.

    With `log` values are uniform on a logarithmic scale.
    """

    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[bool | int | float | str, ...] = ()

    def __str__(self) -> str:
        """Return a readable form, equal for equal ranges."""
        if self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        return f"{self.low:g} to {self.high:g}{', log scale' if self.log else ''}"


class Algorithm(NamedTuple):
    """The contents of an algorithm's module, with defaults for missing ones."""

    name: str
    learn: Callable[..., Agent]
    Config: type[Settings] = Settings
    PRESETS: Mapping[str, Preset] = {}
    ENV_DEFAULTS: Mapping[str, Mapping[str, object]] = {}
    SEARCH: Mapping[str, Range] = {}
    write_demonstrations: Callable[..., None] | None = None

    def preset(self, name: str | None) -> Preset:
        """Return a preset, an empty one for None. Raises UserError for an unknown name."""
        if name is None:
            return Preset({})
        if name not in self.PRESETS:
            known = f"expected one of {', '.join(self.PRESETS)}" if self.PRESETS else f"--alg={self.name} has none"
            raise UserError(f"--preset={name}: {known}")
        return self.PRESETS[name]

    def config(
        self, env_id: str, given: Mapping[str, object], preset: str | None = None,
        loaded: Mapping[str, object] | None = None, flags: Iterable[str] = (),
    ) -> Any:  # fmt: skip
        """Merge, by priority: `given`, the loaded policy's settings, the preset, the task's settings, the defaults.

        `flags` are other known words, for the hint at an unknown setting. Raises UserError for unknown settings, wrong
        values, and for `given` settings that contradict the policy.
        """
        check_known(given, names_of(self.Config), flags)
        # Our algorithms' settings by task are for Gymnasium's tasks, not for others that have their names.
        task = "" if "." not in self.name and is_own(env_id) else env_id
        loaded = loaded or {}
        of_policy = {name: loaded[name] for name in names_of(self.Config, of_policy=True) if name in loaded}
        by_task = self.ENV_DEFAULTS.get(without_version(task), {}), self.preset(preset).settings_for(task_of(task))
        layers = *by_task, of_policy, given
        config = self.Config(**functools.reduce(operator.or_, map(dict, layers)))
        for name, value in of_policy.items():
            if getattr(config, name) != value:
                raise UserError(f"--{name}={given[name]} does not fit the loaded policy, which has {name}={value}")
        return config


def find(alg: str) -> Algorithm:
    """Return the algorithm of `--alg`: a package of `baselines`, or package.module. Raises UserError."""
    module = _import(alg)
    contents = {name: getattr(module, name) for name in Algorithm._fields if name != "name" and hasattr(module, name)}
    if not callable(contents.get("learn")):
        raise UserError(f"--alg={alg}: expected a module with a function learn(env, config, run)")
    algorithm = Algorithm(alg, **contents)
    if not (isinstance(algorithm.Config, type) and issubclass(algorithm.Config, Settings)):
        raise UserError(f"--alg={alg}: expected its Config to inherit baselines.algorithm.Settings")
    return algorithm


def known_algorithms() -> list[str]:
    """Return the packages of `baselines` that are algorithms: those with a module train."""
    return sorted(path.parent.name for path in Path(baselines.__file__).parent.glob("*/train.py"))


def _import(alg: str) -> Any:
    name = alg if "." in alg else f"baselines.{alg}"
    try:
        exists = ("." in alg or alg in known_algorithms()) and importlib.util.find_spec(name) is not None
    except (ImportError, ValueError, TypeError):
        exists = False
    if not exists:
        known = known_algorithms()
        hint = nearest(alg, known) or f"; known: {', '.join(known)}"
        raise UserError(f"there is no algorithm '{alg}'{hint}. Your own: --alg=package.module with a function learn")
    try:
        return importlib.import_module(name)
    except (ImportError, SyntaxError) as error:
        raise UserError(f"--alg={alg}: cannot import '{name}': {type(error).__name__}: {error}") from None
