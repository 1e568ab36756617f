"""Every setting of HER with default, meaning, unit and range; the presets; the defaults of single tasks."""

import dataclasses
import re
from dataclasses import dataclass
from typing import TypeVar

from baselines.common.errors import UserError
from baselines.common.settings import MOVED, Settings, setting
from baselines.common.specs import GOAL_KEYS, EnvSpec
from baselines.her.sampling import PRIORITIES, STRATEGIES
from baselines.runs.algorithms import Preset, Range

ArrayT = TypeVar("ArrayT")  # of NumPy or TensorFlow
MOST_GAMMA = 0.999  # of the default: a longer time limit says little of how long episodes are


@dataclass(frozen=True)
class HERConfig(Settings):
    """The settings of a run. Creating one checks types and ranges and raises UserError."""

    network: str = setting(
        "mlp", "kind of network; `layers` and `hidden` set its size", choices=("mlp",), group="networks"
    )
    hidden: int = setting(256, "units of each hidden layer", 1, 65536, of_policy=True)
    layers: int = setting(3, "hidden layers of the actor and of each critic", 1, 100, of_policy=True)
    max_u: float = setting(
        1.0, "largest action in each coordinate, as a share of the environment's bounds", 1e-6, 1.0, of_policy=True
    )
    n_critics: int = setting(
        1, "number of critics; the target takes the smallest of their values, the actor's loss their mean "
        "(1802.09477)", 1, 100, of_policy=True
    )  # fmt: skip
    layer_norm: bool = setting(
        False, "normalise the units of the critics' hidden layers before ReLU (1607.06450)", of_policy=True
    )
    Q_lr: float = setting(0.001, "learning rate of the critics (Adam)", 0, 1e30, group="DDPG")
    pi_lr: float = setting(0.001, "learning rate of the actor (Adam)", 0, 1e30)
    lr_final: float = setting(1.0, "learning rates at the end of training, as a share of Q_lr and pi_lr", 0, 1)
    lr_fall_from: float = setting(
        0.6, "share of the training after which the learning rates fall, linearly to lr_final", 0, 0.999999
    )
    polyak: float = setting(0.95, "share of the target networks that each of their steps keeps", 0, 1)
    gamma: float | None = setting(
        None, "discount factor", 0, 0.999999, default_text="1 - 1/T, where T is the time limit in steps, at most 0.999"
    )
    clip_return: bool = setting(
        True, "clip the critics' targets to at least -1/(1-gamma) and, with clip_pos_returns, to at most 0"
    )
    clip_pos_returns: bool = setting(True, "clip the targets to at most 0, which suits rewards that are never positive")
    terminated_value: str = setting(
        "zero", "return after an episode that the environment ended: zero (no more rewards), by_success (0 after a "
        "success, else the lower bound -1/(1-gamma)) or bootstrap (as if it had gone on, as at the time limit always)",
        choices=("zero", "by_success", "bootstrap")
    )  # fmt: skip
    action_l2: float = setting(1.0, "weight of the mean squared action in the actor's loss", 0)
    batch_size: int = setting(256, "transitions per update and worker", 1)
    buffer_size: int = setting(1_000_000, "capacity of each worker's replay buffer, in transitions", 1)
    n_cycles: int = setting(
        50, "cycles per epoch; a cycle is num_env episodes, n_batches updates and one step of the target networks", 1,
        group="schedule"
    )  # fmt: skip
    n_batches: int = setting(40, "updates per cycle", 1)
    n_test_rollouts: int = setting(10, "evaluation episodes per epoch, worker and environment (num_env)", 1)
    target_interval: int = setting(
        0, "updates between two steps of the target networks; with 0 they step once, at the end of each cycle", 0
    )
    test_with_polyak: bool = setting(
        False, "evaluate, save and play the target networks instead of the main ones", of_policy=True
    )
    average_actor: float = setting(
        0.0, "share that each update keeps of a running average of the actor, which is then evaluated, saved and "
        "played; with 0 there is no average (Polyak & Juditsky 1992)", 0, 0.999999, of_policy=True
    )  # fmt: skip
    simulated_workers: int = setting(
        1, "workers that each process stands for, with all of their environments and batches; sums over them (in the "
        "normalizers and the cloning loss) become means, as over MPI", 1
    )  # fmt: skip
    random_eps: float = setting(0.3, "share of steps with a uniformly drawn action", 0, 1, group="exploration")
    noise_eps: float = setting(0.2, "standard deviation of the Gaussian noise on actions, in units of max_u", 0)
    random_hold: float = setting(
        1.0, "mean number of steps for which a uniformly drawn action is held (2006.01782)", 1, 1e6
    )
    guide: str = setting(
        "none", "helper that brings the effector to the object in training: none, auto (it finds the effector and fits "
        "what actions do to it) or relay (a small agent that learns to reach, 2208.00843)",
        choices=("none", "auto", "relay")
    )  # fmt: skip
    guide_eps: float = setting(0.5, "probability of the guide's action at each step away from the object", 0, 1)
    relay_effector: str | None = setting(
        None, "entries first:end of the observation that are the effector's position (0:3 for Fetch); switches "
        "guide=relay on", default_text=""
    )  # fmt: skip
    replay_strategy: str = setting(
        "future", "achieved goals to relabel with: of a later step (future), of the last step (final), of any step of "
        "the episode (episode), or no goals (none)", choices=tuple(STRATEGIES), group="hindsight"
    )  # fmt: skip
    replay_k: float = setting(4.0, "relabelled transitions for each transition that keeps its goal", 0)
    replay_actual: float = setting(
        0.0, "transitions with another episode's desired goal for each transition that keeps its goal (2007.02832)", 0
    )
    replay_priority: str = setting(
        "none", "probability of drawing an episode: equal (none), by the path of its achieved goal in goal units "
        "(movement), by the work done on it, in joules for 1 kg (energy; 1810.01363), or by energy where a goal has "
        "three numbers, else equal (auto)", choices=("none", *PRIORITIES, "auto")
    )  # fmt: skip
    priority_clip: float = setting(0.1, "largest contribution of one step to the priority, in the same units", 0, 1e9)
    relative_goals: bool = setting(False, "show the networks the desired goal minus the achieved goal", of_policy=True)
    demo_file: str | None = setting(
        None, "demonstrations to learn from, a file or minari:NAME; switches bc_loss on", path=True, on_resume=MOVED,
        default_text="", group="demonstrations"
    )  # fmt: skip
    bc_loss: bool | None = setting(
        None, "add a cloning loss to the actor's loss (1709.10089)", default_text="True with a demo_file"
    )
    q_filter: bool = setting(False, "clone only actions that the critic values higher than the actor's (1709.10089)")
    num_demo: int = setting(100, "number of demonstrations to use, from the beginning of the file", 1, 10**5)
    demo_batch_size: int = setting(128, "transitions in each batch that come from demonstrations", 1)
    prm_loss_weight: float = setting(0.001, "weight of the actor's other losses beside the cloning loss", 0)
    aux_loss_weight: float = setting(0.0078, "weight of the cloning loss", 0)
    clip_obs: float = setting(
        200.0, "largest absolute value of raw observations and goals", 1e-9, 1e30, of_policy=True,
        group="normalisation of observations and goals"
    )  # fmt: skip
    norm_eps: float = setting(0.01, "smallest standard deviation to divide by", 1e-9, 1e30, of_policy=True)
    norm_clip: float = setting(
        5.0, "largest absolute value of normalised observations and goals, in standard deviations", 1e-9, 1e30,
        of_policy=True
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bc_loss is None:
            object.__setattr__(self, "bc_loss", self.demo_file is not None)
        if self.relay_effector is not None:
            object.__setattr__(self, "guide", "relay")
            self.effector  # noqa: B018 - raises UserError for a wrong value
        if self.terminated_value == "by_success" and not self.clip_return:
            raise UserError("terminated_value=by_success needs the bounds of clip_return: add --clip_return=True")
        if self.bc_loss and self.demo_batch_size >= self.batch_size:
            raise UserError(
                f"demo_batch_size: expected less than batch_size, {self.batch_size}, got {self.demo_batch_size}"
            )
        if self.average_actor and self.test_with_polyak:
            raise UserError("test_with_polyak and average_actor both choose the evaluated policy: give only one, or "
                            "add --average_actor=0")  # fmt: skip
        if self.demo_file and not self.bc_loss:
            raise UserError(
                "--demo_file switches bc_loss on, but --bc_loss=False switches it off: give only one of them"
            )

    def for_env(self, spec: EnvSpec) -> "HERConfig":
        """Return the settings with gamma as a number. Raises UserError if HER cannot train in such an environment."""
        check_goal_env(spec)
        if self.bc_loss and not self.demo_file:
            raise UserError("bc_loss needs demonstrations: give a --demo_file")
        if self.replay_priority == "energy" and spec.goal_size != 3:
            raise UserError(
                f"replay_priority=energy needs goals that are positions (x, y, z), but those of {spec.env_id} have "
                f"{spec.goal_size} numbers. Use --replay_priority=movement with a suitable --priority_clip"
            )
        if self.guide == "relay" and self.effector.stop > spec.observation_size:
            raise UserError(
                f"relay_effector={self.relay_effector}: the observation has only {spec.observation_size} numbers"
            )
        if self.guide == "relay" and self.effector.stop - self.effector.start != spec.goal_size:
            raise UserError(
                f"relay_effector={self.relay_effector}: expected {spec.goal_size} entries, as many as a goal has, "
                "because the goal is the object's position"
            )
        priority = self.replay_priority
        if priority == "auto":
            priority = "energy" if spec.goal_size == 3 else "none"
        return dataclasses.replace(self, gamma=self.discount(spec.horizon), replay_priority=priority)

    @property
    def effector(self) -> slice:
        """The entries of the observation that are the effector's position, for the relay."""
        match = re.fullmatch(r"(\d{1,6}):(\d{1,6})", self.relay_effector or "")
        if not match or int(match[1]) >= int(match[2]):
            raise UserError(f"relay_effector: expected first:end, such as 0:3, got {self.relay_effector!r}")
        return slice(int(match[1]), int(match[2]))

    @property
    def demo_rows(self) -> int:
        """Transitions in each batch that come from demonstrations."""
        return self.demo_batch_size if self.bc_loss else 0

    @property
    def relabel_probabilities(self) -> tuple[float, float]:
        """Probabilities of a goal that the episode achieved, and of another episode's desired goal."""
        if self.replay_strategy == "none":
            return 0.0, 0.0
        parts = 1 + self.replay_k + self.replay_actual
        return self.replay_k / parts, self.replay_actual / parts

    def network_goal(self, achieved_goal: ArrayT, desired_goal: ArrayT) -> ArrayT:
        """Return the goal that the networks see, [..., g], as arrays or tensors."""
        return desired_goal - achieved_goal if self.relative_goals else desired_goal  # type: ignore[operator]

    def discount(self, horizon: int) -> float:
        """Return `gamma`, by default 1 - 1/T (1802.09464, appendix A), but at most MOST_GAMMA."""
        return min(1 - 1 / horizon, MOST_GAMMA) if self.gamma is None else self.gamma

    def learning_rate_share(self, progress_remaining: float) -> float:
        """Return the share of the learning rates when this share of the training, 1 to 0, is still to come."""
        falling = max(0.0, 1 - progress_remaining / (1 - self.lr_fall_from))
        return 1 - (1 - self.lr_final) * falling

    def return_bounds(self, horizon: int) -> tuple[float, float]:
        """Return the smallest and the largest target of the critics."""
        if not self.clip_return:
            return -float("inf"), float("inf")
        return -1 / (1 - self.discount(horizon)), 0.0 if self.clip_pos_returns else float("inf")


def check_goal_env(spec: EnvSpec) -> None:
    """Raise UserError, naming all that is missing, unless HER can train in such an environment."""
    sizes = spec.observation_sizes
    missing = [f"'{key}', a vector, in its observations" for key in GOAL_KEYS if key not in sizes]
    if not missing and sizes["achieved_goal"] != sizes["desired_goal"]:
        missing.append(f"goals of one size (achieved {sizes['achieved_goal']}, desired {sizes['desired_goal']})")
    if not spec.has_reward_function:
        missing.append("compute_reward(achieved_goal, desired_goal, info)")
    if spec.discrete:
        missing.append("a vector of continuous actions (--alg=ppo2 takes discrete ones)")
    if not spec.horizon:
        missing.append("a time limit (max_episode_steps where it is registered, or a TimeLimit wrapper)")
    if missing:
        raise UserError(f"HER needs a goal environment; '{spec.env_id}' lacks: {'; '.join(missing)}")


# What differs from the defaults, by the environment's name without its version.
ENV_DEFAULTS: dict[str, dict[str, object]] = {"FetchReach": {"n_cycles": 10}}

# Found by measurement: docs/recipe.md has what each part brings, and what brought nothing.
_RECIPE: dict[str, object] = dict(target_interval=1, polyak=0.995, average_actor=0.999, n_cycles=10, random_hold=5,
    relative_goals=True, replay_priority="auto", priority_clip=0.5, n_critics=2, layer_norm=True,
    terminated_value="by_success")  # fmt: skip
_SLIDE: dict[str, object] = dict(guide_eps=0.3, random_hold=10, random_eps=0.2, noise_eps=0.1, relative_goals=False,
    replay_k=2, replay_actual=2, replay_priority="none", n_batches=120, lr_final=0.1)  # fmt: skip
_HAND: dict[str, object] = dict(n_critics=1, layer_norm=False, n_batches=120)
# Long episodes, so more updates a cycle; a force that moves a ball far only when it is held.
_MAZE: dict[str, object] = dict(n_batches=600, n_cycles=2, action_l2=0.01, gamma=0.99, random_hold=20)
_TASKS: dict[str, dict[str, object]] = {
    "FetchSlide": _SLIDE,
    "HandReach": dict(_HAND, action_l2=0.01, noise_eps=0.1, random_eps=0.2, lr_final=0.1),
    "HandManipulate*": _HAND,
    "PointMaze_*": _MAZE,
}

PRESETS = {
    # One process: fewest steps. Two critics with layer norm bear more updates than one does.
    "single": Preset(dict(_RECIPE, n_batches=240, guide="auto"), num_env=8, tasks=_TASKS),
    # Plappert et al. 2018 (1802.09464): 19 workers with 2 environments, batches of 256 and 1e6 transitions each.
    "paper19": Preset(dict(batch_size=19 * 256, buffer_size=19 * 10**6, simulated_workers=19), num_env=38),
    # `single` with demonstrations, which show the object moving and so replace the guide. It has no Q-filter of
    # Nair et al. 2018 (1709.10089), which begins by throwing away most demonstrations: an untrained critic cannot tell.
    "demos": Preset(dict(_RECIPE, n_batches=120, bc_loss=True, demo_batch_size=64, prm_loss_weight=0.001,
                         aux_loss_weight=0.0156), num_env=8, tasks=_TASKS),
}  # fmt: skip

# Where `python -m baselines.tune` looks, if nobody says otherwise.
SEARCH = {
    "Q_lr": Range(1e-4, 1e-2, log=True),
    "pi_lr": Range(1e-4, 1e-2, log=True),
    "polyak": Range(0.9, 0.999),
    "n_batches": Range(20, 160, log=True),
    "random_eps": Range(0.0, 0.5),
    "noise_eps": Range(0.05, 0.4),
    "action_l2": Range(0.01, 2.0, log=True),
    "replay_k": Range(1.0, 8.0),
}
