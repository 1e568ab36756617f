"""The architecture, computed from the imports: which package may import which, which libraries where, no circles."""

import ast
import graphlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "baselines"
# Names of commands that users of OpenAI Baselines know; the doors beside run.py do the work.
OLD_DOORS = {f"baselines.her.experiment.{name}" for name in ("play", "plot", "train")}
# Where a library may be imported; "" is the package `baselines` itself.
LIBRARIES = {
    "mpi4py": {"common.mpi"},
    "pickle": {"her.demonstrations.safe_unpickle"},  # which allows arrays only
    "cloudpickle": set(),
    "minari": {"her.demonstrations.minari"},
    "matplotlib": {"plot"},
    "tensorboard": {"common.tensorboard"},
    "wandb": {"common.wandb_logger"},
    "moviepy": {"play", "common.runs.film"},
    "PIL": {"common.runs.film"},
    "onnx": {"common.exporting.to_onnx"},
    "ai_edge_litert": set(),  # what is written needs it, not what writes
    "optuna": {f"common.tuning.{name}" for name in ("alive", "storages", "study")},
    "sqlalchemy": {"common.tuning.storages"},
    "gymnasium_robotics": {"common.vec_env.names"},
    "envpool": {"common.vec_env.envpool_env"},
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


def part_of(name):
    """`common`, the name of an algorithm, or "door": a module of `baselines` itself."""
    parts = name.split(".")
    is_package = len(parts) > 1 and (SOURCE / parts[1]).is_dir()
    return "door" if name in OLD_DOORS or not is_package else parts[1]


def ours(name):
    return {i for i in imports_of(name) if i.split(".")[0] == "baselines"} - {"baselines"}


@pytest.mark.parametrize("name", [m for m in MODULES if part_of(m) != "door"])
def test_common_imports_common_and_an_algorithm_imports_common_and_itself(name):
    allowed = {"common", part_of(name)}
    assert [i for i in ours(name) if part_of(i) not in allowed] == []


@pytest.mark.parametrize("name", [m for m in MODULES if part_of(m) == "door"])
def test_a_door_names_no_algorithm(name):
    assert [i for i in ours(name) if part_of(i) not in ("common", "door")] == []


def test_common_knows_no_algorithm_by_name():
    algorithms = [p.name for p in SOURCE.iterdir() if (p / f"{p.name}.py").exists()]
    assert "her" in algorithms
    for name, path in MODULES.items():
        if part_of(name) == "common":
            text = path.read_text().replace("baselines-her", "")  # what pip calls the whole
            found = re.findall(rf"\b({'|'.join(algorithms)})\b", text, re.IGNORECASE)
            assert not found, f"{name} names {found[0]}"


def test_no_module_imports_itself_by_way_of_others():
    graphlib.TopologicalSorter({name: ours(name) - {name} for name in MODULES}).prepare()


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_is_imported_in_its_own_file_only(library):
    importers = {n.removeprefix("baselines.") for n in MODULES if library in {i.split(".")[0] for i in imports_of(n)}}
    assert importers <= LIBRARIES[library]


def test_nothing_calls_eval():
    for name, path in MODULES.items():
        called = {n.func.id for n in ast.walk(ast.parse(path.read_text()))
                  if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}  # fmt: skip
        assert not called & {"eval", "exec", "compile"}, name
