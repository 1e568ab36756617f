"""The architecture: a module imports only from lower layers."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Without the leading `baselines.`, the lowest first.
LAYERS = [
    "common.errors common.npz common.safe_unpickle common.clock common.networks common.signals her.types her.losses",
    "common.files common.mpi common.vec_env.base common.vec_env.names her.experiment.config "
    "her.experiment.plot her.her_sampler her.episodes her.actor_critic",
    "common.checkpoint common.snapshots common.vec_env.faults",
    "logger common.seeding common.mpi_adam common.vec_env.gymnasium_env her.normalizer her.replay_buffer "
    "her.policy her.minari_demonstrations her.openai_demonstrations",
    "common.vec_env.envpool_env her.rollout her.demonstrations her.ddpg her.schedule",
    "common.vec_env her.metrics her.experiment.play her.checkpoints",
    "her.train her.start",
    "her.her",
    "common.cmd_util",
    "run her.experiment.data_generation.fetch_data_generation",
]
LAYER = {f"baselines.{name}": number for number, names in enumerate(LAYERS) for name in names.split()}
LAYER["baselines"] = 0
FILES = sorted(p for p in (ROOT / "baselines").rglob("*.py") if p.stat().st_size)


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (i if i in LAYER else node.module for i in inner)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_module_imports_only_from_lower_layers(path):
    own = LAYER[name_of(path)]  # a new module must be given its layer
    for imported in set(imports_of(path)):
        if imported.startswith("baselines"):
            assert LAYER[imported] < own, f"{name_of(path)} (layer {own}) imports {imported}"


def test_every_layer_names_modules_that_exist():
    assert set(LAYER) == {name_of(p) for p in FILES}


def importers(library):
    return {name_of(p) for p in FILES if any(i.split(".")[0] == library for i in imports_of(p))}


def test_only_one_module_knows_of_mpi4py():
    assert importers("mpi4py") == {"baselines.common.mpi"}


def test_nothing_imports_pickle_or_calls_eval():
    assert importers("cloudpickle") == set()
    assert importers("pickle") == {"baselines.common.safe_unpickle"}  # which allows arrays only
    for path in FILES:
        called = {n.func.id for n in ast.walk(ast.parse(path.read_text()))
                  if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}  # fmt: skip
        assert not called & {"eval", "exec", "compile"}, path
