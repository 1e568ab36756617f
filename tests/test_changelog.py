"""CHANGELOG.md: the form of Keep a Changelog, and its newest release is this version."""

import datetime
import re

import pytest

import baselines
from tests.helpers import ROOT

CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
SECTIONS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


def releases(text):
    """The version of each release, its date, or None where there is none, and the text below."""
    parts = re.split(r"^## (.+)\n", text, flags=re.M)[1:]
    for heading, below in zip(parts[::2], parts[1::2], strict=True):
        version, date = re.fullmatch(r"\[(.+?)\](?: - (\S+))?", heading).groups()
        yield version, date, below


def faults(text):
    """What is wrong with a changelog, a line for each."""
    found = list(releases(text))
    if not found or found[0][:2] != ("Unreleased", None):
        return ["the first section is not [Unreleased]"]
    wrong = []
    numbers = [tuple(map(int, version.split("."))) for version, _, _ in found[1:]]
    dates = [datetime.date.fromisoformat(date) if date else None for _, date, _ in found[1:]]
    wrong += [f"{version} has no date" for version, date, _ in found[1:] if date is None]
    if any(newer <= older for newer, older in zip(numbers, numbers[1:], strict=False)):
        wrong.append("the versions do not descend")
    if None not in dates and dates != sorted(dates, reverse=True):
        wrong.append("a version is older than the one before it")
    for version, _, below in found:
        names = re.findall(r"^### (.+)$", below, re.M)
        wrong += [f"{version} has a section {name}" for name in names if name not in SECTIONS]
        if names != sorted(set(names), key=lambda name: SECTIONS.index(name) if name in SECTIONS else 99):
            wrong.append(f"{version} has its sections in another order, or twice")
        if version != "Unreleased" and not names:
            wrong.append(f"{version} has no sections")
        wrong += [f"{version}: {name} has no entries" for name in re.findall(r"^### (.+)\n++(?!- )", below, re.M)]
    return wrong


def test_the_changelog_has_the_form():
    assert faults(CHANGELOG) == []


def test_the_newest_release_is_this_version_and_the_first_is_0_1_0():
    versions = [version for version, _, _ in releases(CHANGELOG)]
    assert (versions[0], versions[1], versions[-1]) == ("Unreleased", baselines.__version__, "0.1.0")


@pytest.mark.parametrize(
    ("there", "instead", "fault"),
    [
        ("## [Unreleased]\n", "", "the first section is not [Unreleased]"),
        ("## [0.3.0] - 2026-11-26", "## [0.3.0]", "0.3.0 has no date"),
        ("## [0.3.0] - 2026", "## [0.3.0] - 2036", "a version is older than the one before it"),
        ("## [0.3.0]", "## [0.9.0]", "the versions do not descend"),
        ("### Fixed", "### Mended", "Unreleased has a section Mended"),
        ("### Changed", "### Added", "Unreleased has its sections in another order, or twice"),
        ("### Added\n\n- HER on", "HER on", "0.1.0 has no sections"),
        ("### Removed\n", "### Removed\n\n### Fixed\n", "Unreleased: Removed has no entries"),
    ],
)
def test_what_is_wrong_with_a_changelog_is_noticed(there, instead, fault):
    assert there in CHANGELOG
    assert fault in faults(CHANGELOG.replace(there, instead, 1))
