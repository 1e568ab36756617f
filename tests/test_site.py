"""The website: linked files outside of docs/ and notebooks are in it, and a broken link fails the build."""

import gzip
import html
import inspect
import json
import re
import shutil
import subprocess
import sys

import pytest

import baselines
import site_hooks
from tests.helpers import ROOT

VALIDATION = re.search(r"^validation:\n.*", (ROOT / "properdocs.yml").read_text(), re.M | re.S)[0]
CELLS = [
    {"cell_type": "markdown", "source": ["# Note\n", "[results](../data/results/README.md)"]},
    {"cell_type": "code", "source": ["print(1)"], "outputs": [
        {"output_type": "stream", "text": ["one\n"]},
        {"output_type": "display_data", "data": {"image/png": "AAAA\n", "text/plain": ["<Figure>"]}},
        {"output_type": "execute_result", "data": {"text/html": ["<video controls></video>"], "text/plain": ["v"]}},
    ]},
]  # fmt: skip
FILES = {
    "properdocs.yml": "site_name: s\ntheme: materialx\nplugins: []\nhooks: [site_hooks.py]\n" + VALIDATION,
    "docs/index.md": "# Home\n\n[results](../data/results/README.md#all) ![curve](../data/results/curve.png)\n"
    "[code](../examples/own%20code.py) [log](../LOG.md) [web](https://example.org/a.md) [note](note.ipynb)\n",
    "docs/note.ipynb": json.dumps({"cells": CELLS}),
    "data/results/README.md": '# Results\n\n## All\n\n![curve](curve.png "a curve") [home](../../docs/index.md)\n'
    "[folder](../policies)\n",
    "data/results/curve.png": "a picture",
    "data/policies/README.md": "# Policies\n\n[up](../../README.md) `[none](nowhere.md)` [measured][1]\n\n"
    "[1]: ../results/README.md\n",
    "README.md": "# Start\n",
    "LOG.md": "# Log\n\n## [Unreleased]\n\n[here](#unreleased)\n",
    "examples/own code.py": "print()\n",
    "examples/other.py": "print()\n",
}


@pytest.fixture
def repository(tmp_path):
    """A small one, with a website."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    shutil.copy(ROOT / "site_hooks.py", tmp_path)
    return tmp_path


def build(repository):
    """Return whether the strict build succeeds, and its output."""
    command = [sys.executable, "-m", "properdocs", "build", "--strict", "--site-dir", "site"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=120)
    return done.returncode == 0, done.stderr


def hrefs(page):
    return set(re.findall(r'(?:href|src)="?([^" >]+)', page.read_text()))


def test_linked_files_and_notebooks_become_pages_and_files_of_the_site(repository):
    succeeded, output = build(repository)
    assert succeeded, output
    site = repository / "site"
    home, results = hrefs(site / "index.html"), hrefs(site / "results/index.html")
    assert {"results/#all", "data/results/curve.png", "LOG/", "https://example.org/a.md", "note/"} <= home
    assert {"../data/results/curve.png", "..", "../data/policies/"} <= results
    assert {"../../readme/", "../../results/"} <= hrefs(site / "data/policies/index.html")
    assert (site / "data/results/curve.png").read_text() == "a picture"
    assert (site / "examples/own code.py").exists() and not (site / "examples/other.py").exists()
    note = (site / "note/index.html").read_text()
    assert "../results/" in hrefs(site / "note/index.html") and "data:image/png;base64,AAAA" in note
    assert "print" in note and "one" in note and "<video controls></video>" in note and "Figure" not in note


def test_each_broken_link_is_named_and_fails_the_build(repository):
    broken = ["../nothing.md", "../data/nothing.png", "../examples", "#nothing"]
    for page in ("docs/index.md", "data/policies/README.md"):
        with open(repository / page, "a") as file:
            file.write("".join(f"\n[a link]({link})\n" for link in broken))
    succeeded, output = build(repository)
    assert not succeeded
    for page in ("index.md", "data/policies/index.md"):
        assert [link for link in broken if not re.search(rf"'{page}'.*'{re.escape(link)}'", output)] == [], output


def test_two_files_do_not_take_one_place(repository):
    (repository / "docs/results.md").write_text("# Results\n")
    succeeded, output = build(repository)
    assert not succeeded and "data/results/README.md and " in output


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
def test_links_are_found_except_those_in_code(text, found):
    assert site_hooks.links(text) == found
    assert site_hooks.with_links(text, lambda link: link) == text
    marked = site_hooks.with_links(text, lambda link: f"<{link}>")
    assert [link for link in found if f"<{link}>" not in marked] == []


@pytest.fixture(scope="module")
def own_site(tmp_path_factory):
    """The folder of this repository's own site."""
    site = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "properdocs", "build", "--strict", "--site-dir", str(site)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return site


@pytest.fixture(scope="module")
def found(own_site):
    """What the search of this repository's own site finds: the text of each page by its address."""
    fragments = [gzip.decompress(path.read_bytes()) for path in own_site.glob("search/fragment/*.pf_fragment")]
    pages = [json.loads(fragment[fragment.index(b"{") :]) for fragment in fragments]
    return {page["url"].removesuffix("index.html"): page["content"].lower() for page in pages}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("is_success", "/environments/"),
        ("seeds", "/training/"),
        ("sweep", "/training/"),
        ("windows", "/"),
        ("learning rate", "/choose/"),
        ("holds files of another run", "/messages/"),
        ("jupyterlab", "/quickstart/"),  # the notebook is a page
        ("total_timesteps", "/python/"),  # signatures are of the source
    ],
)
def test_search_finds_the_page_that_answers(words, page, found):
    assert words in found[page]


@pytest.mark.slow
def test_search_leaves_out_what_another_page_says(found):
    assert "/results/" in found and not [page for page in found if page.endswith("/table/") or page == "/readme/"]


@pytest.mark.slow
def test_home_page_shows_a_picture_a_result_and_commands(own_site):
    home = (own_site / "index.html").read_text()
    pictures = {"data/pick-and-place.gif", "data/results/fetch-pick-and-place/figure.png"}
    assert pictures <= hrefs(own_site / "index.html") and all((own_site / name).exists() for name in pictures)
    commands = re.search(r"<pre>(.*?)</pre>", home, re.S)[1]
    assert [word in commands for word in ("pip install", "baselines.run", "baselines.play")] == [True] * 3


@pytest.mark.slow
def test_reference_has_a_line_and_a_row_for_each_argument(own_site):
    page = (own_site / "python/index.html").read_text()
    section = page[page.index('id="baselines.api.train"') : page.index('id="baselines.api.load_policy"')]
    signature = html.unescape(re.sub(r"<[^>]+>", "", re.search(r"<pre>(.*?)</pre>", section, re.S)[1])).splitlines()
    parameters = [*inspect.signature(baselines.train).parameters]
    assert [line.split(":")[0].strip(" *") for line in signature if re.match(r" {4}(\*\*)?\w+:", line)] == parameters
    assert [name for name in ("Name", "Type", "Description", "Default") if f"<th>{name}</th>" not in section] == []
    rows = re.findall(r'class="doc-section-item">\s*<td>\s*<code>(\w+)</code>', section)
    assert rows[: len(parameters)] == parameters  # the errors follow


@pytest.mark.slow
def test_lines_of_code_are_wrapped_not_cut(own_site):
    assert "white-space: pre-wrap" in (own_site / "site.css").read_text()
    assert [page for page in own_site.glob("*/index.html") if 'site.css"' not in page.read_text()] == []
