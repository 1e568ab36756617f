"""List environments: back end, sizes, time limit, whether an algorithm can train there, and what was measured.

Examples:
  python -m baselines.environments
  python -m baselines.environments --env='Fetch*'
  python -m baselines.environments --env='my_package.my_module:*'
"""

import contextlib
import csv
import fnmatch
import io
import json
import math
import statistics
import warnings
from dataclasses import dataclass
from pathlib import Path

import gymnasium

import baselines
from baselines.api import DEFAULTS
from baselines.common.cli import errors_end_the_process, parse_all, show
from baselines.common.errors import UserError, counted, one_line
from baselines.common.settings import Settings, setting
from baselines.common.specs import EnvSpec, without_version
from baselines.envs import envpool_env
from baselines.envs.gymnasium_env import make_one, spec_of
from baselines.envs.names import import_module_of
from baselines.runs.algorithms import Algorithm, find

_RESULTS = Path(baselines.__file__).parent.parent / "data" / "results"  # in a clone
_STEPS = "steps to "  # columns of its runs.csv


@dataclass(frozen=True)
class EnvironmentsOptions(Settings):
    """Options of the command."""

    env: str = setting("*", "environments to list, a pattern: Fetch*, my_package.my_module:*")
    alg: str = setting(DEFAULTS["alg"], "algorithm that is to train there")


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    with errors_end_the_process():
        options = parse_all(EnvironmentsOptions, argv, "baselines.environments", __doc__)
        if options is None:
            return
        algorithm, (module, colon, pattern) = find(options.alg), options.env.rpartition(":")
        import_module_of("any")  # Gymnasium-Robotics registers its own
        before = {*gymnasium.registry}
        import_module_of(f"{module}{colon}any")
        ids = [i for i in gymnasium.registry if fnmatch.fnmatchcase(i, pattern)]
        ids = [i for i in ids if module and i not in before] or ids  # those that the module registers
        if not ids:
            raise UserError(f"--env={options.env}: no environment has such a name")
        for env_id in _newest(ids):
            show("\n".join(describe(f"{module}{colon}{env_id}", algorithm)))


def describe(env_id: str, algorithm: Algorithm) -> list[str]:
    """Return the lines about an environment."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):  # notices of libraries
            warnings.simplefilter("ignore")
            with contextlib.closing(make_one(env_id)) as env:
                spec = spec_of(env, env_id)
    except Exception as error:  # whatever a library raises
        return [f"{env_id}: cannot be used: {one_line(error)[:200]}"]
    try:
        algorithm.Config().for_env(spec)
        trains = f"--alg={algorithm.name} can train here"
    except UserError as error:
        trains = f"--alg={algorithm.name} cannot train here: {one_line(error)}"
    back_end = "EnvPool" if envpool_env.knows(env_id) else "Gymnasium"
    sizes = ", ".join(f"{name} {size}" for name, size in spec.sizes.items())
    limit = f"{spec.horizon} steps" if spec.horizon else "no time limit"
    head = f"{env_id}: {back_end}; {sizes}; {limit}"
    return [head, f"  {trains}", *(f"  {line}" for line in _measured(spec, algorithm))]


def _newest(ids: list[str]) -> list[str]:
    """Return the newest version of each environment."""
    found: dict[str, str] = {}
    for env_id in sorted(ids, key=lambda i: int(i.rpartition("-v")[2]) if i.rpartition("-v")[2].isdigit() else 0):
        found[env_id.rpartition("-v")[0] or env_id] = env_id
    return sorted(found.values())


def _measured(spec: EnvSpec, algorithm: Algorithm) -> list[str]:
    """Return a line about the experiment with the most seeds on this task; none outside of a clone."""
    seeds, lines = 0, list[str]()
    for path in sorted(_RESULTS.glob("*/settings.json")):
        with contextlib.suppress(OSError, ValueError, KeyError), path.with_name("runs.csv").open(newline="") as file:
            table = list(csv.DictReader(file))
            for arm, settings in json.loads(path.read_text()).items():
                words = [word for word in settings["command"].split() if "=" in word]
                flags = dict(word.removeprefix("--").split("=", 1) for word in words)
                same = without_version(flags["env"]) == without_version(spec.env_id)
                same = same and flags.get("alg", DEFAULTS["alg"]) == algorithm.name and "demo_file" not in flags
                rows = [row for row in table if same and row["arm"] == arm]
                if "baselines.run" in settings["command"] and len(rows) > seeds:
                    steps = {k: statistics.median(float(r[k]) for r in rows) for k in rows[0] if k.startswith(_STEPS)}
                    after = {k: f"after {n:,.0f} steps" if math.isfinite(n) else "never" for k, n in steps.items()}
                    levels = [f"{k.removeprefix(_STEPS)} {text}" for k, text in after.items()]
                    seeds = len(rows)
                    lines = [f"measured: {', '.join(levels)} (median of {counted(seeds, 'seed')}; {path.parent.name})"]
    return lines


if __name__ == "__main__":
    main()
