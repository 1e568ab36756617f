"""Logs of finished and running trainings: their curves, and their groups of equal settings."""

import csv
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from baselines.common.errors import UserError, counted
from baselines.common.streams import show
from baselines.runs.record import LARGEST, shown_settings
from baselines.storage import open_regular

POINTS = 200  # of a curve, at most
SHORT = 0.5  # a run that ends before this share of its group's longest has only begun
_LARGEST_ROWS = 256 << 20  # of the rows of a run
_MOST_NAMED = 6  # settings in a message
_EXPECTED = "expected LABEL=DIR,DIR,... or a folder of runs"


class Curve(NamedTuple):
    """A column of a log against another one, which increases."""

    x: np.ndarray  # [evaluations]
    y: np.ndarray  # [evaluations]


@dataclass
class Group:
    """Runs that count as seeds of one setting."""

    label: str
    runs: dict[str, dict[str, Any]]  # the settings of each folder's run; empty: unknown

    @property
    def name(self) -> str:
        """The label with the number of runs."""
        return f"{self.label} ({counted(len(self.runs), 'run')})"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the first run."""
        return next(iter(self.runs.values()))


def read_column(folder: str, key: str) -> np.ndarray:
    """Return one column [epochs] of a run's progress.csv. Raises UserError."""
    path = os.path.join(folder, "progress.csv")
    try:
        with io.TextIOWrapper(open_regular(path, _LARGEST_ROWS), encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            values = np.array([float(row[key]) for row in reader])
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise UserError(f"cannot read {path}: {error}") from None
    except KeyError:
        raise UserError(f"{path} has no column '{key}'; it has {', '.join(reader.fieldnames or [])}") from None
    if not len(values):
        raise UserError(f"{path} has no rows yet")
    return values


def read_curve(folder: str, x_key: str, y_key: str, smooth: int = 1) -> Curve:
    """Return means of `smooth` rows, each at the last of them; rows without a number do not count. Raises UserError."""
    x, y = read_column(folder, x_key), read_column(folder, y_key)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(y) < smooth or not len(y):
        raise UserError(f"{folder} has {len(y)} rows with a number for {y_key}, expected at least {smooth}")
    if (np.diff(x) <= 0).any():
        raise UserError(f"{folder}: expected an x axis that increases, got {x_key}, which does not")
    return Curve(x[smooth - 1 :], np.convolve(y, np.full(smooth, 1 / smooth), "valid"))


def on_one_axis(curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray]:
    """Return x [n] and the curves' values there [runs, n], interpolated where a run has no row.

    The axis reaches from the last beginning to the first end. Raises UserError where there is no such part.
    """
    low, high = max(curve.x[0] for curve in curves), min(curve.x[-1] for curve in curves)
    if low > high:
        raise UserError(f"expected runs that have a part in common, got one from {low:,.6g} and one until {high:,.6g}")
    x = np.unique(np.concatenate([curve.x for curve in curves]))
    x = x[(x >= low) & (x <= high)]
    x = x if len(x) <= POINTS else np.linspace(low, high, POINTS)
    return x, np.stack([np.interp(x, curve.x, curve.y) for curve in curves])


def runs_in(folder: str) -> list[str]:
    """Return the folders in and below `folder` that have a progress.csv. Raises UserError if there is none."""
    folder = os.path.expanduser(folder)
    found = sorted(where for where, _, files in os.walk(folder) if "progress.csv" in files)
    if not found:
        raise UserError(f"{_EXPECTED}, got '{folder}', which has no progress.csv")
    return found


def settings_of(folder: str) -> dict[str, Any]:
    """Return the settings in a run's config.json, {} without one, with the last part of paths. Raises UserError."""
    path = os.path.join(folder, "config.json")
    if not os.path.isfile(path):
        return {}
    try:
        with open_regular(path, LARGEST) as file:
            settings = shown_settings(json.load(file))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"cannot read {path}: expected the settings of a run ({error!r})") from None
    return {k: os.path.basename(v) if isinstance(v, str) and os.path.isabs(v) else v for k, v in settings.items()}


def differing(settings: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the settings, but for the seed, that are not the same everywhere, with their values; versions last."""
    settings = [its for its in settings if its]
    found = {}
    for key in sorted(dict.fromkeys(key for its in settings for key in its), key="version".__eq__):
        values = list(dict.fromkeys(_text(its.get(key)) for its in settings))
        if len(values) > 1 and key != "seed":
            found[key] = values
    return found


def group_of(word: str) -> Group:
    """Return the runs that LABEL=DIR,DIR,... or a folder names. Raises UserError."""
    label, _, folders = (word.rstrip("/") or word, "", word) if _is_folder(word) else word.partition("=")
    if not label or not folders:
        raise UserError(f"{_EXPECTED}, got '{word}'")
    places = [word] if _is_folder(word) else folders.split(",")
    return Group(label, {run: settings_of(run) for place in places for run in runs_in(place)})


def groups_of(words: Iterable[str]) -> list[Group]:
    """Return a group for each LABEL=DIR,DIR,...; the runs in all other folders are grouped by their settings.

    Runs without a config.json are grouped by folder. Raises UserError.
    """
    named: list[Group] = []
    others: dict[str, Group] = {}  # by their settings
    for word in words:
        group = group_of(word)
        if not _is_folder(word):
            named.append(group)
            continue
        for folder, settings in group.runs.items():
            key = json.dumps({**settings, "seed": None}, sort_keys=True) if settings else f"folder {word}"
            others.setdefault(key, Group(group.label, {})).runs[folder] = settings
    _label([group for group in others.values() if group.settings])
    return [*named, *others.values()]


def _is_folder(word: str) -> bool:
    return os.path.isdir(os.path.expanduser(word))


def _label(groups: list[Group]) -> None:
    """Label groups by one of their differing settings, or by as few as tell them apart."""
    differences = differing(group.settings for group in groups)

    def labels(keys: Iterable[str]) -> list[str]:
        return [", ".join(f"{key}={_text(group.settings.get(key))}" for key in keys) for group in groups]

    used: list[str] = []
    for key in sorted(differences, key=lambda key: len(set(labels([key]))) < len(groups)):
        if len(set(labels([*used, key]))) > len(set(labels(used))):
            used.append(key)
    for group, label in zip(groups, labels(used), strict=True):
        group.label = label or str(group.settings.get("env"))


def selected(groups: Sequence[Group], x_key: str) -> tuple[list[Group], list[str]]:
    """Return the groups without runs that would spoil them, and a line for each thing that a reader should know.

    Raises UserError for a run or a label that is given twice.
    """
    paths = (os.path.relpath(os.path.realpath(folder)) for group in groups for folder in group.runs)
    for kind, names in (("label", (group.label for group in groups)), ("run", paths)):
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise UserError(f"the {kind} {twice[0]} is given twice; for one line of several folders: LABEL=DIR,DIR")
    said: list[str] = []
    chosen = [_selected(group, x_key, said) for group in groups]
    if between := differing(group.settings for group in chosen):
        said.append(f"the groups differ in {_named(between)}")
    return chosen, said


def _selected(group: Group, x_key: str, said: list[str]) -> Group:
    """Return the group, without the shorter of runs with equal settings and seed, and without runs that have begun."""
    length_key = "total/timesteps" if x_key == "total/seconds" else x_key  # slower runs are as long as others
    ends = {folder: float(read_column(folder, length_key)[-1]) for folder in group.runs}
    kept, seen, longest = dict[str, dict[str, Any]](), dict[str, str](), max(ends.values())
    for folder, settings in sorted(group.runs.items(), key=lambda run: -ends[run[0]]):
        same = seen.setdefault(json.dumps(settings, sort_keys=True) if settings else folder, folder)
        if same != folder:
            said.append(f"{group.label}: left out {folder}: settings and seed of {same}")
        elif ends[folder] < SHORT * longest:
            said.append(f"{group.label}: left out {folder}: it ends at {ends[folder]:,.6g} of {longest:,.6g}")
        else:
            kept[folder] = settings
    if ends[folder := [*kept][-1]] < longest:
        said.append(f"{group.label}: the mean ends at {ends[folder]:,.6g} with {folder}")
    if mixed := differing(kept.values()):
        said.append(f"{group.label}: its runs differ in {_named(mixed)}")
    if len(kept) > 1 and not all(kept.values()):
        said.append(f"{group.label}: runs without a config.json count as runs of one setting")
    return Group(group.label, kept)


def _named(differences: Mapping[str, list[str]]) -> str:
    return _first([f"{key} ({_first(values)})" for key, values in differences.items()])


def _first(names: list[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + (", ..." if len(names) > _MOST_NAMED else "")


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def tell(said: Iterable[str]) -> None:
    """Print the lines where they do not mix with a table."""
    for line in said:
        show(f"note: {line}", sys.stderr)
