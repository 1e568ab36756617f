"""A policy as a Python file and its numbers, which need NumPy alone."""

import re
import textwrap

import numpy as np

import baselines
from baselines.policies.exporting.graph import Graph, Step

_OPS = {"add": "{} + {}", "subtract": "{} - {}", "multiply": "{} * {}", "tanh": "np.tanh({})",
        "normalize": "({} - {}) / {}", "clip": "np.clip({}, {}, {})",
        "round": "np.rint({})", "argmax": '{}.argmax(-1).astype("int64")'}  # fmt: skip
_ACTIVATIONS = {"relu_network": "lambda x: np.maximum(x, 0)", "tanh_network": "np.tanh"}
_TEXT = '''"""A trained policy for {env}, exported by baselines {version}; it needs NumPy alone.

Its numbers are in the .npz file of the same name beside this file. For a file policy.py:

    from policy import act

    action = act({example})
"""

from pathlib import Path

import numpy as np

INPUTS = {inputs}

with np.load(Path(__file__).with_suffix(".npz"), allow_pickle=False) as file:
    numbers = dict(file)


def network(x, name, layers, activation):
    """Dense layers, the last one linear."""
    for i in range(layers):
        x = x @ numbers[f"{{name}}_{{i}}_kernel"] + numbers[f"{{name}}_{{i}}_bias"]
        x = activation(x) if i < layers - 1 else x
    return x


def act(observation):
    """The action for one observation, lists or arrays [size], or the actions for N of them [N, size]; {action_type}."""
    entries = observation if isinstance(observation, dict) else {{"observation": observation}}
    rows = {{name: np.asarray(entries[name], np.float32) for name in INPUTS}}
    for name, size in INPUTS.items():
        if rows[name].shape[-1:] != (size,) or not np.isfinite(rows[name]).all():
            raise ValueError(f"expected {{name}} to have {{size}} finite numbers, got {{rows[name]}}")
    shape = rows["{first}"].shape[:-1]
    rows = {{name: np.atleast_2d(x) for name, x in rows.items()}}
{steps}
    return action.reshape(shape + action.shape[1:])
'''


def write(graph: Graph, path: str) -> None:
    """The Python file at `path`, and the .npz beside it."""
    arrays = {name: array for name, array in graph.constants.items() if array.ndim}
    np.savez(path.removesuffix(".py") + ".npz", allow_pickle=False, **arrays)
    with open(path, "w", encoding="utf-8") as file:
        file.write(_text(graph))


def _text(graph: Graph) -> str:
    names = {name: f"rows[{name!r}]".replace("'", '"') for name in graph.inputs}
    names |= {n: f'numbers["{n}"]' if x.ndim else repr(float(str(x))) for n, x in graph.constants.items()}
    example = "{" + ", ".join(f'"{name}": {name}' for name in graph.inputs) + "}"
    return _TEXT.format(
        # The name comes from a file that anybody may have written; here it is inside of a program.
        env=re.sub(r"[^\w:./ -]", "?", graph.env_id),
        version=baselines.__version__,
        example="\n        ".join(textwrap.wrap(example, 96)),
        inputs=str(dict(graph.inputs)).replace("'", '"'),
        action_type=graph.action_type,
        first=next(iter(graph.inputs)),
        steps="\n".join(f"    {step.output} = {_expression(step, names)}" for step in graph.steps),
    )


def _expression(step: Step, names: dict[str, str]) -> str:
    inputs = [names.get(name, name) for name in step.inputs]
    if step.op in _ACTIVATIONS:
        name, layers = step.inputs[1].removesuffix("_0_kernel"), len(inputs) // 2
        return f'network({inputs[0]}, "{name}", {layers}, {_ACTIVATIONS[step.op]})'
    if step.op == "concat":
        return f"np.concatenate([{', '.join(inputs)}], axis=-1)"
    if step.op == "cast":
        return f'{inputs[0]}.astype("{step.kind}")'
    return _OPS[step.op].format(*inputs)
