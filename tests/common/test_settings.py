"""Settings: dataclasses that check themselves."""

import dataclasses
import os
from dataclasses import dataclass

import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.common.settings import MOVED, Settings, check_known, describe, from_document, names_of, setting


@dataclass(frozen=True)
class Kitchen(Settings):
    """One setting of each kind."""

    eggs: int = setting(2, "how many", 1, 12)
    salt: float = setting(0.5, "in grams", 0, of_policy=True)
    oven: bool = setting(True, "whether it is hot")
    dish: str = setting("cake", "what", choices=("cake", "bread"))
    guests: int | None = setting(None, "who come; None: nobody knows", default_text="nobody knows")
    recipe: str | None = setting(None, "a file", path=True, on_resume=MOVED, default_text="")
    debt: float = setting(0.0, "in francs", None, 100)


@dataclass(frozen=True)
class Table(Settings):
    """A setting that must be given."""

    cook: str = setting(None, "who cooks")


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [("eggs", 3.0, 3), ("eggs", 1e1, 10), ("eggs", np.int64(4), 4), ("eggs", np.float32(4), 4), ("salt", 1, 1.0),
     ("salt", np.float32(0.5), 0.5), ("oven", 0, False), ("oven", 1.0, True), ("oven", "TRUE", True),
     ("oven", "false", False), ("oven", np.bool_(True), True), ("guests", None, None), ("guests", 5, 5),
     ("debt", -1e9, -1e9), ("recipe", "~/pie", os.path.expanduser("~/pie"))],
)  # fmt: skip
def test_values_become_the_settings_kind(name, given, value):
    found = getattr(Kitchen(**{name: given}), name)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [("eggs", 0, "eggs: expected 1 to 12, got 0"), ("eggs", 1.5, "eggs: expected a whole number, got 1.5"),
     ("eggs", True, "eggs: expected a whole number, got True"), ("eggs", None, "eggs: expected a whole number"),
     ("eggs", 10**400, "eggs: expected a whole number"), ("eggs", float("inf"), "eggs: expected a whole number"),
     ("salt", -1, "salt: expected at least 0, got -1"),
     ("salt", float("nan"), "salt: expected a number, got nan"), ("salt", 1j, "salt: expected a number"),
     ("salt", np.zeros(3), "salt: expected a number"), ("oven", 2, "oven: expected True or False, got 2"),
     ("oven", None, "oven: expected True or False"), ("oven", [], "oven: expected True or False"),
     ("dish", "cale", "dish: expected one of cake, bread, got 'cale'; nearest: cake"),
     ("dish", 5, "dish: expected a word"), ("debt", 101, "debt: expected at most 100, got 101"),
     ("recipe", "", "recipe: expected a file or folder, got an empty word"),
     ("guests", "5", "guests: expected a whole number, got '5'")],
)  # fmt: skip
def test_other_values_are_refused_with_name_expectation_and_value(name, given, message):
    with pytest.raises(UserError) as error:
        Kitchen(**{name: given})
    assert str(error.value).startswith(message)


def test_a_setting_without_a_default_must_be_given():
    assert Table(cook="Ann").cook == "Ann" and describe(Table)[0].split() == ["--cook", "who", "cooks"]
    with pytest.raises(UserError, match=r"^--cook is missing \(who cooks\)$"):
        Table()


def test_settings_cannot_be_changed_and_replacing_one_checks_it():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Kitchen().eggs = 3
    with pytest.raises(UserError, match="eggs"):
        dataclasses.replace(Kitchen(), eggs=13)


def test_a_document_is_read_as_it_was_written():
    kitchen = Kitchen(eggs=7, guests=3, recipe="pie")
    assert from_document(Kitchen, kitchen.document()) == kitchen
    with pytest.raises(UserError, match="there is no setting 'egg'; nearest: eggs"):
        from_document(Kitchen, {"egg": 3})
    with pytest.raises(UserError, match="expected an object of settings, got 5"):
        from_document(Kitchen, 5)


def test_names_are_found_by_what_is_said_of_them():
    assert names_of(Kitchen) == ["eggs", "salt", "oven", "dish", "guests", "recipe", "debt"]
    assert names_of(Kitchen, of_policy=True) == ["salt"]
    assert names_of(Kitchen, path=True) == names_of(Kitchen, on_resume=MOVED) == ["recipe"]


def test_an_unknown_name_names_the_nearest_also_of_other_words():
    check_known(["eggs"], names_of(Kitchen))
    with pytest.raises(UserError, match=r"there is no setting 'seed_'; nearest: seed \(--help lists all\)"):
        check_known(["seed_"], names_of(Kitchen), also=["seed"])


def test_help_has_a_line_with_meaning_and_default_for_each():
    lines = [" ".join(line.split()) for line in describe(Kitchen, {"dish": "bread"})]
    assert lines == [
        "--eggs how many (default: 2)",
        "--salt in grams (default: 0.5)",
        "--oven whether it is hot (default: True)",
        "--dish what (default: bread); one of cake, bread",
        "--guests who come; None: nobody knows (default: nobody knows)",
        "--recipe a file",
        "--debt in francs (default: 0.0)",
    ]
