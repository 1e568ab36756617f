"""README, CONTRIBUTING and docs/: names exist, links lead somewhere, commands have rules, and sentences are plain."""

import pkgutil
import re

import pytest

from tests.docs.commands import ALL_FLAGS, OPEN, SETTINGS, commands_of
from tests.docs.pages import INLINE, Page, all_pages, codes_in, keys_of, notebook_text, page_of
from tests.docs.rules import rule_for
from tests.helpers import ROOT, train_rows

PAGES = {page.name: page for page in all_pages()}
PROSE = {
    **PAGES,
    "docs/quickstart.ipynb": Page("docs/quickstart.ipynb", notebook_text()),
    "data/results/README.md": page_of("data/results/README.md"),
}
FILE = re.compile(
    r"(baselines|benchmarks|data|docs|examples|tests)/([\w/-]+(\.\w+)?)?"
    r"|(her|ppo2|common|runs|storage|envs|learning|policies)/([\w/]+\.py)?"
)
BEGINNINGS = "What|Whether|Of|As|How|Where|Which"  # of questions only
each_page = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)


@each_page
def test_there_is_a_rule_for_every_command(page, cwd):
    assert {piece.kind for piece in page.pieces} <= {"prose", "shell", "python", "text"}
    for step in page.steps:
        if step.kind not in ("shell", "inline"):
            continue
        try:
            for command in commands_of(step.text, cwd):
                rule_for(command.words)
        except (LookupError, ValueError) as error:
            pytest.fail(f"{step.where}: {error}")


@pytest.mark.parametrize("page", PROSE.values(), ids=PROSE)
def test_sentences_do_not_begin_with_code_and_words_are_plain(page):
    for sentence in page.sentences:
        code_first = sentence.startswith("`") and sentence.endswith((".", ":", ";"))
        assert not code_first, f"{page.name}: begins with code: {sentence}"
        question = sentence.endswith("?")
        assert question or not re.match(rf"({BEGINNINGS})\b", sentence), f"{page.name}: {sentence}"
        assert not re.search(r"\balone\b", sentence), f"{page.name}: write only: {sentence}"


@each_page
def test_every_flag_file_module_and_function_that_is_named_exists(page):
    for piece in page.pieces:
        assert piece.kind != "prose" or "`" not in INLINE.sub("", piece.text), f"{piece.where}: open code: {piece.text}"
    text = page.text
    if page.name == "docs/migrating.md":
        text = re.sub(r"^\|[^|]*\|", "", text, flags=re.M)  # the first column is about other programs
    assert sorted({*re.findall(r"(?<![\w-])--(\w[\w-]*)", text)} - ALL_FLAGS) == []
    for code in page.codes:
        if FILE.fullmatch(code) and not OPEN.search(code):
            assert any((ROOT / below / code).exists() for below in ("", "baselines")), code
        elif (name := re.match(r"(baselines|benchmarks|examples)(\.\w+)+", code)) and not code.endswith(".py"):
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
    reached, left = set(), {"README.md", "docs/index.md"}  # the first pages of the repository and of the site
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
    (named,) = re.findall(r"settings keep their names: (.*?)\n\n", PAGES["docs/migrating.md"].text, re.S)
    assert len(codes_in(named)) > 20 and {*codes_in(named)} <= SETTINGS


def test_the_files_of_the_code_map_and_those_to_read_first_exist():
    rows = PAGES["docs/architecture.md"].table("| file | content |\n|---|---|")
    (sentence,) = re.findall(r"Read these files.*?: (.*?)\.\s", PAGES["README.md"].text, re.S)
    for names, least in (([code for first, *_ in rows for code in codes_in(first)], 30), (codes_in(sentence), 5)):
        folder, paths = ROOT, []
        for name in names:  # a name without a folder is beside the one before
            paths.append(ROOT / name if "/" in name else folder / name)
            folder = paths[-1].parent
        assert len(paths) >= least and not [path for path in paths if not path.exists()]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("    frobnicate --hard", "no rule in tests/docs/rules.py says how to check: frobnicate --hard"),
        ("    learn(env) -> Agent", "what is no command is written as ```text"),
        ("    python -m baselines.run --no_such=1", "ended with code 2"),
        ("    python -m baselines.evaluate --load_path=nowhere", "ended with code 2"),
        ("    mpirun -np 2 --no-such x python -m baselines.run", "no option of mpirun: --no-such"),
        ("    mpirun -np N python -m baselines.run --no_such=1 ...", "no_such"),
        ("    srun python -m baselines.run --no_such=1", "ended with code 2"),
        ("    pip install -e '.[nothing]'", "setup.py has no such extra"),
        ("    python -m benchmarks.reproduce fetch-bush", "no such experiment"),
        ("    python -m benchmarks.throughput rollups", "rollups"),
        ("`python -m baselines.play --load_path=DIR --episode=3`", "episode"),
        ("```python\n1 / 0\n```", "division by zero"),
        ("```python\naction = float('nan')\n```", "no action"),
        ('```python\nname = dict(log_path="nowhere")\n```', "no log in nowhere"),
        ('```python\nname = dict(save_path="nowhere")\n```', "no policy in nowhere"),
        ("`a = baselines.train(no_such=1)`", "there is no setting 'no_such'"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_wrong_in_a_page_is_noticed(text, said, reader):
    with pytest.raises((Exception, SystemExit)) as raised:
        for step in Page("p.md", text + "\n").steps:
            reader.do(step)
    assert said in f"{type(raised.value).__name__}: {raised.value}" and "p.md:1: " in raised.value.__notes__[0]
