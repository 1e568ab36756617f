"""README, CONTRIBUTING and docs/: what they name exists, and a rule says how each command is tried."""

import pkgutil
import re

import pytest

from tests.docs.flags import ALL_FLAGS, OPEN, SETTINGS
from tests.docs.pages import INLINE, all_pages, codes_in, keys_of, page_of
from tests.docs.rules import rule_for
from tests.docs.shell import commands_of
from tests.helpers import ROOT, train_rows

PAGES = {page.name: page for page in all_pages()}
each_page = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
FILE = re.compile(
    r"(baselines|benchmarks|data|docs|examples|tests)/([\w/-]+(\.\w+)?)?|(her|ppo2|common|runs|storage|vec_env)/[\w/]+\.py"
)


@each_page
def test_there_is_a_rule_for_every_command(page, cwd):
    for step in page.steps:
        if step.kind not in ("shell", "inline"):
            continue
        try:
            for command in commands_of(step.text, cwd, {"HOME": str(cwd)})[0]:
                assert rule_for(command.words).why
        except (LookupError, ValueError) as error:
            pytest.fail(f"{step.where}: {error}")


@each_page
def test_every_block_is_of_a_kind_that_is_tried(page):
    assert {piece.kind for piece in page.pieces} <= {"prose", "shell", "python", "text"}


@each_page
def test_no_inline_code_is_left_open(page):
    for piece in page.pieces:
        assert piece.kind != "prose" or "`" not in INLINE.sub("", piece.text), f"{piece.where}: {piece.text}"


@each_page
def test_every_flag_that_is_named_exists(page):
    text = page.text
    if page.name == "docs/migrating.md":
        text = re.sub(r"^\|[^|]*\|", "", text, flags=re.M)  # what there is elsewhere
    named = re.findall(r"(?<![\w-])--(\w[\w-]*)", text)
    assert sorted({*named} - ALL_FLAGS) == []


@each_page
def test_every_file_that_is_named_exists(page):
    for code in page.codes:
        if FILE.fullmatch(code) and not OPEN.search(code):
            assert any((ROOT / below / code).exists() for below in ("", "baselines", "baselines/common")), code


@each_page
def test_every_module_and_function_that_is_named_exists(page):
    for code in page.codes:
        if name := re.match(r"(baselines|benchmarks|examples)(\.\w+)+", code):
            pkgutil.resolve_name(name[0])


@each_page
def test_no_link_is_broken(page):
    for link in page.links:
        path, _, anchor = link.partition("#")
        target = (ROOT / page.name).parent / path if path else ROOT / page.name
        assert target.exists(), link
        name = target.resolve().relative_to(ROOT).as_posix()
        assert not anchor or anchor in page_of(name).anchors, f"{link}: no such heading"


def test_links_lead_to_every_page():
    reached, left = set(), {"README.md", "docs/index.md"}  # the doors of the repository and of the site
    while left:
        name = left.pop()
        reached.add(name)
        files = ((ROOT / name).parent / link.partition("#")[0] for link in PAGES[name].links)
        left |= {file.resolve().relative_to(ROOT).as_posix() for file in files} & PAGES.keys() - reached
    assert PAGES.keys() - reached == set()


def test_the_readme_is_read_in_five_minutes():
    assert len(PAGES["README.md"].text.splitlines()) < 150


def test_every_key_of_the_log_is_in_the_glossary_and_the_other_way_round(eagerly):
    logged = train_rows(n_epochs=1, hidden=8, layers=1, n_cycles=1, n_batches=1, n_test_rollouts=1)[0]
    assert sorted(keys_of("docs/logs.md")) == sorted(logged)


def test_the_settings_that_keep_their_names_have_them():
    (named,) = re.findall(r"Settings keep their names: (.*?)\n\n", PAGES["docs/migrating.md"].text, re.S)
    assert len(codes_in(named)) > 20 and {*codes_in(named)} <= SETTINGS


def test_every_file_of_the_code_map_exists():
    rows = PAGES["docs/architecture.md"].table("| file | what it is |\n|---|---|")
    paths = [path for first, *_ in rows for path in paths_of(codes_in(first))]
    assert len(paths) > 30 and not [path for path in paths if not path.exists()]


def test_the_files_to_read_first_exist():
    (sentence,) = re.findall(r"Read these files.*?: (.*?)\.\s", PAGES["README.md"].text, re.S)
    paths = paths_of(codes_in(sentence))
    assert len(paths) >= 5 and not [path for path in paths if not path.exists()]


def paths_of(names):
    """Names without a folder are beside the one before."""
    folder, paths = ROOT, []
    for name in names:
        paths.append(ROOT / name if "/" in name else folder / name)
        folder = paths[-1].parent
    return paths
