"""A policy as a Python file and its numbers, which need only NumPy."""

import re
import textwrap

import numpy as np

import baselines
from baselines.policies.exporting.formats import action_type, bounds_of, inputs_of
from baselines.policies.policy import Policy

_ACTIVATIONS = {"relu": "np.maximum(x, 0)", "tanh": "np.tanh(x)"}
_TEXT = '''"""A trained policy for {env}, exported by baselines {version}; it needs only NumPy.

Its numbers are in the .npz file of the same name beside this file. For a file policy.py:

    from policy import act

    action = act({example})
"""

from pathlib import Path

import numpy as np

INPUTS = {inputs}

with np.load(Path(__file__).with_suffix(".npz"), allow_pickle=False) as file:
    numbers = dict(file)


def act(observation):
    """Return the action for one observation, lists or arrays [size], or the actions for N of them [N, size]; {kind}."""
    entries = observation if isinstance(observation, dict) else {{"observation": observation}}
    rows = {{name: np.asarray(entries[name], np.float32) for name in INPUTS}}
    for name, size in INPUTS.items():
        if rows[name].shape[-1:] != (size,) or not np.isfinite(rows[name]).all():
            raise ValueError(f"expected {{name}} to have {{size}} finite numbers, got {{rows[name]}}")
    shape = rows["{first}"].shape[:-1]
    rows = {{name: np.atleast_2d(x) for name, x in rows.items()}}
{steps}
    return x.reshape(shape + x.shape[1:])
'''


def write(policy: Policy, path: str) -> None:
    """Write the Python file at `path`, and the .npz beside it."""
    numbers = {"mean": policy.mean, "std": policy.std, **bounds_of(policy)}
    for i, (kernel, bias) in enumerate(policy.layers):
        numbers |= {f"{i}_kernel": kernel, f"{i}_bias": bias}
    np.savez(path.removesuffix(".py") + ".npz", allow_pickle=False, **numbers)
    inputs = inputs_of(policy)
    example = "{" + ", ".join(f'"{name}": {name}' for name in inputs) + "}"
    text = _TEXT.format(
        # The name comes from a file that anybody may have written; here it is inside of a program.
        env=re.sub(r"[^\w:./ -]", "?", policy.spec.env_id),
        version=baselines.__version__,
        example="\n        ".join(textwrap.wrap(example, 96)),
        inputs=str(inputs).replace("'", '"'),
        kind=action_type(policy).name,
        first=next(iter(inputs)),
        steps=textwrap.indent("\n".join(_steps(policy)), " " * 4),
    )
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _steps(policy: Policy) -> list[str]:
    """Return the lines that compute `x`, the action, from `rows`. Inputs' names are words, see `export`."""
    design, last = policy.design, len(policy.layers) - 1
    columns = ", ".join(f'rows["{a}"] - rows["{b}"]' if b else f'rows["{a}"]' for a, b in design.columns)
    lines = [f"x = np.concatenate([{columns}], axis=-1)"]
    if design.clip is not None:
        lines.append(f"x = np.clip(x, {-design.clip!r}, {design.clip!r})")
    if design.statistics:
        lines.append('x = (x - numbers["mean"]) / numbers["std"]')
        if design.norm_clip is not None:
            lines.append(f"x = np.clip(x, {-design.norm_clip!r}, {design.norm_clip!r})")
    lines += [f"for i in range({last}):",
              '    x = x @ numbers[f"{i}_kernel"] + numbers[f"{i}_bias"]',
              f"    x = {_ACTIVATIONS[design.activation]}"] if last else []  # fmt: skip
    lines.append(f'x = x @ numbers["{last}_kernel"] + numbers["{last}_bias"]')
    if policy.spec.discrete:
        return [*lines, 'x = x.argmax(-1).astype("int64")']
    lines.append(f"x = {design.scale!r} * {'np.tanh(x)' if design.squash == 'tanh' else 'np.clip(x, -1, 1)'}")
    if bounds_of(policy):
        lines.append('x = (x.astype("float64") + 1) * numbers["half_width"] + numbers["low"]')
        lines += ["x = np.rint(x)"] if action_type(policy).kind in "iu" else []
        lines.append(f'x = np.clip(x, numbers["least"], numbers["most"]).astype("{action_type(policy).name}")')
    return lines
