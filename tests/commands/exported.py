"""Policies to export, inputs for them, and what runs each format: its own runtime, nothing of ours."""

import importlib.util

import numpy as np
import tensorflow as tf

from baselines.common.specs import Actions, EnvSpec
from baselines.policies.policy import Policy, PolicyDesign

GOALS = {"observation": 25, "achieved_goal": 3, "desired_goal": 3}
GOAL_COLUMNS = (("observation", ""), ("desired_goal", ""))
RELATIVE_COLUMNS = (("observation", ""), ("desired_goal", "achieved_goal"))
HER = dict(clip=200.0, norm_clip=5.0, squash="tanh")
PPO = dict(norm_clip=10.0, activation="tanh")
UNITS = Actions((-3.0, 0.0, 1.0, -0.5), (4.0, 0.25, 1.0, 0.5), "float32")
ROWS = 1000


def policy_of(sizes, action_size, hidden=(16,), columns=None, normalized=True, of_spec=(), **of_design):
    """Return a policy with weights as a network begins with, and statistics of numbers around 1."""
    rng, spec = np.random.default_rng(0), EnvSpec("Any-v0", sizes, action_size, 10, **dict(of_spec))
    columns = columns or tuple((name, "") for name in sizes)
    widths = [sum(sizes[name] for name, _ in columns), *hidden, action_size]
    arrays = {"seen/mean": rng.normal(0, 0.3, widths[0]), "seen/std": np.abs(rng.normal(0, 0.3, widths[0])) + 0.1}
    for i, (a, b) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        arrays |= {f"pi/{i}_kernel": rng.normal(0, a**-0.5, (a, b)), f"pi/{i}_bias": rng.normal(0, 0.3, b)}
    design = PolicyDesign(columns, "pi", ("seen",) if normalized else (), **of_design)
    return Policy(spec, design, {name: array.astype(np.float32) for name, array in arrays.items()})


POLICIES = {
    "HER's": policy_of(GOALS, 4, (256,) * 3, GOAL_COLUMNS, **HER),
    "HER's, relative goals": policy_of(GOALS, 4, (64,) * 3, RELATIVE_COLUMNS, **HER, scale=0.7),
    "HER's, units of the environment": policy_of(GOALS, 4, columns=GOAL_COLUMNS, of_spec=dict(actions=UNITS), **HER),
    "PPO's": policy_of({"observation": 11}, 3, (64, 64), **PPO),
    "PPO's, units of the environment": policy_of({"observation": 11}, 4, (64, 64), of_spec=dict(actions=UNITS), **PPO),
    "PPO's, whole numbers": policy_of(
        {"observation": 3}, 2, (64, 64), of_spec=dict(actions=Actions((-3.0, 0.5), (4.0, 3.5), "int8")), **PPO),
    "PPO's, discrete, goals": policy_of(GOALS, 5, (64, 64), of_spec=dict(discrete=True), **PPO),
    "raw": policy_of({"observation": 4, "wind": 2}, 2, normalized=False),
    "raw, linear, discrete": policy_of(
        {"observation": 4, "wind": 2}, 4, (), normalized=False, of_spec=dict(discrete=True)),
}  # fmt: skip


def random_inputs(policy, rows=ROWS):
    """Observations that are usual, and, in a third of the rows, far beyond everything or zero."""
    rng, inputs = np.random.default_rng(1), {}
    for name, size in policy.spec.observation_sizes.items():
        usual = rng.normal(0, 2, (rows, size))
        extreme = rng.choice([0, 1e-30, 1e3, -1e6, 1e6, 1e30, -1e30], (rows, size))
        inputs[name] = np.where(np.arange(rows)[:, None] % 3, usual, extreme).astype(np.float32)
    return inputs


def run_numpy(path):
    spec = importlib.util.spec_from_file_location("exported_policy", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.act


def run_savedmodel(path):
    signature = tf.saved_model.load(path).signatures["serving_default"]
    return lambda inputs: signature(**{name: tf.constant(x) for name, x in inputs.items()})["action"].numpy()


def run_tflite(path):
    from ai_edge_litert.interpreter import Interpreter

    signature = Interpreter(path).get_signature_runner("serving_default")
    return lambda inputs: signature(**inputs)["action"]


def run_onnx(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(["action"], inputs)[0]


RUNTIMES = {
    "numpy": (run_numpy, "policy.py"),
    "savedmodel": (run_savedmodel, "policy"),
    "tflite": (run_tflite, "policy.tflite"),
    "onnx": (run_onnx, "policy.onnx"),
}
