"""Settings: frozen dataclasses whose fields have a default, a meaning and a range, and which check themselves."""

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np

from baselines.common.errors import UserError, as_path, nearest
from baselines.common.old_names import hint
from baselines.common.specs import EnvSpec
from baselines.common.streams import wrapped

# A setting of a resumed run must be the SAME, may be a file that MOVED, or may change (FREE); see runs/record.py.
SAME, MOVED, FREE = "same", "moved", "free"
_EXPECTED = {bool: "True or False", int: "a whole number", float: "a number", str: "a word"}


def setting(
    default: Any, meaning: str, low: float | None = None, high: float | None = None, *, choices: tuple[str, ...] = (),
    path: bool = False, of_policy: bool = False, on_resume: str = SAME, default_text: str | None = None,
    group: str | None = None,
) -> Any:  # fmt: skip
    """Return a field of a `Settings` class.

    Args:
        default: the value if nobody gives one; None for a field of a kind without None means that one must be given.
        meaning: one line for --help, with the unit.
        low: smallest allowed value.
        high: largest allowed value.
        choices: the allowed words.
        path: True for a file or folder.
        of_policy: True if a trained policy depends on it; training from that policy then takes the policy's value.
        on_resume: SAME, MOVED or FREE.
        default_text: what --help shows as the default, instead of `default`.
        group: title in --help of the group of settings that begins with this one.
    """
    if default_text is None:
        default_text = "" if default is None else str(default)
    metadata = dict(meaning=meaning, low=low, high=high, choices=choices, path=path, of_policy=of_policy,
                    on_resume=on_resume, default_text=default_text, group=group)  # fmt: skip
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Settings:
    """A base class for settings; creating one checks types and ranges and raises UserError.

    Fields are `name: kind = setting(default, meaning, ...)`, of kind bool, int, float or str, perhaps `| None`.
    """

    def __post_init__(self) -> None:
        kinds = kinds_of(type(self))
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _checked(field, kinds[field.name], getattr(self, field.name)))

    def for_env(self, spec: EnvSpec) -> Self:
        """Return these settings completed for an environment. Raises UserError where they do not fit it."""
        return self

    def document(self) -> dict[str, Any]:
        """Return all settings as JSON."""
        return dataclasses.asdict(self)


def names_of(settings: type[Settings], **metadata: object) -> list[str]:
    """Return the names of all settings, or of those with this metadata: `names_of(Config, path=True)`."""
    fields = dataclasses.fields(settings)
    return [f.name for f in fields if all(f.metadata.get(k) == v for k, v in metadata.items())]


def kinds_of(settings: type[Settings]) -> dict[str, tuple[type, ...]]:
    """Return the kinds of all settings: (int, NoneType) for `int | None`."""
    return {name: typing.get_args(kind) or (kind,) for name, kind in typing.get_type_hints(settings).items()}


def check_known(names: Iterable[str], known: Iterable[str], also: Iterable[str] = ()) -> None:
    """Raise UserError for the first of `names` that is not in `known`; `also` holds more words for the hint."""
    known = list(known)
    for name in names:
        if name not in known:
            raise UserError(f"there is no setting '{name}'{hint(name, [*known, *also])} (--help lists all)")


def from_document(settings: type[Settings], document: Mapping[str, Any]) -> Any:
    """Return the settings that `document()` wrote. Raises UserError."""
    if not isinstance(document, Mapping):
        raise UserError(f"expected an object of settings, got {document!r}")
    check_known(document, names_of(settings))
    return settings(**document)


def describe(settings: type[Settings], defaults: Mapping[str, str] | None = None) -> list[str]:
    """Return a line of --help for each setting, in groups; `defaults` replace the fields' own defaults."""
    lines = []
    for field in dataclasses.fields(settings):
        metadata = field.metadata
        default = (defaults or {}).get(field.name, metadata["default_text"])
        text = metadata["meaning"] + (default and f" (default: {default})")
        choices = metadata["choices"]
        if len(choices) > 1 and not all(choice in metadata["meaning"] for choice in choices):
            text += f"; one of {', '.join(choices)}"
        if metadata["group"]:
            lines += ["", f"{metadata['group']}:"]
        lines.append(wrapped(f"  --{field.name:<21} {text}", indent=26))
    return lines


def _checked(field: "dataclasses.Field[Any]", kinds: tuple[type, ...], value: Any) -> Any:
    if value is None and type(None) in kinds:
        return None
    if value is None and field.default is None:
        raise UserError(f"--{field.name} is missing ({field.metadata['meaning']})")
    value = as_path(field.name, value) if field.metadata["path"] else _as_kind(field.name, kinds[0], value)
    low, high, choices = (field.metadata[k] for k in ("low", "high", "choices"))
    if choices and value not in choices:
        hint = nearest(str(value), choices)
        raise UserError(f"{field.name}: expected one of {', '.join(choices)}, got '{value}'{hint}")
    if (low is not None and value < low) or (high is not None and value > high):
        ends = f"at most {high:g}" if low is None else f"at least {low:g}" if high is None else f"{low:g} to {high:g}"
        raise UserError(f"{field.name}: expected {ends}, got {value}")
    return value


def _as_kind(name: str, kind: type, value: Any) -> Any:
    """Return `value` as a `kind`: 1e6 is an int, 1 a float; 0, 1, true and false are bools. Raises UserError."""
    truth = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}.get(str(value).lower())
    if kind is bool and truth is not None:
        return truth
    if isinstance(value, np.generic):
        value = value.item()
    # Neither NaN nor too large for a float.
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300
    if kind is int and is_number and value == int(value):
        return int(value)
    if kind is float and is_number:
        return float(value)
    if kind is str and isinstance(value, str):
        return value
    raise UserError(f"{name}: expected {_EXPECTED[kind]}, got {value!r}")
