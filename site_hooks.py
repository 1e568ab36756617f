"""Hooks of the site's generator: links out of docs/ and notebooks become parts of the site.

A page links to a file by the path between the two, such as `../data/results/README.md`, because readers of the
repository need that. In the site, linked Markdown becomes a page and any other linked file a copy, each at its path in
the repository. A link to a missing file is left alone: the generator warns of it, and a strict build fails.
"""

import json
import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from properdocs.config.defaults import ProperDocsConfig
from properdocs.exceptions import PluginError
from properdocs.structure.files import File, Files, InclusionLevel
from properdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent
# Pages that are part of the site even where no other page links to them, because the navigation names them.
IN_NAVIGATION = {
    "data/results/README.md": "results.md",
    "data/results/0.4.0/README.md": "results-0.4.0.md",
    "data/policies/README.md": "data/policies/index.md",
    "benchmarks/README.md": "benchmarks/index.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "CHANGELOG.md": "CHANGELOG.md",
}
# The site's path of a file where it differs. README.md would become the home page, which is docs/index.md.
SITE_PATHS = {**IN_NAVIGATION, "README.md": "readme.md"}

_CODE_OR_LINK = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,}).*?^[ \t]*(?P=fence)[ \t]*$"
    r"|(?<!`)(?P<ticks>`+)(?!`)(?:(?!\n[ \t]*\n).)+?(?<!`)(?P=ticks)(?!`)"
    r"|(?P<before>\]\(|^[ ]{0,3}\[[^\]\n]+\]:[ \t]+)(?P<link>[^\s()<>]+)",
    re.M | re.S,
)


def on_files(files: Files, *, config: ProperDocsConfig) -> Files:
    """Add a page for each notebook, and every file that a page links to."""
    for file in [file for file in files if file.src_uri.endswith(".ipynb")]:
        content = markdown_of(_source(file).read_text(encoding="utf-8"))
        files.append(File.generated(config, file.src_uri.removesuffix(".ipynb") + ".md", content=content))
    present = {_source(file) for file in files}
    wanted = [ROOT / path for path in IN_NAVIGATION if (ROOT / path).exists()]
    wanted += [target for file in files for target in _targets(file)]
    while wanted:
        target = wanted.pop()
        if target not in present:
            added = _file_for(target, files, config)
            files.append(added)
            present.add(target)
            wanted += _targets(added)
    return files


def on_page_markdown(markdown: str, *, page: Page, config: ProperDocsConfig, files: Files) -> str:
    """Point a page's links to the places of their targets in the site; search finds only pages of the navigation."""
    if page.file.inclusion is InclusionLevel.NOT_IN_NAV:  # a table of each experiment, whose rows the results have
        page.meta["search"] = {"exclude": True}
    places = {_source(file): _shown_at(file, files) for file in files}
    folder = posixpath.dirname(page.file.src_uri)

    def in_site(link: str) -> str:
        target = target_of(link, _source(page.file))
        if target not in places:
            return link
        return posixpath.relpath(places[target], folder or ".") + link[len(link.partition("#")[0]) :]

    return with_links(markdown, in_site)


def links(text: str) -> list[str]:
    """Return the targets of all links and pictures of a Markdown text, except those within code."""
    return [match["link"] for match in _CODE_OR_LINK.finditer(text) if match["link"]]


def with_links(text: str, replace: Callable[[str], str]) -> str:
    """Return the text with `replace(link)` in place of each link."""

    def replaced(match: re.Match[str]) -> str:
        return match["before"] + replace(match["link"]) if match["link"] else match[0]

    return _CODE_OR_LINK.sub(replaced, text)


def target_of(link: str, source: Path) -> Path | None:
    """Return the file of the repository that a link in `source` leads to, or None for any other link.

    A link to a folder leads to its README.md.
    """
    path = unquote(link.partition("#")[0])
    if not path or path.startswith("/") or re.match(r"[\w.+-]+:", path):
        return None
    target = (source.parent / path).resolve()
    if target.is_dir():
        target /= "README.md"
    return target if target.is_file() and target.is_relative_to(ROOT) else None


def markdown_of(notebook: str) -> str:
    """Return a notebook (its JSON) as Markdown: text, code and the outputs that were stored with it."""
    parts: list[str] = []
    for cell in json.loads(notebook)["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        parts += [_output(output) for output in cell.get("outputs", [])]
    return "\n\n".join(parts) + "\n"


def _output(output: dict[str, object]) -> str:
    """Return what one output of a cell shows: HTML (such as a video), a picture, or text."""
    data = output.get("data", {"text/plain": output.get("text", "")})
    assert isinstance(data, dict)
    if html := data.get("text/html"):
        return f"<div>{''.join(html)}</div>"
    if picture := data.get("image/png"):
        return f'<img alt="output of the cell above" src="data:image/png;base64,{"".join(picture).strip()}">'
    return f"```text\n{''.join(data['text/plain']).rstrip()}\n```"


def _targets(file: File) -> list[Path]:
    """Return the files of the repository that a page links to; none for a file that is not a page."""
    text = file.content_string if file.is_documentation_page() else ""
    return [target for link in links(text) if (target := target_of(link, _source(file)))]


def _file_for(target: Path, files: Files, config: ProperDocsConfig) -> File:
    path = target.relative_to(ROOT).as_posix()
    place = SITE_PATHS.get(path, path)
    if place in files.src_uris:
        raise PluginError(f"{path} and {files.src_uris[place].abs_src_path} would both be {place} in the site")
    inclusion = InclusionLevel.INCLUDED if path in IN_NAVIGATION else InclusionLevel.NOT_IN_NAV
    return File.generated(config, place, abs_src_path=str(target), inclusion=inclusion)


def _shown_at(file: File, files: Files) -> str:
    """Return the path of a file's page in the site: a notebook is shown by the page that was made of it."""
    page = re.sub(r"\.ipynb$", ".md", file.src_uri)
    return page if page in files.src_uris else file.src_uri


def _source(file: File) -> Path:
    """Return the file of the repository behind a file of the site; a page without one was made of a notebook."""
    if file.abs_src_path:
        return Path(file.abs_src_path).resolve()
    return ROOT / "docs" / re.sub(r"\.md$", ".ipynb", file.src_uri)
