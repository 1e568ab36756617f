"""The architecture, computed from the imports: which folder may import which, which libraries where, no circles."""

import ast
import graphlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "baselines"
# From the top to the ground: a folder imports itself and the folders on the floors below. Folders on one floor never
# import each other. Every folder that is not named here is an algorithm; modules of `baselines` itself are commands.
FLOORS = [
    {"commands"},
    {"algorithms"},
    {"results"},
    {"runs"},
    {"policies"},
    {"envs", "learning", "storage"},
    {"common"},
]
NAMED = set().union(*FLOORS[2:])
LARGEST_SHARE = 0.2  # of all lines, in one folder of shared code with all below it
# Where a library may be imported: folders or files.
LIBRARIES = {
    "mpi4py": {"common.mpi"},
    "pickle": {"her.demonstrations"},  # which allows arrays only
    "cloudpickle": set(),
    "minari": {"her.demonstrations"},
    "matplotlib": {"results.drawing"},
    "scipy": {"results.statistics"},
    "tensorboard": {"runs.tensorboard"},
    "wandb": {"runs.wandb_logger"},
    "moviepy": {"play"},
    "PIL": {"play"},
    "onnx": {"policies"},
    "ai_edge_litert": set(),  # what is written needs it, not what writes
    "optuna": {"runs.tuning"},
    "sqlalchemy": {"runs.tuning"},
    "gymnasium_robotics": {"envs.names"},
    "envpool": {"envs.envpool_env"},
}


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(SOURCE.rglob("*.py"))}


def imports_of(name):
    """Every module of ours and of others that a module names in an import, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: a relative import"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {i for i in inner if i in MODULES} or {node.module}
    return found


def folder_of(name):
    """The folder in `baselines` that a module is in, or "commands" for the modules beside the folders."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and (SOURCE / parts[1]).is_dir() else "commands"


def floor_of(folder):
    floors = [i for i, floor in enumerate(FLOORS) if folder in floor]
    return floors[0] if floors else FLOORS.index({"algorithms"})


def ours(name):
    return {i for i in imports_of(name) if i.split(".")[0] == "baselines"} - {"baselines"}


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down_or_stay_in_their_folder(name):
    folder = folder_of(name)
    up = [i for i in ours(name) if folder_of(i) != folder and floor_of(folder_of(i)) <= floor_of(folder)]
    assert up == []


@pytest.mark.parametrize("name", [m for m in MODULES if folder_of(m) in NAMED | {"commands"}])
def test_only_an_algorithm_knows_an_algorithm(name):
    algorithms = {p.name for p in SOURCE.iterdir() if p.is_dir() and p.name not in NAMED | {"__pycache__"}}
    assert "her" in algorithms
    assert not {folder_of(i) for i in ours(name)} & algorithms
    if folder_of(name) in NAMED:
        text = MODULES[name].read_text().replace("baselines-her", "")  # what pip calls the whole
        found = re.findall(rf"\b({'|'.join(algorithms)})\b", text, re.IGNORECASE)
        assert not found, f"{name} names {found[0]}"


@pytest.mark.parametrize("folder", sorted(NAMED | {"commands"}))
def test_no_folder_of_shared_code_holds_more_than_a_fifth_of_the_lines(folder):
    lines = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    share = sum(count for name, count in lines.items() if folder_of(name) == folder) / sum(lines.values())
    assert 0 < share <= LARGEST_SHARE


def test_no_module_imports_itself_by_way_of_others():
    graphlib.TopologicalSorter({name: ours(name) - {name} for name in MODULES}).prepare()


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_is_imported_where_it_belongs_only(library):
    importers = {n.removeprefix("baselines.") for n in MODULES if library in {i.split(".")[0] for i in imports_of(n)}}
    allowed = LIBRARIES[library]
    assert {n for n in importers if not any(n == a or n.startswith(f"{a}.") for a in allowed)} == set()


def test_nothing_calls_eval():
    for name, path in MODULES.items():
        called = {n.func.id for n in ast.walk(ast.parse(path.read_text()))
                  if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}  # fmt: skip
        assert not called & {"eval", "exec", "compile"}, name
