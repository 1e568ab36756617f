"""The record of a run, config.json in its log folder, and what may change when the run is resumed."""

import dataclasses
import json
import os
import re
import reprlib
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import baselines
from baselines.common.errors import UserError, one_line
from baselines.common.settings import FREE, MOVED, SAME, Settings, check_known, from_document, kinds_of, names_of
from baselines.runs.options import Options
from baselines.runs.schedule import Schedule
from baselines.storage import check_own_files, check_writable, checksum, open_regular

FORMAT = "baselines run 3"
_OF_0_4_0 = "baselines run 2"
_ANY_FORMAT = "baselines run "
_FLOAT = re.compile(r"[+-]?\d+(\.\d*)?e[+-]?\d+", re.IGNORECASE)  # 1e6, which PyYAML takes for a word
LARGEST = 1 << 20  # bytes of config.json
_NOT_RECORDED = ("resume", "log_path", "extra_import", "worker_timeout")
_SHOWN = ("version", "alg", "env", "env_kwargs", "max_episode_steps", "num_env", "workers", "seed", "preset",
          "load_path")  # fmt: skip
S = TypeVar("S", bound=Settings)


class Record(NamedTuple):
    """The contents of a run's config.json."""

    folder: str
    options: Options
    workers: int
    config: Mapping[str, Any]  # the algorithm's settings
    schedule: Schedule


def record_of(options: Options, config: Settings, schedule: Schedule, workers: int) -> dict[str, Any]:
    """Return the JSON of a run, with absolute paths and a checksum of everything before it."""
    recorded = {k: v for k, v in options.document().items() if k not in _NOT_RECORDED}
    settings = config.document()
    recorded |= {name: os.path.abspath(recorded[name]) for name in names_of(Options, path=True) if recorded.get(name)}
    for name in names_of(type(config), path=True):
        if settings[name] and os.path.exists(settings[name]):
            settings[name] = os.path.abspath(settings[name])
    head = {"format": FORMAT, "version": baselines.__version__, "folder": os.path.abspath(options.log_path or "")}
    document = {**head, **recorded, "workers": workers, "config": settings, "schedule": schedule.document()}
    return {**document, "crc32": checksum(document)}


def shown_settings(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what TensorBoard and Weights & Biases show of a record: the algorithm's settings and the run's own."""
    return {**{name: document.get(name) for name in _SHOWN}, **document["config"]}


def read_record(folder: str) -> Record:
    """Read the record of a run. Raises UserError, also for runs that only another version can resume."""
    check_own_files(folder)
    try:
        with open_regular(os.path.join(folder, "config.json"), LARGEST) as file:
            document = json.loads(file.read().decode())
        if document.get("format") == _OF_0_4_0:
            raise ValueError("baselines 0.4.0 wrote it; to resume it, install baselines-her==0.4.0")
        if document.get("format") != FORMAT:
            raise ValueError(f"expected format '{FORMAT}', got {reprlib.repr(document.get('format'))}")
        if (crc32 := document.pop("crc32", None)) is not None and crc32 != checksum(document):  # 0.5.0 wrote none
            raise ValueError("it was changed: its checksum does not match (without its last entry it counts as yours)")
        recorded = {name: document[name] for name in names_of(Options) if name not in _NOT_RECORDED}
        if recorded["save_path"]:
            now = os.path.abspath(folder)
            recorded["save_path"] = _moved(recorded["save_path"], document.get("folder") or now, now)
        options = Options(**recorded)
        if options.seed is None or options.num_env is None or not isinstance(document["config"], dict):
            raise ValueError("seed, num_env or config is missing")
        schedule = from_document(Schedule, document["schedule"])
        return Record(folder, options, document["workers"], document["config"], schedule)
    except (OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError, UserError) as error:
        raise UserError(f"cannot resume {folder}: config.json: {getattr(error, 'strerror', None) or error}") from None


def _moved(path: str, old: str, new: str) -> str:
    """Return the place of `path` after the log folder has moved from `old` to `new`, perhaps together with it."""
    there = os.path.normpath(os.path.join(new, os.path.relpath(path, old)))
    together = not os.path.exists(os.path.commonpath([path, old]))
    copied = os.path.exists(there) and (os.path.exists(old) or not os.path.exists(path))
    return there if together or copied else path


def resumed_options(record: Record, given: Mapping[str, Any]) -> Options:
    """Return the recorded options, replaced by those that are `given` now. Raises UserError.

    Without a new length (`num_timesteps` or `n_epochs`) the recorded schedule is the length.
    """
    log_path = given.get("log_path")
    if log_path and os.path.abspath(os.path.expanduser(log_path)) != os.path.abspath(record.folder):
        raise UserError(f"--resume={record.folder} writes its logs there, not to --log_path={log_path}")
    now = dataclasses.replace(record.options, **{"num_timesteps": None, "n_epochs": None, **given})
    _check_same(record.folder, record.options.document(), now, given)
    return dataclasses.replace(now, resume=record.folder, log_path=record.folder)


def resumed_config(record: Record, kind: type[S], given: Mapping[str, Any]) -> S:
    """Return the recorded settings of the algorithm, replaced by those that are `given` now. Raises UserError."""
    try:
        before: S = from_document(kind, record.config)
    except UserError as error:
        raise UserError(f"cannot resume {record.folder}: config.json: {error}") from None
    check_known(given, names_of(kind))
    try:
        return dataclasses.replace(before, **given)
    except UserError:
        for name, value in given.items():  # a value may contradict the recorded settings: name it as a difference
            _check_same(record.folder, record.config, kind(**{name: value}), [name])
        raise


def check_resumed(record: Record, options: Options, config: Settings, given: Iterable[str], workers: int) -> None:
    """Raise UserError for what differs from the record: `given` settings, the user's own environment, or workers."""
    _check_same(record.folder, record.config, config, given)
    _check_same(record.folder, record.options.document(), options, ["env", "num_env"])
    if workers != record.workers:
        raise UserError(f"cannot resume {record.folder}: it was started with workers={record.workers}, not {workers}")


def lasting_settings(options: Options, config: Settings) -> dict[str, Any]:
    """Return all that a resumed run must have in common with its checkpoint."""
    return {n: getattr(s, n) for s in (options, config) for n in names_of(type(s), on_resume=SAME, path=False)}


def check_checkpoint(folder: str, before: object, options: Options, config: Settings) -> None:
    """Raise UserError where the `lasting_settings` in a checkpoint are not these: config.json is another run's."""
    if isinstance(before, dict):  # 0.5.0 wrote none
        for now in (options, config):
            _check_same(folder, before, now, set(before).intersection(names_of(type(now))))


def _check_same(folder: str, before: Mapping[str, Any], now: Settings, given: Iterable[str]) -> None:
    """Raise UserError for the first `given` setting that a resumed run may not change."""
    kind = type(now)
    paths = names_of(kind, path=True)
    moved = {name for name in names_of(kind, on_resume=MOVED) if before.get(name)}
    for name in set(given) - moved - set(names_of(kind, on_resume=FREE)):
        old, new = (os.path.abspath(v) if name in paths and v else v for v in (before[name], getattr(now, name)))
        if old != new:
            raise UserError(f"cannot resume {folder}: it was started with {name}={old}, not {new}")


def read_config(
    path: str, options: type[Settings], given: Mapping[str, Any], settings: Mapping[str, object]
) -> tuple[dict[str, Any], dict[str, object]]:
    """Return the flags, fields of `options`, and the settings of a --config file, replaced by those that are given.

    The file is YAML or JSON that the user wrote, or the config.json of a run; that run's own paths for policies and
    logs are left out. Raises UserError.
    """
    document = _read_document(path)
    config = document.pop("config", {})
    if str(document.get("format")).startswith(_ANY_FORMAT):
        for name in ("alg", "preset"):
            if name in given and given[name] != document.get(name):
                had = f"{name}={document.get(name)}" if document.get(name) else f"no {name}"
                raise UserError(f"--{name}={given[name]}: {path} has all settings of a run with {had}; leave one out")
        if document.get("num_timesteps") is document.get("n_epochs") is None:
            schedule = from_document(Schedule, document.get("schedule", {}))
            whole = schedule.n_epochs * schedule.n_cycles * schedule.steps_per_cycle
            document["num_timesteps"] = whole if schedule.n_steps is None else schedule.n_steps
        document = {n: v for n, v in document.items() if n in names_of(Options) and n != "save_path"}
    for alike in ({"num_timesteps", "n_epochs"}, {"seed", "seeds", "n_seeds"}):
        if alike & given.keys():
            document = {n: v for n, v in document.items() if n not in alike}
    kinds, flags, own = kinds_of(options), {}, dict(config)
    for name, value in document.items():
        if name not in kinds:
            own[name] = value
        elif value is not None:
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            flags[name] = text if str in kinds[name] else value
    return {**flags, **given}, {**own, **settings}


def _read_document(path: str) -> dict[str, Any]:
    """Return the mapping in a YAML or JSON file. Raises UserError."""
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as file:
            if path.endswith((".yaml", ".yml")):
                import yaml

                document = yaml.safe_load(file)
            else:
                document = json.load(file)
        config = document.get("config", {})
        if not all(isinstance(name, str) for name in [*document, *config]):
            raise ValueError("expected the names of flags and settings")
        return {**_with_floats(document), "config": _with_floats(config)}
    except ModuleNotFoundError:
        raise UserError(f"--config={path}: YAML needs PyYAML (pip install pyyaml); JSON needs nothing") from None
    except AttributeError:
        raise UserError(f"--config={path}: expected a mapping of flags and settings, such as polyak: 0.98") from None
    except Exception as error:  # PyYAML's errors share no base with those of JSON and files
        raise UserError(f"--config={path}: {one_line(error)}") from None


def _with_floats(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name.replace("-", "_"): float(value) if isinstance(value, str) and _FLOAT.fullmatch(value) else value
        for name, value in document.items()
    }


def new_run_folder(alg: str, env_id: str, seed: int) -> str:
    """Return the name of a new folder in `runs/`, with algorithm, environment, time and seed."""
    # Other jobs may start in the same second, on other machines too: the last part is random.
    parts = alg, re.sub("[:/]", "-", env_id), time.strftime("%Y%m%d-%H%M%S"), f"seed{seed}", os.urandom(4).hex()
    return os.path.join("runs", "-".join(parts))


def check_save_path(path: str) -> None:
    """Raise UserError if `path` cannot be written to or holds policies of another run."""
    check_writable(path)
    for name in os.listdir(path) if os.path.isdir(path) else []:
        if name.removesuffix(".safetensors") in ("latest", "best") or name.startswith("epoch_"):
            raise UserError(f"{path} holds policies of another run ({name}); choose another --save_path")
