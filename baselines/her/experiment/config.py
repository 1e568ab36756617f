"""Every setting of HER: default, meaning, unit, allowed values."""

import dataclasses
import numbers
import re
import typing
from collections.abc import Iterable
from dataclasses import dataclass, field

from baselines.common.errors import UserError, nearest


def key(default, meaning: str, low: float | None = None, high: float | None = None, choices: tuple = ()):
    """A field of the config; `low` and `high` are allowed themselves."""
    return field(default=default, metadata={"meaning": meaning, "low": low, "high": high, "choices": choices})


@dataclass(frozen=True)
class HERConfig:
    """The settings of a run. Creating one checks types and ranges and raises UserError."""

    # networks
    hidden: int = key(256, "units of each hidden layer", 1, 65536)
    layers: int = key(3, "hidden layers of the actor and of the critic", 1, 100)
    max_u: float = key(1.0, "largest action per coordinate; environments take actions in [-1, 1]", 1e-6, 1.0)
    # DDPG
    Q_lr: float = key(0.001, "learning rate of the critic (Adam)", 0, 1e30)
    pi_lr: float = key(0.001, "learning rate of the actor (Adam)", 0, 1e30)
    polyak: float = key(0.95, "share of the target networks that is kept at each of their steps", 0, 1)
    gamma: float | None = key(None, "discount; None: 1 - 1/T for an environment of at most T steps", 0, 0.999999)
    clip_return: bool = key(True, "bound the targets of Q: below by -1/(1-gamma), above as clip_pos_returns says")
    clip_pos_returns: bool = key(True, "with clip_return, bound them above by 0: right where no reward is positive")
    action_l2: float = key(1.0, "weight of the mean squared action in the actor's loss", 0)
    batch_size: int = key(256, "transitions per update and worker", 1)
    buffer_size: int = key(1_000_000, "transitions that each worker's replay buffer holds", 1)
    # schedule
    n_cycles: int = key(50, "cycles per epoch; a cycle: num_env episodes, n_batches updates, one target step", 1)
    n_batches: int = key(40, "updates per cycle", 1)
    n_test_rollouts: int = key(10, "evaluation episodes per epoch and worker, times num_env", 1)
    target_interval: int = key(0, "updates between steps of the target networks; 0: one step, at the cycle's end", 0)
    test_with_polyak: bool = key(False, "evaluate the target networks instead of the main ones")
    policy_save_interval: int = key(5, "epochs between the policies kept as epoch_N; 0: keep none", 0)
    simulated_workers: int = key(1, "workers that each process stands for, with all of their environments and batches: "
                                 "sums over them (normalizers, cloning loss) become means, as over MPI", 1)  # fmt: skip
    # exploration
    random_eps: float = key(0.3, "probability that an action is drawn uniformly instead", 0, 1)
    noise_eps: float = key(0.2, "standard deviation of the Gaussian noise on actions, in units of max_u", 0)
    # hindsight
    replay_strategy: str = key("future", "which goals to relabel with", choices=("future", "none"))
    replay_k: float = key(4, "relabelled transitions per transition with its own goal", 0)
    replay_priority: str = key("none", "draw episodes alike (none), by the path of their achieved goal (movement), or "
                               "by the work done on it, in joule for 1 kg (energy; 1810.01363)",
                               choices=("none", "movement", "energy"))  # fmt: skip
    priority_floor: float = key(0.02, "added to each episode's path (units of the goal) or work (joule)", 1e-9, 1e9)
    priority_clip: float = key(0.1, "most that one step counts, in the same units", 0, 1e9)
    relative_goals: bool = key(False, "show the networks the desired goal minus the achieved one")
    # demonstrations
    bc_loss: bool = key(False, "clone demonstrations; --demo_file switches it on")
    q_filter: bool = key(False, "clone only demonstrated actions that the critic likes better than the policy's")
    num_demo: int = key(100, "demonstrations to use, the first ones of the file", 1)
    demo_batch_size: int = key(128, "rows of each batch that come from demonstrations", 1)
    prm_loss_weight: float = key(0.001, "weight of the actor's usual loss beside the cloning loss", 0)
    aux_loss_weight: float = key(0.0078, "weight of the cloning loss", 0)
    # normalisation of observations and goals
    clip_obs: float = key(200.0, "bound on raw observations and goals", 1e-9)
    norm_eps: float = key(0.01, "smallest standard deviation to divide by", 1e-9)
    norm_clip: float = key(5.0, "bound on normalised observations and goals, in standard deviations", 1e-9)

    def __post_init__(self):
        for f in dataclasses.fields(self):
            object.__setattr__(self, f.name, _checked(f, getattr(self, f.name)))
        if self.bc_loss and self.demo_batch_size >= self.batch_size:
            raise UserError(
                f"demo_batch_size: expected less than batch_size, {self.batch_size}, got {self.demo_batch_size}"
            )

    @property
    def demo_rows(self) -> int:
        """Rows of each batch that come from demonstrations."""
        return self.demo_batch_size if self.bc_loss else 0

    @property
    def future_p(self) -> float:
        """Probability that a transition's goal is relabelled: replay_k / (1 + replay_k), or 0."""
        return self.replay_k / (1 + self.replay_k) if self.replay_strategy == "future" else 0.0

    def goal_seen(self, achieved_goal, desired_goal):
        """The goal that the networks are shown, of NumPy arrays or tensors [..., g]."""
        return desired_goal - achieved_goal if self.relative_goals else desired_goal

    def discount(self, horizon: int) -> float:
        """`gamma`, or 1 - 1/T (1802.09464, appendix A)."""
        return 1 - 1 / horizon if self.gamma is None else self.gamma

    def return_bounds(self, horizon: int) -> tuple[float, float]:
        """The lowest and highest target that Q may get."""
        if not self.clip_return:
            return -float("inf"), float("inf")
        return -1 / (1 - self.discount(horizon)), 0.0 if self.clip_pos_returns else float("inf")


Config = HERConfig  # the name the launcher looks for

# What differs from the defaults, by the environment's name without its version.
ENV_OVERRIDES = {"FetchReach": {"n_cycles": 10}}

# Settings by name, for --preset.
PRESETS = {
    # One process, little wall time: how these were found stands in data/README.md.
    "single": dict(replay_priority="energy", priority_clip=0.5, target_interval=1, polyak=0.995),
    # Plappert et al. 2018 (1802.09464): 19 workers with 2 environments, batches of 256 and 1e6 transitions each.
    "paper19": dict(batch_size=19 * 256, buffer_size=19 * 10**6, simulated_workers=19),
    # Nair et al. 2018 (1709.10089), as OpenAI Baselines ran it.
    "demos": dict(bc_loss=True, q_filter=True, num_demo=100, demo_batch_size=128, batch_size=1024, n_cycles=20,
                  random_eps=0.1, noise_eps=0.1, prm_loss_weight=0.001, aux_loss_weight=0.0078),
}  # fmt: skip

# Environments per worker where --num_env is not given.
PRESET_NUM_ENV = {"single": 8, "paper19": 38}

# Settings that give a trained policy's numbers their meaning: they come with the policy.
POLICY_KEYS = ("hidden", "layers", "max_u", "relative_goals", "clip_obs", "norm_eps", "norm_clip")


def make_config(
    env_id: str,
    given: dict[str, object],
    preset: str | None = None,
    loaded: HERConfig | None = None,
    flags: Iterable[str] = (),
) -> HERConfig:
    """Merge: `given`, then the loaded policy's own settings, the preset, the environment's overrides, the defaults.

    `flags` are other words that somebody who gave an unknown key may have meant. Raises UserError for unknown keys,
    wrong types and ranges, and where `given` contradicts the loaded policy.
    """
    if preset is not None and preset not in PRESETS:
        raise UserError(f"--preset={preset}: there is {', '.join(PRESETS)}")
    known = {f.name for f in dataclasses.fields(HERConfig)}
    for name in given:
        if name not in known:
            raise UserError(f"unknown setting '{name}'{nearest(name, [*known, *flags])} (--help lists all)")
    of_env = ENV_OVERRIDES.get(re.sub(r"-v\d+$", "", env_id.split(":")[-1]), {})
    settings = {**of_env, **PRESETS.get(preset, {}), **given}
    config = HERConfig(**settings)
    if loaded is None:
        return config
    of_policy = {name: getattr(loaded, name) for name in POLICY_KEYS}
    for name, value in of_policy.items():
        if name in given and getattr(config, name) != value:
            raise UserError(f"--{name}={given[name]} contradicts the loaded policy, which has {name}={value}")
    return dataclasses.replace(config, **of_policy)


def _checked(f: dataclasses.Field, value):
    kinds = typing.get_args(f.type) or (f.type,)
    value = _as_kind(f.name, kinds, value)
    low, high, choices = (f.metadata[k] for k in ("low", "high", "choices"))
    if choices and value not in choices:
        raise UserError(f"{f.name}: expected one of {', '.join(choices)}, got '{value}'{nearest(str(value), choices)}")
    if value is not None and ((low is not None and value < low) or (high is not None and value > high)):
        raise UserError(f"{f.name}: expected {_range(low, high)}, got {value}")
    return value


def _as_kind(name: str, kinds: tuple, value):
    """`value` as the first of `kinds` that it fits: 1e6 is an int, 1 a float, 0, 1, true and false are bools."""
    if value is None and type(None) in kinds:
        return None
    kind = kinds[0]
    number = isinstance(value, numbers.Real) and not isinstance(value, bool) and abs(value) < 1e300
    if kind is bool and (isinstance(value, bool) or value in (0, 1) or str(value).lower() in ("true", "false")):
        return value in (1, True) or str(value).lower() == "true"
    if kind is int and number and value == int(value):
        return int(value)
    if kind is float and number:
        return float(value)
    if kind is str and isinstance(value, str):
        return value
    expected = {bool: "True or False", int: "a whole number", float: "a number", str: "a word"}[kind]
    raise UserError(f"{name}: expected {expected}, got {value!r}")


def _range(low, high) -> str:
    if low is None:
        return f"at most {high:g}"
    return f"at least {low:g}" if high is None else f"{low:g} to {high:g}"
