"""Policies on a robot: `baselines.load_policy`, `python -m baselines.export` and `baselines.export_policy`."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import baselines
from baselines.common.errors import UserError
from baselines.common.specs import Actions
from baselines.export import main
from baselines.policies.exporting import FORMATS
from baselines.policies.exporting.steps import inputs_of
from baselines.policies.policy import NetworkPolicy, save_policy
from tests.commands.doors import POINT_REACH_SIZES, command_refused, save, servo
from tests.commands.exported import (
    GOAL_COLUMNS,
    GOALS,
    HER,
    POLICIES,
    RELATIVE_COLUMNS,
    ROWS,
    RUNTIMES,
    policy_of,
    random_inputs,
)
from tests.helpers import ROOT, contents


def exported(policy, format, folder):
    """What runs the exported policy."""
    run, name = RUNTIMES[format]
    baselines.export_policy(policy, format, str(folder / name))
    return run(str(folder / name))


# ---- it acts as the policy does ----


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_an_exported_policy_acts_as_the_policy_does_on_a_thousand_inputs(policy, format, tmp_path):
    every = random_inputs(policy)
    inputs = {name: every[name] for name in inputs_of(policy)}
    act = exported(policy, format, tmp_path)
    expected, found = policy.act(every), act(inputs)
    assert (found.shape, found.dtype, len(found)) == (expected.shape, expected.dtype, ROWS)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    if policy.spec.discrete:
        assert found.dtype == np.int64 and set(found) == set(range(policy.spec.action_size))
    else:
        assert np.ptp(np.float64(expected), axis=0).max() > 0.1, "a policy that does not care would prove nothing"
    for rows in (1, 7):
        few = act({name: x[:rows] for name, x in inputs.items()})
        np.testing.assert_allclose(few, expected[:rows], rtol=0, atol=1e-5)


def test_only_inputs_that_are_needed_are_asked_for():
    assert inputs_of(POLICIES["HER's"]) == {"observation": 25, "desired_goal": 3}
    assert inputs_of(POLICIES["HER's, relative goals"]) == GOALS
    assert inputs_of(POLICIES["raw"]) == {"observation": 4, "wind": 2}


TYPES = ["float16", "float32", "float64", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64))]
TYPED = [pytest.param(kind, format, marks=pytest.mark.slow if FORMATS[format].module == "to_tensorflow" else ())
         for kind in TYPES for format in FORMATS if (kind, format) != ("uint64", "tflite")]  # fmt: skip


def bounded(kind):
    return policy_of({"observation": 6}, 2, (), of_spec=dict(actions=Actions((0.0, 0.5), (7.0, 3.5), kind)))


@pytest.mark.parametrize(("kind", "format"), TYPED)
def test_actions_have_the_type_and_the_bounds_of_the_environment(kind, format, tmp_path):
    policy = bounded(kind)
    inputs = random_inputs(policy)
    found, expected = exported(policy, format, tmp_path)(inputs), policy.act(inputs)
    assert found.dtype == expected.dtype == kind
    np.testing.assert_allclose(found, expected, rtol=1e-3 if kind == "float16" else 0, atol=1e-5)
    if kind.startswith("float"):
        assert found.min(0) == pytest.approx([0, 0.5]) and found.max(0) == pytest.approx([7, 3.5])
    else:
        assert found.min(0).tolist() == [0, 0] and found.max(0).tolist() == [7, 3]


def test_the_one_type_that_tflite_does_not_have_is_refused_and_nothing_is_left(tmp_path):
    with pytest.raises(UserError, match="actions of type uint64, which TFLite cannot make"):
        exported(bounded("uint64"), "tflite", tmp_path)
    assert contents(tmp_path) == {}


# ---- the NumPy file ----


def test_the_numpy_file_is_short_and_acts_to_the_bit(tmp_path):
    units = dict(actions=Actions((-1.0,) * 4, (2.0,) * 4, "int32"))
    policy = policy_of(GOALS, 4, (4,) * 20, RELATIVE_COLUMNS, of_spec=units, **HER)
    inputs = random_inputs(policy)
    np.testing.assert_array_equal(exported(policy, "numpy", tmp_path)(inputs), policy.act(inputs))
    lines = (tmp_path / "policy.py").read_text().splitlines()
    assert len(lines) < 80 and max(map(len, lines)) <= 120
    assert lines[0].startswith('"""A trained policy for Any-v0') and "    from policy import act" in lines


@pytest.mark.parametrize(("discrete", "shape"), [(False, (3,)), (True, ())])
def test_the_numpy_file_takes_one_observation_as_the_policy_does(discrete, shape, tmp_path):
    policy = policy_of({"observation": 11}, 3, of_spec=dict(discrete=discrete))
    act, observation = exported(policy, "numpy", tmp_path), random_inputs(policy, 1)["observation"][0]
    assert act(observation).shape == policy.act(observation).shape == shape
    np.testing.assert_array_equal(act(observation), policy.act(observation))
    np.testing.assert_array_equal(act({"observation": observation.tolist()}), policy.act(observation))
    for bad in (observation[1:], [observation, observation + np.nan], observation + np.inf, 5):
        with pytest.raises(ValueError, match="expected observation to have 11 finite numbers, got"):
            act(bad)


def test_the_name_of_an_environment_cannot_become_part_of_the_program(tmp_path):
    policy = servo(replace(POINT_REACH_SIZES, env_id='x"""\nraise SystemExit\n"""\\'))
    assert exported(policy, "numpy", tmp_path)(random_inputs(policy)).shape == (ROWS, 2)
    assert '"""A trained policy for x????raise SystemExit?????, exported' in (tmp_path / "policy.py").read_text()


PROGRAM = """
import json, sys
from baselines.export import main
main(["--load_path=policy", "--format=numpy", "--output=policy.py"])
for name in [name for name in sys.modules if name.partition(".")[0] in ("baselines", "safetensors")]:
    sys.modules[name] = None  # importing it raises ImportError
from policy import act
print(json.dumps(act(json.load(sys.stdin)).tolist()))
"""


def test_the_numpy_file_needs_only_numpy_and_writing_it_safetensors(blocked):
    inputs = {name: x.tolist() for name, x in random_inputs(servo(), 5).items()}
    done = subprocess.run([sys.executable, "-c", PROGRAM], input=json.dumps(inputs), capture_output=True, text=True,
                          env={"PYTHONPATH": f"{blocked}:{ROOT}:."})  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_allclose(json.loads(done.stdout.splitlines()[-1]), servo().act(inputs), rtol=0, atol=1e-5)


# ---- loading ----


UNNEEDED = ("tensorflow", "keras", "gymnasium", "gymnasium_robotics", "envpool", "mpi4py", "tqdm", "onnx",
            "threadpoolctl")  # fmt: skip
LOADS = """
import time
start = time.process_time()  # not perf_counter: other processes may be running
import json, sys
import baselines
policy = baselines.load_policy("policy")
action = policy.act(dict(observation=[0.0, 0.0], achieved_goal=[0.5, 0.0], desired_goal=[0.5, 0.04]))
print(json.dumps([time.process_time() - start, action.tolist(), sorted(sys.modules)]))
"""


def load(*path):
    """Load a policy and act in a new process."""
    done = subprocess.run([sys.executable, "-c", LOADS], capture_output=True, text=True,
                          env={"PYTHONPATH": ":".join(map(str, path))})  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def blocked(cwd):
    """A folder in which importing what a robot need not install fails, and a policy beside it."""
    save("policy")
    (cwd / "blocked").mkdir()
    for library in UNNEEDED:
        (cwd / "blocked" / f"{library}.py").write_text(f"raise ImportError('{library} is not installed')")
    return cwd / "blocked"


def test_a_policy_acts_where_only_numpy_and_safetensors_can_be_imported(blocked):
    _, action, modules = load(blocked, ROOT)
    assert action == pytest.approx([0, np.tanh(10 * 0.04)], abs=1e-6)  # by hand
    assert "numpy" in modules


def test_loading_takes_little_time_and_few_modules_where_all_libraries_are_installed(cwd):
    save("policy")
    runs = [load(ROOT) for _ in range(5)]
    assert min(seconds for seconds, _, _ in runs) < 0.3
    names = [name.partition(".")[0] for name in runs[0][2]]
    assert names.count("baselines") <= 8
    assert not {*UNNEEDED, "mujoco", "matplotlib", "moviepy"}.intersection(names)


# ---- the command ----


DOCS = (ROOT / "docs" / "policies.md").read_text()
BLOCKS = dict(zip(("load", "numpy", "onnx", "tflite", "savedmodel"),
                  re.findall(r"```python\n(.*?)```", DOCS, re.S), strict=False))  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
def test_the_commands_and_examples_of_the_documentation_give_the_policys_action(format, cwd, monkeypatch, capsys):
    save_policy("reach/best", policy_of({**GOALS, "observation": 10}, 4, columns=GOAL_COLUMNS, **HER))
    (words,) = re.findall(rf"python -m baselines.export (.*--format={format} .*)", DOCS)
    before = contents(cwd)
    main(words.split())
    made = {str(cwd / path) for path in contents(cwd).keys() - before.keys() if path.parent == Path()}
    assert {*capsys.readouterr().out.removeprefix("wrote ").removesuffix("\n").split(" and ")} == made
    monkeypatch.syspath_prepend(cwd)
    monkeypatch.delitem(sys.modules, "policy", raising=False)
    exec(BLOCKS[format], names := {})
    monkeypatch.delitem(sys.modules, "policy", raising=False)
    seen = dict(observation=[0.0] * 10, achieved_goal=[0.0] * 3, desired_goal=[1.3, 0.7, 0.5])
    exec(BLOCKS["load"], loaded := {"observation": seen})
    np.testing.assert_allclose(np.ravel(names["action"]), loaded["action"], rtol=0, atol=1e-5)


# ---- what is refused ----

BAD_INPUT = {
    "no policy": (["--format=numpy", "--output=o.py"], "--load_path is missing (policy: a file"),
    "no format": (["--load_path=policy", "--output=o.py"], "--format is missing (savedmodel, tflite, onnx, numpy)"),
    "no output": (["--load_path=policy", "--format=onnx"], "--output is missing (what to write"),
    "unknown format": (["--load_path=policy", "--format=onyx", "--output=o"], "nearest: onnx"),
    "wrong ending": (["--load_path=policy", "--format=onnx", "--output=o.py"], "a file that ends with .onnx"),
    "nothing but the ending": (["--load_path=policy", "--format=numpy", "--output=.py"], "a file that ends with .py"),
    "file that is there": (["--load_path=policy", "--format=onnx", "--output=taken.onnx"], "exists already"),
    "numbers that are there": (["--load_path=policy", "--format=numpy", "--output=taken.py"], "taken.npz exists"),
    "folder that is there": (["--load_path=policy", "--format=savedmodel", "--output=new"], "exists already"),
    "below a file": (["--load_path=policy", "--format=onnx", "--output=taken/o.onnx"], "cannot write to folder"),
}


@pytest.mark.parametrize(("words", "expected"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_ends_with_one_line_and_leaves_everything_as_it_was(words, expected, cwd, capsys):
    save("policy")
    for name in ("taken.onnx", "taken.npz"):
        (cwd / name).write_text("a file")
    (cwd / "new").mkdir()
    assert expected in command_refused(capsys, main, *words)


MISSING = {"onnx": ("onnx", "pip install 'baselines-her[onnx]'"),
           "tflite": ("tensorflow", "pip install 'baselines-her[tflite]'"),
           "savedmodel": ("tensorflow", "pip install baselines-her")}  # fmt: skip


@pytest.mark.parametrize("format", MISSING)
def test_without_a_package_the_message_says_what_to_install(format, cwd, monkeypatch):
    package, line = MISSING[format]
    monkeypatch.setitem(sys.modules, package, None)
    for name in ("to_onnx", "to_tensorflow"):
        monkeypatch.delitem(sys.modules, f"baselines.policies.exporting.{name}", raising=False)
    with pytest.raises(UserError, match=f"^--format={format} needs {package}: {re.escape(line)}$"):
        exported(servo(), format, cwd)
    assert os.listdir() == ["taken"]


def test_python_is_told_what_cannot_be_exported(cwd):
    class Own(NetworkPolicy):
        def act(self, observation):
            return observation

    with pytest.raises(UserError, match="format: expected one of savedmodel, tflite, onnx, numpy, got .onyx"):
        baselines.export_policy(servo(), "onyx", "o.onnx")
    with pytest.raises(UserError, match="cannot export a Own, which acts in a way of its own"):
        baselines.export_policy(Own(servo().spec, [(np.zeros((6, 2)), np.zeros(2))]), "numpy", "o.py")
    for name in ("two words", "lambda", "action", "_hidden", "été", ""):
        with pytest.raises(UserError, match=f"cannot export an input '{name}': expected a word"):
            baselines.export_policy(policy_of({name: 2, "b": 3}, 2), "numpy", "o.py")
    assert os.listdir() == ["taken"]


@pytest.mark.parametrize("at", ["write", "fsync", "rename", "second rename"])
def test_an_export_that_fails_leaves_nothing(at, cwd, monkeypatch):
    calls = []

    def fail(*arguments, **_):
        calls.append(arguments)
        if at != "second rename" or len(calls) == 2:
            raise OSError(28, "No space left on device")
        os.replace(*arguments)

    monkeypatch.setattr({"write": "numpy.savez", "fsync": "os.fsync"}.get(at, "os.rename"), fail)
    with pytest.raises(UserError, match="cannot write o.py: No space left on device"):
        baselines.export_policy(servo(), "numpy", "o.py")
    assert calls and os.listdir() == ["taken"]
