"""docs/messages.md quotes messages that exist, and some of each module that refuses something."""

import ast
import functools
import re

import pytest

from tests.docs.pages import codes_in, page_of
from tests.helpers import ROOT

SHORTEST = 9  # letters and signs in a row that a quotation needs: less would be found by chance


@functools.cache
def modules():
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text())
        for path in sorted(ROOT.glob("baselines/**/*.py"))
    }


@functools.cache
def texts_in(tree):
    """Return all texts of a module but docstrings, with "..." for what is filled in; sums of texts are one."""
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [text for node in ast.walk(tree) if node not in docstrings and (text := _text_of(node))]


def _text_of(node):
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(part.value if isinstance(part, ast.Constant) else "..." for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return f"{_text_of(left) or '...'}{_text_of(right) or '...'}"
    return None


def said_in(quotation, text):
    """Return True if the words between the dots of a quotation occur in the text, in their order."""
    words = [re.escape(part) for part in quotation.split("...") if part.strip()]
    return bool(words and re.search(".*".join(words), " ".join(text.split())))


def refuses(tree):
    """Return True where a module makes a UserError."""
    return any(isinstance(node, ast.Call) and ast.unparse(node.func) == "UserError" for node in ast.walk(tree))


def quotations(page):
    """Return the messages of the first column of all tables; shorter code there names a word, not a message."""
    rows = re.findall(r"^\|(.*?)\|.*\|$", page.text, re.M)
    codes = [code for row in rows for code in codes_in(row)]
    return [code for code in codes if max(len(part.strip()) for part in code.split("...")) >= SHORTEST]


def unknown(page):
    texts = [text for tree in modules().values() for text in texts_in(tree)]
    return [quoted for quoted in quotations(page) if not any(said_in(quoted, text) for text in texts)]


def unnamed(page):
    quoted = quotations(page)
    return [
        name
        for name, tree in modules().items()
        if refuses(tree) and not any(said_in(q, text) for text in texts_in(tree) for q in quoted)
    ]


PAGE = page_of("docs/messages.md")


def test_each_message_that_is_quoted_is_one_of_the_source():
    assert len(quotations(PAGE)) > 150 and unknown(PAGE) == []


def test_each_module_that_refuses_something_has_a_message_on_the_page():
    assert len([tree for tree in modules().values() if refuses(tree)]) > 30 and unnamed(PAGE) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [("holds files of another run", "holds files of another user"), ("is fixed and also named by", "is fixed and by")],
)
def test_a_message_with_other_words_is_noticed(old, new):
    changed = type(PAGE)(PAGE.name, PAGE.text.replace(old, new))
    assert len(unknown(changed)) == 1 and new in unknown(changed)[0]


def test_a_module_that_the_page_leaves_out_is_noticed():
    lines = [line for line in PAGE.text.splitlines() if "sqlite:///FILE" not in line and "--tuned" not in line]
    left = [line for line in lines if "choose another --study" not in line and "was completed" not in line]
    assert unnamed(type(PAGE)(PAGE.name, "\n".join(left))) == ["baselines/runs/tuning.py"]


@pytest.mark.parametrize(
    ("quotation", "text", "said"),
    [
        ("it has ... rows", "it has {n} rows", True),
        ("has ... rows, not ...", "it has 3 rows,\n  not 4", True),
        ("rows ... it has", "it has 3 rows", False),
        ("...", "anything", False),
    ],
)
def test_a_quotation_is_found_by_its_fixed_words(quotation, text, said):
    assert said_in(quotation, text) == said
