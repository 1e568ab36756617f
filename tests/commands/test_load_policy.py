"""`baselines.load_policy`: what a robot has to install, how long it takes, and whom it trusts."""

import json
import subprocess
import sys

import numpy as np
import pytest

import baselines
from baselines.common.errors import UserError
from tests.commands.doors import save, servo
from tests.helpers import ROOT, write_package

OBSERVATION = dict(observation=[0.0, 0.0], achieved_goal=[0.5, 0.0], desired_goal=[0.5, 0.04])
PROGRAM = """
import time
start = time.perf_counter()
import json, sys
import baselines
policy = baselines.load_policy(sys.argv[1])
action = policy.act(json.loads(sys.argv[2]))
seconds = time.perf_counter() - start
print(json.dumps([seconds, action.tolist(), sorted({name.partition(".")[0] for name in sys.modules})]))
"""


@pytest.fixture
def load(tmp_path):
    """Load a policy and act in a process where importing TensorFlow and all else but NumPy fails."""
    blocked = ("tensorflow", "keras", "gymnasium", "gymnasium_robotics", "envpool", "mpi4py", "tqdm", "threadpoolctl")
    (tmp_path / "blocked").mkdir()
    for name in blocked:
        (tmp_path / "blocked" / f"{name}.py").write_text(f"raise ImportError('{name} is not installed')")

    def load(folder, path=(tmp_path / "blocked", ROOT)):
        environment = {"PYTHONPATH": ":".join(map(str, path))}
        command = [sys.executable, "-c", PROGRAM, str(folder), json.dumps(OBSERVATION)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return load


def test_a_policy_acts_where_only_numpy_can_be_imported(load, tmp_path):
    folder = save(tmp_path / "policy")
    _, action, modules = load(folder)
    assert action == pytest.approx([0, np.tanh(10 * 0.04)], abs=1e-6)  # by hand
    np.testing.assert_allclose(baselines.load_policy(folder).act(OBSERVATION), action, rtol=1e-6)
    assert "numpy" in modules


def test_a_trained_policy_acts_where_only_numpy_can_be_imported(load, finished):
    for folder in (finished[1], finished[1] / "best"):
        _, action, _ = load(folder)
        np.testing.assert_allclose(baselines.load_policy(str(folder)).act(OBSERVATION), action, rtol=1e-5)


def test_loading_imports_no_library_but_numpy_where_all_are_installed(load, tmp_path):
    _, _, modules = load(save(tmp_path / "policy"), path=(ROOT,))
    third_party = {"tensorflow", "keras", "gymnasium", "envpool", "mpi4py", "tqdm", "mujoco", "matplotlib", "moviepy"}
    assert not third_party & set(modules)


def test_loading_takes_less_than_three_tenths_of_a_second_with_all_imports(load, tmp_path):
    folder = save(tmp_path / "policy")
    assert min(load(folder, path=(ROOT,))[0] for _ in range(5)) < 0.3


# ---- whose code is run ----


def rename(folder, **document):
    """Change entries of a policy's document."""
    file = folder / "policy.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **document}))


@pytest.mark.parametrize(
    "alg",
    ["foreign_one.algorithm", "foreign_one", "baselines.her", "os.path", "her.her", ".her", "../her", "logger", ""],
)
def test_a_folder_that_names_a_module_of_its_own_is_refused_without_importing_it(alg, tmp_path, modules):
    marker = tmp_path / "marker"
    write_package(modules, "foreign_one", __init__=f"open({str(marker)!r}, 'w')", algorithm="learn = print")
    folder = tmp_path / "policy"
    save(folder)
    for document, message in (
        (dict(alg=alg), f"it is of '{alg}', whose code would be run: if you trust that, add --alg={alg}"),
        (dict(format="baselines.foreign_one policy 1"), "it is of 'foreign_one', whose code would be run"),
    ):
        rename(folder, **document)
        with pytest.raises(UserError) as error:
            baselines.load_policy(str(folder))
        assert str(error.value).startswith(f"{folder} holds no policy that can be used here: {message}")
    assert not marker.exists() and "foreign_one" not in sys.modules


@pytest.mark.parametrize("alg", [None, 5, ["her"], {}])
def test_a_folder_that_names_no_algorithm_is_refused(alg, tmp_path):
    folder = tmp_path / "policy"
    save(folder)
    rename(folder, alg=alg)
    with pytest.raises(UserError, match="the name of an algorithm"):
        baselines.load_policy(str(folder))


def test_a_policy_of_ones_own_algorithm_is_loaded_where_it_is_named(tmp_path, modules):
    text = """
def learn(env, config, run):
    pass

def load_policy(document, arrays):
    return document["alg"], sorted(arrays)[0]
"""
    write_package(modules, "trusted_one", algorithm=text)
    folder = tmp_path / "policy"
    save(folder)
    rename(folder, alg="trusted_one.algorithm")
    with pytest.raises(UserError, match="if you trust that, add --alg=trusted_one.algorithm"):
        baselines.load_policy(str(folder))
    found = baselines.load_policy(str(folder), alg="trusted_one.algorithm")
    assert found == ("trusted_one.algorithm", "g_stats/count")


def test_a_policy_is_refused_by_an_algorithm_that_it_is_not_of(tmp_path):
    save(tmp_path / "policy")
    rename(tmp_path / "policy", alg="network")
    with pytest.raises(UserError, match="expected a policy of --alg=her, got one of --alg=network"):
        baselines.load_policy(str(tmp_path / "policy"), alg="her")


def test_one_observation_and_several_at_once_give_the_same_actions():
    many = {key: np.array([value, value], np.float32) for key, value in OBSERVATION.items()}
    policy = servo()
    one = policy.act(OBSERVATION)
    assert one.shape == (2,)
    np.testing.assert_allclose(policy.act(many), [one, one], rtol=1e-6)
