"""A policy as a row of steps, from which each format is written."""

from typing import Any

import numpy as np

from baselines.policies.policy import Policy


def inputs_of(policy: Policy) -> dict[str, int]:
    """Return the size of each entry of the observation that the policy reads."""
    names = [name for a, b in policy.design.columns for name in ((a, b) if b else (a,))]
    return {name: policy.spec.observation_sizes[name] for name in names}


def action_type(policy: Policy) -> "np.dtype[Any]":
    """Return the type of the exported actions."""
    spec = policy.spec
    return np.dtype("int64" if spec.discrete else spec.actions.type if spec.actions.low else "float32")


def steps_of(policy: Policy) -> list[tuple[Any, ...]]:
    """Return the steps from the joined columns to the action, each `x = operation(x, *operands)`.

    An operand is a number or an array: float32, but float64 where "to_units" has converted x to float64. After the last
    step, x is to be converted to `action_type`.
    """
    design, actions, steps = policy.design, policy.spec.actions, list[tuple[Any, ...]]()
    if design.clip is not None:
        steps.append(("clip", -design.clip, design.clip))
    if design.statistics:
        steps.append(("normalize", policy.mean, policy.std))
        if design.norm_clip is not None:
            steps.append(("clip", -design.norm_clip, design.norm_clip))
    for i, (kernel, bias) in enumerate(policy.layers):
        steps += [(design.activation,)] if i > 0 else []
        steps.append(("layer", kernel, bias))
    if policy.spec.discrete:
        return [*steps, ("argmax",)]
    steps += [("tanh",) if design.squash == "tanh" else ("clip", -1.0, 1.0), ("multiply", design.scale)]
    if actions.low:
        low, high = np.array(actions.low, np.float64), np.array(actions.high, np.float64)
        least, most = (bound.astype(actions.type).astype(np.float64) for bound in (low, high))
        steps.append(("to_units", (high - low) / 2, low))
        steps += [("round",)] if action_type(policy).kind in "iu" else []
        steps.append(("clip", least, most))
    return steps
