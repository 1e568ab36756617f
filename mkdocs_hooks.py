"""MkDocs: what the pages link to outside of docs/ becomes a part of the site.

A page links to a file by the path between the two, `../data/results/README.md`, as readers of the repository need it.
For readers of the site, Markdown that is linked becomes a page and any other file a copy, each at its place in the
repository. A link to a file that does not exist stays as it is: MkDocs warns of it, and a strict build fails.
"""

import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent
# Pages that have another place than in the repository. The first are always there, as the navigation names them.
IN_NAVIGATION = {"data/results/README.md": "results.md"}
PLACES = {**IN_NAVIGATION, "README.md": "readme.md"}  # a README is the page of its folder, and that is docs/index.md

_CODE_OR_LINK = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,}).*?^[ \t]*(?P=fence)[ \t]*$"
    r"|(?<!`)(?P<ticks>`+)(?!`)(?:(?!\n[ \t]*\n).)+?(?<!`)(?P=ticks)(?!`)"
    r"|(?P<before>\]\(|^[ ]{0,3}\[[^\]\n]+\]:[ \t]+)(?P<link>[^\s()<>]+)",
    re.M | re.S,
)


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add what the pages link to, and what those pages link to."""
    there = {_source(file) for file in files}
    wanted = [ROOT / path for path in IN_NAVIGATION] + [target for file in files for target in _targets(file)]
    while wanted:
        target = wanted.pop()
        if target not in there:
            added = _added(target, files, config)
            files.append(added)
            there.add(target)
            wanted += _targets(added)
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point a page's links to where their targets are in the site."""
    places = {_source(file): file.src_uri for file in files}
    folder = posixpath.dirname(page.file.src_uri)

    def in_site(link: str) -> str:
        target = target_of(link, _source(page.file))
        if target not in places:
            return link
        return posixpath.relpath(places[target], folder or ".") + link[len(link.partition("#")[0]) :]

    return with_links(markdown, in_site)


def links(text: str) -> list[str]:
    """The targets of all links and pictures of a Markdown text; what looks like one in code is none."""
    return [found["link"] for found in _CODE_OR_LINK.finditer(text) if found["link"]]


def with_links(text: str, replace: Callable[[str], str]) -> str:
    """The text with `replace(link)` for each of its links."""

    def replaced(found: re.Match[str]) -> str:
        return found["before"] + replace(found["link"]) if found["link"] else found[0]

    return _CODE_OR_LINK.sub(replaced, text)


def target_of(link: str, source: Path) -> Path | None:
    """The file of the repository that a link in `source` leads to, of a folder its README.md; None for all else."""
    path = unquote(link.partition("#")[0])
    if not path or path.startswith("/") or re.match(r"[\w.+-]+:", path):
        return None
    target = (source.parent / path).resolve()
    if target.is_dir():
        target /= "README.md"
    return target if target.is_file() and target.is_relative_to(ROOT) else None


def _targets(file: File) -> list[Path]:
    """The files of the repository that a page links to; none where it is no page."""
    found = links(file.content_string) if file.is_documentation_page() else []
    return [target for link in found if (target := target_of(link, _source(file)))]


def _added(target: Path, files: Files, config: MkDocsConfig) -> File:
    path = target.relative_to(ROOT).as_posix()
    place = PLACES.get(path, path)
    if place in files.src_uris:
        raise PluginError(f"{path} and {files.src_uris[place].abs_src_path} would have one place in the site: {place}")
    inclusion = InclusionLevel.INCLUDED if path in IN_NAVIGATION else InclusionLevel.NOT_IN_NAV
    return File.generated(config, place, abs_src_path=str(target), inclusion=inclusion)


def _source(file: File) -> Path:
    return Path(file.abs_src_path or "").resolve()
