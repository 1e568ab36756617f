"""docs/messages.md quotes messages that exist, and some of each module that refuses something."""

import ast
import re

from tests.docs.pages import codes_in, page_of
from tests.helpers import ROOT

SHORTEST = 9  # letters and signs in a row that a quotation needs: less would be found by chance


def _text_of(node):
    """Return the text of a node, with "..." for what is filled in; sums of texts are one."""
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


def test_the_page_quotes_messages_that_exist_and_one_of_each_module_that_refuses_something():
    rows = re.findall(r"^\|(.*?)\|.*\|$", page_of("docs/messages.md").text, re.M)
    codes = [code for row in rows for code in codes_in(row)]  # shorter code names a word, not a message
    quoted = [code for code in codes if max(len(part.strip()) for part in code.split("...")) >= SHORTEST]
    found, refusing = set(), {}
    for path in ROOT.glob("baselines/**/*.py"):
        tree = ast.parse(path.read_text())
        docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts = [text for node in ast.walk(tree) if node not in docstrings and (text := _text_of(node))]
        here = {code for code in quoted if any(said_in(code, text) for text in texts)}
        if any(isinstance(node, ast.Call) and ast.unparse(node.func) == "UserError" for node in ast.walk(tree)):
            refusing[path] = here
        found |= here
    assert len(quoted) > 150 and {*quoted} - found == set()
    assert len(refusing) > 25 and [name for name, here in refusing.items() if not here] == []
