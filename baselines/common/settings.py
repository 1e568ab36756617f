"""Settings: frozen dataclasses whose fields have a default, a meaning and a range, and which check themselves."""

import dataclasses
import numbers
import os
import textwrap
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Self

from baselines.common.errors import UserError, nearest
from baselines.common.old_names import hint
from baselines.common.specs import EnvSpec

# What a run that is resumed may be given again (see runs/resume.py).
SAME, MOVED, FREE = "same", "moved", "free"


def setting(
    default: Any,
    meaning: str,
    low: float | None = None,
    high: float | None = None,
    *,
    choices: tuple[str, ...] = (),
    path: bool = False,
    of_policy: bool = False,
    on_resume: str = SAME,
    default_text: str | None = None,
    before: Any = None,
) -> Any:
    """A field of a `Settings`; `low` and `high` are allowed themselves.

    `path`: a file or folder. `of_policy`: it gives a trained policy's numbers their meaning, and comes with the policy.
    `on_resume`: a resumed run has the SAME, a file that has MOVED, or another one (FREE). `default_text` is what
    --help says instead of the default. `before` is what runs did that were begun before there was this setting, if that
    is not the default.
    """
    metadata = {"meaning": meaning, "low": low, "high": high, "choices": choices, "path": path}
    more = {"of_policy": of_policy, "on_resume": on_resume, "default_text": default_text, "before": before}
    return dataclasses.field(default=default, metadata={**metadata, **more})


@dataclasses.dataclass(frozen=True)
class Settings:
    """Creating one checks types and ranges and raises UserError.

    Fields are `name: kind = setting(default, meaning, ...)`; kinds are bool, int, float, str, each perhaps `| None`.
    """

    def __post_init__(self) -> None:
        kinds = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _checked(field, kinds[field.name], getattr(self, field.name)))

    def for_env(self, spec: EnvSpec) -> Self:
        """These settings, completed with what follows from the environment. Raises UserError where they do not fit."""
        return self

    def document(self) -> dict[str, Any]:
        """All settings, as JSON."""
        return dataclasses.asdict(self)


def names_of(settings: type[Settings], **metadata: object) -> list[str]:
    """The names of all settings, or of those with this metadata: `names_of(Config, path=True)`."""
    fields = dataclasses.fields(settings)
    return [f.name for f in fields if all(f.metadata.get(k) == v for k, v in metadata.items())]


def check_known(names: Iterable[str], known: Iterable[str], also: Iterable[str] = ()) -> None:
    """Raise UserError for the first of `names` that is not known; `also` may have been meant."""
    known = list(known)
    for name in names:
        if name not in known:
            raise UserError(f"unknown setting '{name}'{hint(name, [*known, *also])} (--help lists all)")


def from_document(settings: type[Settings], document: Mapping[str, Any]) -> Any:
    """What `document()` gave. Raises UserError, also for a document that is none."""
    if not isinstance(document, Mapping):
        raise UserError(f"expected an object of settings, got {document!r}")
    check_known(document, names_of(settings))
    return settings(**document)


def describe(settings: type[Settings], defaults: Mapping[str, str] | None = None) -> list[str]:
    """A line for --help of each setting; `defaults` are instead of the fields' own."""
    lines = []
    for field in dataclasses.fields(settings):
        default = (defaults or {}).get(field.name, field.metadata.get("default_text"))
        default = str(field.default) if default is None else default
        text = field.metadata.get("meaning", "") + (default and f" (default: {default})")
        name = f"  --{field.name:<21} "
        lines.append(textwrap.fill(text, 110, initial_indent=name, subsequent_indent=" " * len(name)))
    return lines


def _checked(field: "dataclasses.Field[Any]", kind: Any, value: Any) -> Any:
    value = _as_kind(field.name, typing.get_args(kind) or (kind,), value)
    low, high, choices = (field.metadata.get(k) for k in ("low", "high", "choices"))
    if choices and value is not None and value not in choices:
        raise UserError(
            f"{field.name}: expected one of {', '.join(choices)}, got '{value}'{nearest(str(value), choices)}"
        )
    if value is not None and ((low is not None and value < low) or (high is not None and value > high)):
        raise UserError(f"{field.name}: expected {_range(low, high)}, got {value}")
    if field.metadata.get("path") and value is not None:
        if not value:
            raise UserError(f"{field.name}: expected a file or folder, got nothing")
        return os.path.expanduser(value)
    return value


def _as_kind(name: str, kinds: tuple[type, ...], value: Any) -> Any:
    """`value` as the first of `kinds` that it fits: 1e6 is an int, 1 a float, 0, 1, true and false are bools."""
    if value is None and type(None) in kinds:
        return None
    kind = kinds[0]
    number = _is_number(value)
    if kind is bool and (isinstance(value, bool) or value in (0, 1) or str(value).lower() in ("true", "false")):
        return value in (1, True) or str(value).lower() == "true"
    if kind is int and number and value == int(value):
        return int(value)
    if kind is float and number:
        return float(value)
    if kind is str and isinstance(value, str):
        return value
    expected = {bool: "True or False", int: "a whole number", float: "a number", str: "a word"}[kind]
    raise UserError(f"{name}: expected {expected}, got {value!r}")


def _is_number(value: Any) -> bool:
    """Also one of NumPy's; but none that is beyond all floats, as an int can be."""
    try:
        return isinstance(value, numbers.Real) and not isinstance(value, bool) and abs(float(value)) < 1e300
    except OverflowError:
        return False


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high:g}"
    return f"at least {low:g}" if high is None else f"{low:g} to {high:g}"
