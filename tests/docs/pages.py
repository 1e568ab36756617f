"""What README, CONTRIBUTING and docs/ show: commands and Python in the order of reading; tables, links, headings."""

import json
import re
import textwrap
from dataclasses import dataclass
from functools import cached_property

from tests.helpers import ROOT

KINDS = {"": "shell", "bash": "shell", "json": "text", "yaml": "text"}  # of fenced blocks; others are what they say
# A fenced block, or an indented one, or a paragraph.
PIECE = re.compile(
    r"^```(?P<language>\w*)\n(?P<fenced>(?:.*\n)*?)```$"
    r"|^(?P<indented>(?:    .*\n)+)|^(?P<prose>(?:(?!```).*\S.*\n)+)",
    re.M,
)
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
        pieces = []
        for found in PIECE.finditer(self.text):
            kind = KINDS.get(found["language"], found["language"]) if found["language"] is not None else "shell"
            text = found["prose"] or found["fenced"] or textwrap.dedent(found["indented"] or "")
            line = self.text.count("\n", 0, found.start()) + 1
            pieces.append(Piece(self.name, line, "prose" if found["prose"] else kind, text))
        return pieces

    @cached_property
    def steps(self) -> list[Piece]:
        """What a reader would do, one after the other."""
        steps = []
        for piece in self.pieces:
            if piece.kind != "prose":
                steps += [piece] if piece.kind != "text" else []
                continue
            for code in INLINE.finditer(piece.text):
                words, line = " ".join(code[1].split()), piece.line + piece.text.count("\n", 0, code.start())
                if COMMAND.match(words) or STATEMENT.fullmatch(words):
                    kind = "inline" if COMMAND.match(words) else "statement"
                    steps.append(Piece(self.name, line, kind, words))
        return steps

    @property
    def prose(self) -> str:
        return "\n".join(piece.text for piece in self.pieces if piece.kind == "prose")

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
        return codes_in(self.prose)

    @property
    def sentences(self) -> list[str]:
        """Of paragraphs, list items and cells of tables; not of headings and pictures. Code blocks end none."""
        lines = [line for line in self.prose.splitlines() if not re.match(r"#|\|[-| :]+\||!\[|:::|<!--", line)]
        text = re.sub(r"^ *([-*]|\d+\.) ", "\n\n", "\n".join(lines), flags=re.M)
        text = INLINE.sub(lambda code: re.sub(r"[.!?|]", "_", code[0]), text)  # what code holds ends no sentence
        parts = re.split(r"\n\s*\n|\|", re.sub(r"(?m)^\s*$", "\n", text))
        return [
            sentence.strip("* ") for part in parts for sentence in re.split(r"(?<=[.!?])\**\s+(?=\S)", part.strip())
        ]

    def table(self, header: str) -> list[list[str]]:
        """The rows of the first table with this header, in cells."""
        rows = self.text[self.text.index(f"{header}\n") :].split("\n\n")[0].splitlines()[2:]
        return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def page_of(name: str) -> Page:
    return Page(name, (ROOT / name).read_text(encoding="utf-8"))


def all_pages() -> list[Page]:
    docs = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md"))
    return [page_of(name) for name in ("README.md", "CONTRIBUTING.md", *docs) if (ROOT / name).exists()]


def notebook_text() -> str:
    cells = json.loads((ROOT / "docs/quickstart.ipynb").read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown") + "\n"


def codes_in(text: str) -> list[str]:
    return [" ".join(code.split()) for code in INLINE.findall(text)]


def keys_of(name: str) -> list[str]:
    """The keys of the log in a page's table."""
    return [key for first, *_ in page_of(name).table("| key | meaning |") for key in codes_in(first)]
