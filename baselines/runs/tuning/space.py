"""Which settings a study searches, and where; needs no Optuna."""

import dataclasses
import math
import typing
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from baselines.common.errors import UserError
from baselines.common.settings import Settings, check_known, names_of
from baselines.runs.algorithms import Algorithm, Range

_DIGITS = 4  # of a number that a trial is given: the command line of the best one should be short
_TOO_WIDE = 1e6  # such a field's range is of what is possible, not of what is sensible


class Dimension(NamedTuple):
    """One setting that is searched."""

    range: Range
    whole: bool  # numbers, without fractions


def space_of(algorithm: Algorithm, tuned: str | None, fixed: Iterable[str]) -> dict[str, Dimension]:
    """The settings of `--tuned=NAME,NAME`, or those of the algorithm's SEARCH that are not `fixed`; in that order.

    Raises UserError for a setting that there is not, that is fixed too, or that has no range.
    """
    names = list(algorithm.SEARCH) if tuned is None else [word.strip() for word in tuned.split(",") if word.strip()]
    check_known(names, names_of(algorithm.Config))
    fixed = set(fixed)
    if tuned is None:
        names = [name for name in names if name not in fixed]
    for name in names:
        if name in fixed:
            raise UserError(f"--{name} is given, and searched as --tuned has it: leave one of them out")
    if not names and tuned is not None:
        raise UserError("--tuned: expected NAME or NAME,NAME, got nothing")
    if not names:
        what = f"{' and '.join(sorted(fixed & set(algorithm.SEARCH)))} given" if algorithm.SEARCH else "no SEARCH"
        raise UserError(
            f"there is nothing to search: --alg={algorithm.name} has {what}; name settings with --tuned=NAME,NAME"
        )
    return {name: _dimension(algorithm, name) for name in dict.fromkeys(names)}


def rounded(value: float, range_: Range) -> float:
    """To few digits, and within the range."""
    return min(max(float(f"{value:.{_DIGITS}g}"), range_.low), range_.high)


def lines_of(search: Mapping[str, Range]) -> list[str]:
    """For --help."""
    return [f"  {name:<23} {range_}" for name, range_ in search.items()]


def _dimension(algorithm: Algorithm, name: str) -> Dimension:
    kind = _kind(algorithm.Config, name)
    return Dimension(algorithm.SEARCH.get(name) or _own_range(algorithm, name, kind), kind is int)


def _kind(config: type[Settings], name: str) -> type:
    kind = typing.get_type_hints(config)[name]
    first: type = (typing.get_args(kind) or (kind,))[0]
    return first


def _own_range(algorithm: Algorithm, name: str, kind: type) -> Range:
    """What the setting itself allows. Raises UserError where that has no sensible ends."""
    field = next(f for f in dataclasses.fields(algorithm.Config) if f.name == name)
    low, high, choices = (field.metadata.get(key) for key in ("low", "high", "choices"))
    if kind is bool:
        return Range(choices=(False, True))
    if choices:
        if len(choices) == 1:
            raise UserError(f"--tuned={name}: its only value is {choices[0]}")
        return Range(choices=tuple(choices))
    if low is None or high is None or not math.isfinite(low) or high - low >= _TOO_WIDE:
        found = f"{'any' if low is None else f'{low:g}'} to {'any' if high is None else f'{high:g}'}"
        raise UserError(
            f"--tuned={name}: expected a setting with choices or a range that can be searched, {name} has "
            f"{found if kind in (int, float) else 'any word'}; with one: {', '.join(algorithm.SEARCH) or 'none'}"
        )
    return Range(low, high, log=low > 0 and high / low >= 100)
