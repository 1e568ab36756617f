"""`python -m baselines.export` and `baselines.export`: policies in files that need nothing of ours."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import baselines
from baselines.common.errors import UserError
from baselines.common.settings import names_of
from baselines.common.specs import Actions
from baselines.export import ExportOptions, main
from baselines.policies.exporting import FORMATS
from baselines.policies.exporting.formats import inputs_of
from baselines.policies.policy import NetworkPolicy, save_policy
from tests.commands.doors import FETCH_REACH_SIZES, POINT_REACH_SIZES, command_refused, save, servo
from tests.commands.exported import (
    FETCH,
    POLICIES,
    ROWS,
    RUNTIMES,
    her_policy,
    network_policy,
    ppo_policy,
    random_inputs,
)
from tests.helpers import ROOT, contents


def exported(policy, format, folder):
    """What runs the exported policy."""
    run, name = RUNTIMES[format]
    baselines.export_policy(policy, format, str(folder / name))
    return run(str(folder / name))


def needed(policy, inputs):
    return {name: inputs[name] for name in inputs_of(policy)}


# ---- it acts as the policy does ----


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", POLICIES)
def test_an_exported_policy_acts_as_the_policy_does_on_a_thousand_inputs(name, format, tmp_path):
    policy = POLICIES[name]()
    inputs = random_inputs(policy)
    expected, found = policy.act(inputs), exported(policy, format, tmp_path)(needed(policy, inputs))
    assert found.shape == expected.shape and len(found) == ROWS
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    if policy.spec.discrete:
        assert found.dtype == np.int64 and set(found) == set(range(policy.spec.action_size))
    else:
        assert np.ptp(np.float64(expected), axis=0).max() > 0.1, "a policy that does not care would prove nothing"


@pytest.mark.parametrize("format", FORMATS)
def test_any_number_of_observations_is_taken(format, tmp_path):
    policy = her_policy(hidden=8)
    act = exported(policy, format, tmp_path)
    for rows in (1, 7, 300):
        inputs = random_inputs(policy, rows)
        np.testing.assert_allclose(act(needed(policy, inputs)), policy.act(inputs), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", POLICIES)
def test_only_inputs_that_are_needed_are_asked_for(name):
    policy = POLICIES[name]()
    wanted = {"observation", "desired_goal"} if "her" in name else set(policy.spec.observation_sizes)
    wanted |= {"achieved_goal"} if "relative" in name else set()
    assert set(inputs_of(policy)) == wanted


def test_a_servo_that_is_exported_still_goes_to_the_goal(tmp_path):
    act = exported(servo(), "onnx", tmp_path)
    found = act({name: np.float32([x]) for name, x in
                 dict(observation=[0, 0], achieved_goal=[0.5, 0], desired_goal=[0.5, 0.04]).items()})  # fmt: skip
    assert found == pytest.approx(np.array([[0, np.tanh(10 * 0.04)]]), abs=1e-6)  # by hand


TYPES = ["float16", "float32", "float64", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64))]
TYPED = [pytest.param(kind, format, marks=pytest.mark.slow if FORMATS[format].needs_tensorflow else ())
         for kind in TYPES for format in FORMATS if (kind, format) != ("uint64", "tflite")]  # fmt: skip


def bounded(kind):
    return network_policy((), 2, actions=Actions((0.0, 0.5), (7.0, 3.5), kind))


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


def test_the_numpy_file_is_short_and_says_how_to_call_it(tmp_path):
    units = Actions((-1.0,) * 4, (2.0,) * 4, "int32")
    policy = her_policy(replace(FETCH, actions=units), relative_goals=True, layers=20, hidden=4)
    run, name = RUNTIMES["numpy"]
    baselines.export_policy(policy, "numpy", str(tmp_path / name))
    text = (tmp_path / name).read_text()
    assert len(text.splitlines()) < 60 and max(map(len, text.splitlines())) <= 120
    assert text.startswith('"""A trained policy for FetchPush-v1') and "from policy import act" in text
    assert 'act({"observation": observation, "desired_goal": desired_goal, "achieved_goal": achieved_goal})' in text
    assert "allow_pickle=False" in text
    inputs = random_inputs(policy)
    np.testing.assert_array_equal(run(str(tmp_path / name))(inputs), policy.act(inputs))


def test_the_numpy_file_takes_one_observation_or_several_as_the_policy_does(tmp_path):
    for policy, shape in ((ppo_policy({"observation": 11}, 3), (3,)),
                          (ppo_policy({"observation": 11}, 3, discrete=True), ())):  # fmt: skip
        folder = tmp_path / str(shape)
        folder.mkdir()
        act, observation = exported(policy, "numpy", folder), random_inputs(policy, 1)["observation"][0]
        assert act(observation).shape == policy.act(observation).shape == shape
        np.testing.assert_array_equal(act(observation), policy.act(observation))
        np.testing.assert_array_equal(act({"observation": observation.tolist()}), policy.act(observation))
        for bad in (observation[1:], [observation, observation + np.nan], observation + np.inf, 5):
            with pytest.raises(ValueError, match="expected observation to have 11 finite numbers, got"):
                act(bad)


PROGRAM = """
import json, sys
for name in ("baselines", "tensorflow"):
    sys.modules[name] = None  # importing it raises ImportError
from policy import act
action = act(json.load(sys.stdin)).tolist()
print(json.dumps([action, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def test_the_numpy_file_acts_where_nothing_of_ours_can_be_imported(cwd):
    policy = her_policy(hidden=8)
    baselines.export_policy(policy, "numpy", "policy.py")
    inputs = {name: x.tolist() for name, x in random_inputs(policy, 5).items()}
    done = subprocess.run([sys.executable, "-c", PROGRAM], input=json.dumps(inputs), capture_output=True, text=True,
                          env={"PYTHONPATH": "."})  # fmt: skip
    assert done.returncode == 0, done.stderr
    action, modules = json.loads(done.stdout)
    np.testing.assert_allclose(action, policy.act(inputs), rtol=0, atol=1e-5)
    assert not {"gymnasium", "mpi4py", "tqdm", "onnx", "scipy"} & set(modules)


def test_the_name_of_an_environment_cannot_become_part_of_the_program(tmp_path):
    policy = servo(replace(POINT_REACH_SIZES, env_id='x"""\nraise SystemExit\n"""\\'))
    assert exported(policy, "numpy", tmp_path)(random_inputs(policy)).shape == (ROWS, 2)
    assert '"""A trained policy for x????raise SystemExit?????, exported' in (tmp_path / "policy.py").read_text()


# ---- the command ----


@pytest.mark.parametrize("format", FORMATS)
def test_the_command_writes_what_python_writes_and_says_where(format, cwd, capsys):
    save("policy")
    name = {"savedmodel": "model", "numpy": "out.py"}.get(format, f"out.{format}")
    main(["--load_path=policy", f"--format={format}", f"--output=new/{name}"])
    made = [cwd / "new" / name, *([cwd / "new" / "out.npz"] if format == "numpy" else [])]
    assert capsys.readouterr().out == f"wrote {' and '.join(map(str, made))}\n"
    assert sorted(os.listdir("new")) == sorted(path.name for path in made)
    inputs = random_inputs(servo())
    found = RUNTIMES[format][0](str(made[0]))(inputs)
    np.testing.assert_allclose(found, servo().act(inputs), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["her", "ppo2, discrete, goals", "network"])
def test_numpy_files_are_written_where_only_numpy_can_be_imported(name, cwd):
    policy = POLICIES[name]()
    save_policy("policy", policy)
    os.mkdir("blocked")
    for library in ("tensorflow", "keras", "gymnasium", "gymnasium_robotics", "envpool", "mpi4py", "tqdm", "onnx",
                    "threadpoolctl"):  # fmt: skip
        (cwd / "blocked" / f"{library}.py").write_text(f"raise ImportError('{library} is not installed')")
    command = [sys.executable, "-m", "baselines.export", "--load_path=policy", "--format=numpy", "--output=out.py"]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": f"{cwd / 'blocked'}:{ROOT}"})
    assert (done.returncode, done.stderr) == (0, "")
    inputs = random_inputs(policy)
    np.testing.assert_array_equal(RUNTIMES["numpy"][0]("out.py")(inputs), policy.act(inputs))


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_a_real_process_prints_one_line(format, cwd):
    save("saved")
    name = RUNTIMES[format][1]
    command = [sys.executable, "-m", "baselines.export", "--load_path=saved", f"--format={format}", f"--output={name}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)


def test_help_has_every_flag_and_every_format(capsys):
    main(["--help"])
    text = capsys.readouterr().out
    assert text.startswith("usage: python -m baselines.export")
    for name in names_of(ExportOptions):
        assert f"\n  --{name} " in text
    assert all(format in text for format in FORMATS)


def test_export_is_a_function_whether_or_not_its_module_was_imported(cwd):
    save("policy")
    for first in ("import baselines.export", "from baselines.export import main", "pass"):
        program = f"""
import sys
{first}
import baselines
baselines.export_policy(baselines.load_policy("policy"), "numpy", "out.py")
print("tensorflow" in sys.modules)
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr
        os.remove("out.py"), os.remove("out.npz")


# ---- docs/policies.md ----

DOCS = (ROOT / "docs" / "policies.md").read_text()
BLOCKS = dict(zip(("load", "numpy", "onnx", "tflite", "savedmodel"),
                  re.findall(r"```python\n(.*?)```", DOCS, re.S), strict=False))  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
def test_the_commands_and_examples_of_the_documentation_give_the_policys_action(format, cwd, monkeypatch):
    policy = her_policy(FETCH_REACH_SIZES, hidden=8)
    save_policy("reach/best", policy)
    (words,) = re.findall(rf"python -m baselines.export (.*--format={format} .*)", DOCS)
    main(words.split())
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
    "no format": (
        ["--load_path=policy", "--output=o.py"],
        "--format is missing (savedmodel, tflite, onnx, numpy)",
    ),
    "no output": (["--load_path=policy", "--format=onnx"], "--output is missing (what to write"),
    "unknown format": (["--load_path=policy", "--format=onyx", "--output=o"], "nearest: onnx"),
    "policy that is not there": (["--load_path=nowhere", "--format=onnx", "--output=o.onnx"], "nowhere"),
    "wrong ending": (["--load_path=policy", "--format=onnx", "--output=o.py"], "a file that ends with .onnx"),
    "nothing but the ending": (["--load_path=policy", "--format=numpy", "--output=.py"], "a file that ends with .py"),
    "file that is there": (["--load_path=policy", "--format=onnx", "--output=taken.onnx"], "exists already"),
    "numbers that are there": (["--load_path=policy", "--format=numpy", "--output=taken.py"], "taken.npz exists"),
    "folder that is there": (["--load_path=policy", "--format=savedmodel", "--output=new"], "exists already"),
    "below a file": (["--load_path=policy", "--format=onnx", "--output=taken/o.onnx"], "cannot write to folder"),
    "unknown flag": (["--load_path=policy", "--formt=onnx", "--output=o.onnx"], "nearest: format"),
}


@pytest.mark.parametrize(("words", "expected"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_ends_with_one_line_and_leaves_everything_as_it_was(words, expected, cwd, capsys):
    save("policy")
    for name in ("taken.onnx", "taken.npz"):
        (cwd / name).write_text("a file")
    (cwd / "new").mkdir()
    assert expected in command_refused(capsys, main, *words)


def test_python_is_told_the_formats_and_what_is_in_the_way(cwd):
    with pytest.raises(UserError, match="format: expected one of savedmodel, tflite, onnx, numpy, got .onyx"):
        baselines.export_policy(servo(), "onyx", "o.onnx")
    baselines.export_policy(servo(), "onnx", "o.onnx")
    with pytest.raises(UserError, match="o.onnx exists already"):
        baselines.export_policy(servo(), "onnx", "o.onnx")


MISSING = {"onnx": ("onnx", "pip install 'baselines-her[onnx]'"),
           "tflite": ("tensorflow", "pip install 'baselines-her[tflite]'"),
           "savedmodel": ("tensorflow", "pip install baselines-her")}  # fmt: skip


@pytest.mark.parametrize("format", MISSING)
def test_without_a_package_the_message_says_what_to_install(format, cwd, capsys, monkeypatch):
    save("policy")
    package, line = MISSING[format]
    monkeypatch.setitem(sys.modules, package, None)
    for name in ("to_onnx", "to_tensorflow"):
        monkeypatch.delitem(sys.modules, f"baselines.policies.exporting.{name}", raising=False)
    said = command_refused(capsys, main, "--load_path=policy", f"--format={format}", f"--output={RUNTIMES[format][1]}x"
                           if format == "savedmodel" else f"--output=o.{format}")  # fmt: skip
    assert said == f"error: --format={format} needs {package}: {line}\n"


def test_a_policy_that_acts_in_a_way_of_its_own_is_refused(cwd):
    class Own(NetworkPolicy):
        def act(self, observation):
            return observation

    with pytest.raises(UserError, match="cannot export a Own, which acts in a way of its own"):
        baselines.export_policy(Own(servo().spec, [(np.zeros((6, 2)), np.zeros(2))]), "numpy", "o.py")


@pytest.mark.parametrize("name", ["two words", "lambda", "action", "_hidden", "été", ""])
def test_inputs_whose_names_are_no_words_are_refused(name, tmp_path):
    policy = ppo_policy({name: 2, "b": 3}, 2)
    with pytest.raises(UserError, match=f"cannot export an input '{name}': expected a word"):
        baselines.export_policy(policy, "numpy", str(tmp_path / "o.py"))
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("at", ["write", "fsync", "rename", "second rename"])
def test_an_export_that_fails_leaves_nothing(at, cwd, monkeypatch):
    calls = []

    def fail(*arguments):
        calls.append(arguments)
        if at != "second rename" or len(calls) == 2:
            raise OSError(28, "No space left on device")
        os.replace(*arguments)

    target = {"write": "numpy.savez", "fsync": "os.fsync"}.get(at, "os.rename")
    monkeypatch.setattr(target, lambda *arguments, **named: fail(*arguments))
    with pytest.raises(UserError, match="cannot write o.py: No space left on device"):
        baselines.export_policy(servo(), "numpy", "o.py")
    assert calls and sorted(os.listdir()) == ["taken"]
