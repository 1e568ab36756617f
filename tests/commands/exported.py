"""Policies to export, inputs for them, and what runs each format: its own runtime, nothing of ours."""

import importlib.util
import itertools
from dataclasses import replace

import numpy as np
import tensorflow as tf

from baselines.common.mpi import Communicator
from baselines.common.specs import Actions, EnvSpec
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.policy import make_policy
from baselines.policies.policy import NetworkPolicy
from baselines.ppo2.config import PPOConfig
from baselines.ppo2.policy import PPOPolicy
from baselines.ppo2.ppo import PPO
from tests.helpers import goal_spec

FETCH = goal_spec("FetchPush-v1", 25, 3, 4, 50)
UNITS = Actions((-3.0, 0.0, 1.0, -0.5), (4.0, 0.25, 1.0, 0.5), "float32")
GOALS = {"observation": 10, "achieved_goal": 3, "desired_goal": 3}
ROWS = 1000


def random_arrays(agent):
    """Return weights as a network begins with, and statistics of numbers around 1."""
    arrays, rng = {}, np.random.default_rng(0)
    for name, old in agent.policy_state().items():
        array = rng.normal(0, 1 / np.sqrt(len(old)) if name.endswith("kernel") else 0.3, old.shape)
        arrays[name] = (np.abs(array) + 0.1 if name.endswith(("std", "count")) else array).astype(old.dtype)
    return arrays


def her_policy(sizes=FETCH, **settings):
    config = HERConfig(**settings)
    agent = DDPG(sizes, config, np.random.default_rng(0), Communicator())
    return make_policy(sizes, config, random_arrays(agent))


def ppo_policy(sizes, action_size, **of_spec):
    spec, config = EnvSpec("Hopper-v4", sizes, action_size, 10, **of_spec), PPOConfig()
    return PPOPolicy(spec, config, random_arrays(PPO(spec, config, np.random.default_rng(0), Communicator())))


def network_policy(widths, action_size, **of_spec):
    spec, rng = EnvSpec("Any-v0", {"observation": 4, "wind": 2}, action_size, 10, **of_spec), np.random.default_rng(0)
    sizes = [6, *widths, action_size]
    return NetworkPolicy(
        spec, [(rng.normal(size=(a, b)) / 2, rng.normal(size=b)) for a, b in itertools.pairwise(sizes)]
    )


POLICIES = {
    "her": lambda: her_policy(),
    "her, relative goals, averaged": lambda: her_policy(relative_goals=True, average_actor=0.99, max_u=0.7, hidden=64),
    "her, units of the environment": lambda: her_policy(replace(FETCH, actions=UNITS), layers=1, norm_clip=2.0),
    "ppo2": lambda: ppo_policy({"observation": 11}, 3),
    "ppo2, units of the environment": lambda: ppo_policy({"observation": 11}, 4, actions=UNITS),
    "ppo2, whole numbers": lambda: ppo_policy(
        {"observation": 3}, 2, actions=Actions((-3.0, 0.5), (4.0, 3.5), "int8")
    ),
    "ppo2, discrete, goals": lambda: ppo_policy(GOALS, 5, discrete=True),
    "network": lambda: network_policy((16,), 2),
    "network without hidden layers, discrete": lambda: network_policy((), 4, discrete=True),
}  # fmt: skip


def random_inputs(policy, rows=ROWS, seed=1):
    """Observations that are usual, and, in a third of the rows, far beyond everything or zero."""
    rng = np.random.default_rng(seed)
    inputs = {}
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
