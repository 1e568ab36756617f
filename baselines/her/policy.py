"""HER's policies: which networks act, what they see, and Q for the log, in NumPy. No TensorFlow."""

from collections.abc import Mapping

import numpy as np

from baselines.common.settings import names_of
from baselines.common.specs import EnvSpec
from baselines.her.experiment.config import HERConfig
from baselines.policies.policy import Policy, PolicyDesign, forward, layers_of, relu

LAYER_NORM = 1e-6  # added to the variance of a layer's units


def acting_networks(config: HERConfig) -> str:
    """Return which networks are evaluated, saved and played: 'main', 'target' or 'average'."""
    if config.average_actor:
        return "average"
    return "target" if config.test_with_polyak else "main"


def make_policy(
    spec: EnvSpec, config: HERConfig, arrays: Mapping[str, np.ndarray], networks: str | None = None
) -> Policy:
    """Return the policy of the named networks, by default those that are evaluated.

    Args:
        spec: A goal environment.
        config: The settings, which are saved too, except for files of this machine.
        arrays: All arrays of an agent.
        networks: 'main', 'target' or 'average'.
    """
    goal = ("desired_goal", "achieved_goal" if config.relative_goals else "")
    design = PolicyDesign(
        columns=(("observation", ""), goal),
        network=f"{networks or acting_networks(config)}_pi",
        statistics=("o_stats", "g_stats"),
        clip=config.clip_obs,
        norm_clip=config.norm_clip,
        squash="tanh",
        scale=config.max_u,
    )
    files = names_of(HERConfig, path=True)
    settings = {name: value for name, value in config.document().items() if name not in files}
    return Policy(spec, design, arrays, "her", settings)


def action_values(policy: Policy, inputs: np.ndarray, action: np.ndarray) -> np.ndarray:
    """Return Q(o, g, u) [N] of normalised inputs [N, o + g] and actions [N, u] in [-max_u, max_u], for the log.

    It is the first critic of the acting networks; an averaged actor is judged by the main critic.
    """
    critic = "target_Q" if policy.design.network == "target_pi" else "main_Q"
    scaled = action / np.float32(policy.design.scale)
    activation = _relu_of_normalized if policy.config["layer_norm"] else relu
    return forward(layers_of(policy.arrays, critic), np.concatenate([inputs, scaled], 1), activation)[:, 0]


def _relu_of_normalized(x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(1, keepdims=True)
    return relu(centred / np.sqrt(np.square(centred).mean(1, keepdims=True) + LAYER_NORM))
