"""What README, CONTRIBUTING and docs/ show: commands and Python in the order of reading; tables, links, headings."""

import re
from dataclasses import dataclass
from functools import cached_property

from tests.helpers import ROOT

SHELL, TEXT = {"", "bash", "sh", "shell"}, {"text", "json", "yaml", "toml", "csv", "ini"}  # what fenced blocks may be
FENCE = re.compile(r"( *)(`{3,})(\w*)$")
ITEM = re.compile(r" *([-*+]|\d+[.)]) +")
INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
LINK = re.compile(r"\]\(([^)\s]+)[^)]*\)|^\[[^\]]+\]: +(\S+)", re.M)
# Inline code is a command if it begins like one; else it is a name.
COMMAND = re.compile(
    r"(\w+=\S+ )*(python3? -m (baselines|benchmarks)\.|(mpirun|srun|pip install|tensorboard|wandb) [^ ])"
)
STATEMENT = re.compile(r"\w+ = baselines\.\w+\(.*\)")  # and this is Python


@dataclass(frozen=True)
class Piece:
    """A block or a paragraph, of a `kind`: shell, python, text or prose; amid prose inline (a command) or statement."""

    page: str
    line: int
    kind: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Page:
    name: str  # below the root
    text: str

    @cached_property
    def pieces(self) -> list[Piece]:
        """All, in the order of reading."""
        return [Piece(self.name, *found) for found in _pieces(self.text.splitlines())]

    @cached_property
    def steps(self) -> list[Piece]:
        """What a reader would do, one after the other."""
        steps = []
        for piece in self.pieces:
            if piece.kind == "prose":
                steps += _steps_within(piece)
            elif piece.kind != "text":
                steps.append(piece)
        return steps

    @property
    def prose(self) -> str:
        return "\n\n".join(piece.text for piece in self.pieces if piece.kind == "prose")

    @property
    def links(self) -> list[str]:
        """Where links and pictures lead, but for those to the web."""
        found = LINK.findall(INLINE.sub("", self.prose))
        return [link for pair in found for link in pair if link and not link.startswith(("http", "mailto:"))]

    @property
    def anchors(self) -> set[str]:
        """What `page.md#...` may name: the headings, as GitHub writes them."""
        headings = re.findall(r"^#+ (.*)$", self.prose, re.M)
        return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}

    @property
    def codes(self) -> list[str]:
        """The inline code."""
        return codes_in(self.prose)

    def table(self, header: str) -> list[list[str]]:
        """The rows of the first table with this header, in cells."""
        start = self.text.index(f"{header}\n")
        rows = self.text[start:].split("\n\n")[0].splitlines()[2:]
        return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def page_of(name: str) -> Page:
    return Page(name, (ROOT / name).read_text(encoding="utf-8"))


def all_pages() -> list[Page]:
    docs = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md"))
    return [page_of(name) for name in ("README.md", "CONTRIBUTING.md", *docs) if (ROOT / name).exists()]


def codes_in(text: str) -> list[str]:
    return [" ".join(code.split()) for code in INLINE.findall(text)]


def keys_of(name: str) -> list[str]:
    """The keys of the log in a page's table."""
    return [key for first, *_ in page_of(name).table("| key | meaning |") for key in codes_in(first)]


def _pieces(lines):
    """Line, kind and text of each. Code is fenced, or indented by four more than the text or list item it follows."""
    at, item = 0, 0  # item: the indentation of the text of the list item we are in
    while at < len(lines):
        first, line = at, lines[at]
        indent = _indent(line)
        if not line.strip():
            at += 1
        elif fence := FENCE.match(line):
            at += 1
            while lines[at].strip() != fence[2]:
                at += 1
            yield first + 1, _kind(fence[3]), _dedented(lines[first + 1 : at])
            at += 1
        elif indent >= item + 4 and not ITEM.fullmatch(line[:indent]):
            while at < len(lines) and (not lines[at].strip() or _indent(lines[at]) >= item + 4):
                at += 1
            yield first + 1, "shell", _dedented(lines[first:at])
        else:
            while at < len(lines) and lines[at].strip() and not FENCE.match(lines[at]):
                if marker := ITEM.match(lines[at]):
                    item = len(marker[0])
                elif at == first and not indent:
                    item = 0
                at += 1
            yield first + 1, "prose", "\n".join(lines[first:at])


def _kind(language):
    if language in SHELL:
        return "shell"
    return "text" if language in TEXT else language


def _indent(line):
    return len(line) - len(line.lstrip())


def _dedented(lines):
    depth = min((_indent(line) for line in lines if line.strip()), default=0)
    return "\n".join(line[depth:] for line in lines).strip("\n") + "\n"


def _steps_within(piece):
    for code in INLINE.finditer(piece.text):
        words = " ".join(code[1].split())
        kind = "inline" if COMMAND.match(words) else "statement" if STATEMENT.fullmatch(words) else None
        if kind:
            yield Piece(piece.page, piece.line + piece.text.count("\n", 0, code.start()), kind, words)
