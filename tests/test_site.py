"""The documentation site: what pages link to outside of docs/ is in it, and a link to nothing fails the build."""

import re
import shutil
import subprocess
import sys

import pytest

import mkdocs_hooks
from tests.helpers import ROOT

VALIDATION = re.search(r"^validation:\n.*", (ROOT / "mkdocs.yml").read_text(), re.M | re.S)[0]
FILES = {
    "mkdocs.yml": "site_name: s\ntheme: readthedocs\nplugins: []\nhooks: [mkdocs_hooks.py]\n" + VALIDATION,
    "docs/index.md": "# Home\n\n[results](../data/results/README.md#all) ![curve](../data/results/curve.png)\n"
    "[code](../examples/own%20code.py) [changes](../CHANGELOG.md) [web](https://example.org/a.md)\n",
    "data/results/README.md": '# Results\n\n## All\n\n![curve](curve.png "a curve") [home](../../docs/index.md)\n'
    "[folder](../policies)\n",
    "data/results/curve.png": "a picture",
    "data/policies/README.md": "# Policies\n\n[up](../../README.md) `[none](nowhere.md)` [measured][1]\n\n"
    "[1]: ../results/README.md\n",
    "README.md": "# Start\n",
    "CHANGELOG.md": "# Changes\n\n## [Unreleased]\n\n[here](#unreleased)\n",
    "examples/own code.py": "print()\n",
    "examples/other.py": "print()\n",
}


@pytest.fixture
def repository(tmp_path):
    """A small one, with a site."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    shutil.copy(ROOT / "mkdocs_hooks.py", tmp_path)
    return tmp_path


def build(repository):
    """Whether the strict build succeeds, and what it says."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", "site"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=120)
    return done.returncode == 0, done.stderr


def hrefs(page):
    return set(re.findall(r'(?:href|src)="([^"]+)"', page.read_text()))


def test_what_pages_link_to_becomes_pages_and_files_of_the_site(repository):
    succeeded, said = build(repository)
    assert succeeded, said
    site = repository / "site"
    home, results = hrefs(site / "index.html"), hrefs(site / "results/index.html")
    assert {"results/#all", "data/results/curve.png", "CHANGELOG/", "https://example.org/a.md"} <= home
    assert {"../data/results/curve.png", "..", "../data/policies/"} <= results
    assert {"../../readme/", "../../results/"} <= hrefs(site / "data/policies/index.html")
    assert (site / "data/results/curve.png").read_text() == "a picture"
    assert (site / "examples/own code.py").exists() and not (site / "examples/other.py").exists()


@pytest.mark.parametrize("page", ["docs/index.md", "data/policies/README.md"])
@pytest.mark.parametrize("link", ["../nothing.md", "../data/nothing.png", "../examples", "#nothing"])
def test_a_link_to_nothing_fails_the_build(repository, page, link):
    with open(repository / page, "a") as file:
        file.write(f"\n[a link]({link})\n")
    succeeded, said = build(repository)
    assert not succeeded and f"'{link}'" in said


def test_two_files_do_not_take_one_place(repository):
    (repository / "docs/results.md").write_text("# Results\n")
    succeeded, said = build(repository)
    assert not succeeded and "data/results/README.md and " in said


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[a](b.md) and ![c](d.png)", ["b.md", "d.png"]),
        ("[`a`](b.md), [two\nlines](c.md)", ["b.md", "c.md"]),
        ('[a](b.md "title")', ["b.md"]),
        ("[![a](b.png)](c.md)", ["b.png", "c.md"]),
        ("[a]: b.md\n[c]: https://d", ["b.md", "https://d"]),
        ("`[a](b.md)` ``[`c`](d.md)``", []),
        ("one ` tick\n\n[a](b.md) and ` another", ["b.md"]),
        ("```\n[a](b.md)\n```\n[c](d.md)", ["d.md"]),
        ("- item\n\n    ~~~~text\n    [a](b.md)\n    ~~~~\n", []),
        ("| [a](b.md) | `c` | [d](e.md#f) |", ["b.md", "e.md#f"]),
    ],
)
def test_links_are_found_and_those_in_code_are_none(text, found):
    assert mkdocs_hooks.links(text) == found
    assert mkdocs_hooks.with_links(text, lambda link: link) == text
    marked = mkdocs_hooks.with_links(text, lambda link: f"<{link}>")
    assert [link for link in found if f"<{link}>" not in marked] == []
