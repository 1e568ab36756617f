"""CITATION.cff: it has the form of the Citation File Format, and agrees with the version and the changelog."""

import re

import cffconvert
import pytest

import baselines
from tests.helpers import ROOT

CITATION = (ROOT / "CITATION.cff").read_text()


def fields(text):
    """What the file says. Raises where it is not as the schema of the format has it."""
    citation = cffconvert.Citation(text)
    citation.validate()
    return citation.cffobj


def test_the_citation_has_the_version_of_the_package_and_its_date_in_the_changelog():
    said = fields(CITATION)
    released = re.search(r"^## \[(\d.*)\] - (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.M).groups()
    assert (said["version"], said["date-released"]) == released
    assert said["version"] == baselines.__version__
    assert said["license"] == "MIT" and (ROOT / "LICENSE").read_text().startswith("MIT License")


def test_the_citation_names_the_papers_of_the_algorithms_by_their_addresses():
    pages = "".join(page.read_text() for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    named = {paper["doi"].removeprefix("10.48550/arXiv."): paper for paper in fields(CITATION)["references"]}
    assert named.keys() == {"1707.01495", "1802.09464", "1709.10089", "1707.06347"}
    for number, paper in named.items():
        assert paper["url"] == f"https://arxiv.org/abs/{number}" and paper["url"] in pages


@pytest.mark.parametrize("there, instead", [("title:", "titel:"), ("2026-11-30", "yesterday"), ("MIT", "ours")])
def test_what_the_format_does_not_know_is_refused(there, instead):
    assert there in CITATION
    with pytest.raises(Exception, match=r"Failed validating|is not|required"):
        fields(CITATION.replace(there, instead, 1))
