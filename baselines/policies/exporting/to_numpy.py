"""A policy as a Python file and its numbers, which need only NumPy."""

import json
import re
from typing import Any

import numpy as np

import baselines
from baselines.policies.exporting.steps import action_type, inputs_of, steps_of
from baselines.policies.policy import Policy

_LINES = {
    "clip": "x = np.clip(x, {}, {})",
    "normalize": "x = (x - {}) / {}",
    "layer": "x = x @ {} + {}",
    "relu": "x = np.maximum(x, 0)",
    "tanh": "x = np.tanh(x)",
    "argmax": "x = x.argmax(-1)",
    "multiply": "x = {} * x",
    "to_units": 'x = (x.astype("float64") + 1) * {} + {}',
    "round": "x = np.rint(x)",
}
_TEXT = '''"""A trained policy for {env}, exported by baselines {version}; it needs only NumPy.

Its numbers are in the .npz file of the same name beside this file. For a file policy.py:

    from policy import act

    action = act(observation)  # a dictionary of INPUTS
"""

from pathlib import Path

import numpy as np

INPUTS = {inputs}

with np.load(Path(__file__).with_suffix(".npz"), allow_pickle=False) as file:
    numbers = dict(file)


def act(observation):
    """Return the action for one observation, lists or arrays [size], or the actions for N of them [N, size]; {type}."""
    entries = observation if isinstance(observation, dict) else {{"observation": observation}}
    rows = {{name: np.asarray(entries[name], np.float32) for name in INPUTS}}
    for name, size in INPUTS.items():
        if rows[name].shape[-1:] != (size,) or not np.isfinite(rows[name]).all():
            raise ValueError(f"expected {{name}} to have {{size}} finite numbers, got {{rows[name]}}")
    {steps}
    return x.astype("{type}")
'''


def write_numpy(policy: Policy, path: str) -> None:
    """Write the Python file at `path`, and the .npz beside it."""
    # The names of inputs are words, see `export`.
    columns = ", ".join(f'rows["{a}"] - rows["{b}"]' if b else f'rows["{a}"]' for a, b in policy.design.columns)
    lines = [f"x = np.concatenate([{columns}], axis=-1)"]
    arrays: dict[str, np.ndarray] = {}

    def named(operation: str, operand: Any) -> str:
        if not isinstance(operand, np.ndarray):
            return repr(operand)
        name = f"{operation}_{len(arrays)}"
        arrays[name] = operand
        return f'numbers["{name}"]'

    for operation, *operands in steps_of(policy):
        lines.append(_LINES[operation].format(*(named(operation, operand) for operand in operands)))
    np.savez(path.removesuffix(".py") + ".npz", allow_pickle=False, **arrays)
    text = _TEXT.format(
        # The name comes from a file that anybody may have written; here it is inside of a program.
        env=re.sub(r"[^\w:./ -]", "?", policy.spec.env_id),
        version=baselines.__version__,
        inputs=json.dumps(inputs_of(policy)),
        type=action_type(policy).name,
        steps="\n    ".join(lines),
    )
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
