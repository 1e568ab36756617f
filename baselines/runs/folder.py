"""What a run leaves in its log folder beside the logs: `config.json`, with all that it used."""

import dataclasses
import os
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import baselines
from baselines.common.errors import UserError
from baselines.common.settings import Settings, names_of
from baselines.runs.options import Options
from baselines.runs.schedule import Schedule
from baselines.storage.arrays import SUFFIX
from baselines.storage.files import check_writable, read_json

FORMAT = "baselines run 2"
_LAST_VERSION_OF_FORMAT_1 = "0.1.0"
_NOT_KEPT = ("resume", "log_path")
_SHOWN = (
    "version",
    "alg",
    "env",
    "env_kwargs",
    "max_episode_steps",
    "num_env",
    "workers",
    "seed",
    "preset",
    "load_path",
)


def settings_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a run's `config.json` says of its training: the algorithm's settings, and the run's own."""
    return {**{name: document[name] for name in _SHOWN}, **document["config"]}


class Record(NamedTuple):
    """The contents of a run's `config.json`."""

    folder: str
    options: Options
    workers: int
    config: Mapping[str, Any]  # the algorithm's settings
    schedule: Schedule


def record_of(options: Options, config: Settings, schedule: Schedule, workers: int) -> dict[str, Any]:
    """The JSON of a run; paths in it do not depend on the folder in which the command was given."""
    kept = {k: v for k, v in options.document().items() if k not in _NOT_KEPT}
    settings = config.document()
    for name in names_of(Options, path=True):
        if kept.get(name):
            kept[name] = os.path.abspath(kept[name])
    for name in names_of(type(config), path=True):
        if settings[name] and os.path.exists(settings[name]):
            settings[name] = os.path.abspath(settings[name])
    return {
        "format": FORMAT,
        "version": baselines.__version__,
        **kept,
        "workers": workers,
        "config": settings,
        "schedule": dataclasses.asdict(schedule),
    }


def read_record(folder: str) -> Record:
    """Raises UserError where there is no run, or one that another version must resume."""
    document = read_json(os.path.join(folder, "config.json"))
    if document.get("format") != FORMAT:
        by = f"version {_LAST_VERSION_OF_FORMAT_1}" if "schedule" in document else "no version of baselines"
        raise UserError(
            f"{folder} holds no run that this version can resume: its config.json was written by {by}. "
            f"Version {_LAST_VERSION_OF_FORMAT_1} can resume its own runs"
        )
    try:
        kept = {name: document[name] for name in names_of(Options) if name not in _NOT_KEPT and name in document}
        options = Options(**kept)  # a run of version 0.3.0 has not all of them
        if options.seed is None or options.num_env is None or not isinstance(document["config"], dict):
            raise ValueError("seed, num_env or config is missing")
        schedule = {f.name: _count(document["schedule"][f.name]) for f in dataclasses.fields(Schedule)}
        return Record(folder, options, _count(document["workers"]), document["config"], Schedule(**schedule))
    except (KeyError, TypeError, ValueError, UserError) as error:
        raise UserError(f"{folder} holds no run to resume: config.json: {error}") from None


def new_run_folder(alg: str, env_id: str, seed: int) -> str:
    """The name of a folder under `runs/` that does not exist yet, by algorithm, environment, time and seed."""
    name = f"{alg}-{env_id.replace(':', '-').replace('/', '-')}-{time.strftime('%Y%m%d-%H%M%S')}-seed{seed}"
    path, count = os.path.join("runs", name), 1
    while os.path.exists(path):
        count += 1
        path = os.path.join("runs", f"{name}-{count}")
    return path


def check_save_path(path: str) -> None:
    """Raise UserError where nothing can be saved, or where policies would be lost."""
    check_writable(path)
    for name in os.listdir(path) if os.path.isdir(path) else []:
        if name.removesuffix(SUFFIX) in ("latest", "best") or name.startswith("epoch_"):
            raise UserError(f"{path} holds policies of another run ({name}); choose another --save_path")


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise ValueError(f"expected a whole number, got {value!r}")
    return value
