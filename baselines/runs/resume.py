"""What may be said when a run is resumed: the same as before, where files have moved to, and for how long to train."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, TypeVar

from baselines.common.errors import UserError
from baselines.common.settings import FREE, MOVED, Settings, check_known, from_document, names_of
from baselines.runs.folder import Record
from baselines.runs.options import Options

S = TypeVar("S", bound=Settings)


def resumed_options(record: Record, given: Mapping[str, Any]) -> Options:
    """The options of the run in `record`, and over them those that are `given` now. Raises UserError.

    Without a new length (`num_timesteps` or `n_epochs`), the record's schedule is the length.
    """
    log_path = given.get("log_path")
    if log_path and os.path.abspath(log_path) != os.path.abspath(record.folder):
        raise UserError(f"--resume={record.folder} writes its logs there, not to --log_path={log_path}")
    before = dataclasses.replace(record.options, num_timesteps=None, n_epochs=None)
    now = dataclasses.replace(before, **given)
    check_same_settings(record.folder, before, now, given)
    return dataclasses.replace(now, resume=record.folder, log_path=record.folder)


def resumed_config(record: Record, kind: type[S], given: Mapping[str, Any]) -> tuple[S, S]:
    """The algorithm's settings in `record`, and the same with what is `given` now. Raises UserError."""
    try:
        older = {f.name: f.metadata.get("before") for f in dataclasses.fields(kind)}
        older = {name: value for name, value in older.items() if value is not None}
        before: S = from_document(kind, {**older, **record.config})
    except UserError as error:
        raise UserError(f"{record.folder} holds no run to resume: config.json: {error}") from None
    check_known(given, names_of(kind))
    try:
        return before, dataclasses.replace(before, **given)
    except UserError:
        for name, value in given.items():  # one that is sound alone contradicts what the run has
            check_same_settings(record.folder, before, kind(**{name: value}), {name: value})
        raise


def check_same_settings(folder: str, before: Settings, now: Settings, given: Mapping[str, Any]) -> None:
    """Raise UserError for the first `given` name whose value must be the same and is not."""
    kind = type(before)
    moved = {name for name in names_of(kind, on_resume=MOVED) if getattr(before, name)}  # the file may be elsewhere now
    paths = names_of(kind, path=True)
    for name in set(given) - moved - set(names_of(kind, on_resume=FREE)):
        values = [getattr(settings, name) for settings in (before, now)]
        check_same(folder, name, *(os.path.abspath(v) if name in paths and v else v for v in values))


def check_same(folder: str, name: str, before: object, now: object) -> None:
    """Raise UserError where a run cannot be resumed because `name` differs."""
    if before != now:
        raise UserError(f"--resume={folder} continues its run as it began: {name} {now} against {before} there")
