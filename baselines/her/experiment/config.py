"""Every setting of HER: default, meaning, unit, allowed values; the presets; what some tasks have of their own."""

import dataclasses
import re
from dataclasses import dataclass
from typing import TypeVar

from baselines.common.errors import UserError
from baselines.common.settings import MOVED, Settings, setting
from baselines.common.specs import EnvSpec, task_of
from baselines.her.types import GoalEnvSpec
from baselines.runs.algorithms import Preset, Range

ArrayT = TypeVar("ArrayT")  # of NumPy or TensorFlow
SCRIPTED = ("FetchPush", "FetchPickAndPlace", "FetchSlide")  # whose gripper guide=script can move


@dataclass(frozen=True)
class HERConfig(Settings):
    """The settings of a run. Creating one checks types and ranges and raises UserError."""

    # networks
    network: str = setting("mlp", "kind of network; layers and hidden shape it", choices=("mlp",))
    hidden: int = setting(256, "units of each hidden layer", 1, 65536, of_policy=True)
    layers: int = setting(3, "hidden layers of the actor and of the critic", 1, 100, of_policy=True)
    max_u: float = setting(
        1.0, "largest action per coordinate; environments take actions in [-1, 1]", 1e-6, 1.0, of_policy=True
    )
    # DDPG
    Q_lr: float = setting(0.001, "learning rate of the critic (Adam)", 0, 1e30)
    pi_lr: float = setting(0.001, "learning rate of the actor (Adam)", 0, 1e30)
    polyak: float = setting(0.95, "share of the target networks that is kept at each of their steps", 0, 1)
    gamma: float | None = setting(None, "discount; None: 1 - 1/T for an environment of at most T steps", 0, 0.999999)
    clip_return: bool = setting(True, "bound the targets of Q: below by -1/(1-gamma), above as clip_pos_returns says")
    clip_pos_returns: bool = setting(True, "with clip_return, bound them above by 0: right where no reward is positive")
    bootstrap_terminated: bool = setting(
        False, "learn as if episodes that terminated had gone on; after a time limit that is always so"
    )
    action_l2: float = setting(1.0, "weight of the mean squared action in the actor's loss", 0)
    batch_size: int = setting(256, "transitions per update and worker", 1)
    buffer_size: int = setting(1_000_000, "transitions that each worker's replay buffer holds", 1)
    # schedule
    n_cycles: int = setting(50, "cycles per epoch; a cycle: num_env episodes, n_batches updates, one target step", 1)
    n_batches: int = setting(40, "updates per cycle", 1)
    n_test_rollouts: int = setting(10, "evaluation episodes per epoch and worker, times num_env", 1)
    target_interval: int = setting(0, "updates between steps of the target networks; 0: one, at the cycle's end", 0)
    test_with_polyak: bool = setting(
        False, "evaluate, save and play the target networks instead of the main ones", of_policy=True
    )
    average_actor: float = setting(
        0.0, "share of a running average of the actor that each update keeps; where it is not 0, the average is the "
        "policy that is evaluated, saved and played (iterate averaging, Polyak & Juditsky 1992)", 0, 0.999999,
        of_policy=True
    )  # fmt: skip
    simulated_workers: int = setting(
        1, "workers that each process stands for, with all of their environments and batches: sums over them "
        "(normalizers, cloning loss) become means, as over MPI", 1
    )  # fmt: skip
    # exploration
    random_eps: float = setting(0.3, "probability that an action is drawn uniformly instead", 0, 1)
    noise_eps: float = setting(0.2, "standard deviation of the Gaussian noise on actions, in units of max_u", 0)
    random_hold: float = setting(1.0, "mean number of steps that a uniformly drawn action is held (2006.01782)", 1, 1e6)
    guide: str = setting(
        "none", "what at times brings the effector to the object, in training: a script (for Fetch) or a relay, a "
        "small agent that learns to reach (2208.00843)", choices=("none", "script", "relay")
    )  # fmt: skip
    guide_eps: float = setting(0.5, "probability that the guide acts, at each step away from the object", 0, 1)
    guide_distance: float = setting(0.03, "how far is away from the object, in units of the goal", 0)
    relay_effector: str | None = setting(
        None, "first:end of the effector's place in the observation, 0:3 in the Fetch tasks; then the guide is a relay"
    )
    relay_distance: float = setting(0.05, "how near the relay counts as there, in units of the goal", 1e-9)
    # hindsight
    replay_strategy: str = setting("future", "which goals to relabel with", choices=("future", "none"))
    replay_k: float = setting(4.0, "relabelled transitions per transition with its own goal", 0)
    replay_actual: float = setting(
        0.0, "transitions relabelled with the desired goal of another episode, per transition with its own goal", 0
    )
    replay_priority: str = setting(
        "none", "draw episodes alike (none), by the path of their achieved goal (movement), or by the work done on it, "
        "in joule for 1 kg (energy; 1810.01363)", choices=("none", "movement", "energy")
    )  # fmt: skip
    priority_floor: float = setting(0.02, "added to each episode's path (units of the goal) or work (joule)", 1e-9, 1e9)
    priority_clip: float = setting(0.1, "most that one step counts, in the same units", 0, 1e9)
    relative_goals: bool = setting(False, "show the networks the desired goal minus the achieved one", of_policy=True)
    # demonstrations
    demo_file: str | None = setting(
        None, "demonstrations to learn from: a file, or minari:NAME; switches bc_loss on", path=True, on_resume=MOVED
    )
    bc_loss: bool | None = setting(None, "clone demonstrations; None: where there is a demo_file")
    q_filter: bool = setting(False, "clone only demonstrated actions that the critic likes better than the policy's")
    q_filter_after: int = setting(0, "updates before the q_filter: an untrained critic cannot tell", 0)
    num_demo: int = setting(100, "demonstrations to use, the first ones of the file", 1)
    demo_batch_size: int = setting(128, "rows of each batch that come from demonstrations", 1)
    prm_loss_weight: float = setting(0.001, "weight of the actor's usual loss beside the cloning loss", 0)
    aux_loss_weight: float = setting(0.0078, "weight of the cloning loss", 0)
    # normalisation of observations and goals
    clip_obs: float = setting(200.0, "bound on raw observations and goals", 1e-9, of_policy=True)
    norm_eps: float = setting(0.01, "smallest standard deviation to divide by", 1e-9, of_policy=True)
    norm_clip: float = setting(
        5.0, "bound on normalised observations and goals, in standard deviations", 1e-9, of_policy=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bc_loss is None:
            object.__setattr__(self, "bc_loss", self.demo_file is not None)
        if self.relay_effector is not None:
            object.__setattr__(self, "guide", "relay")
            self.effector  # noqa: B018 - raises where it is none
        if self.bc_loss and self.demo_batch_size >= self.batch_size:
            raise UserError(
                f"demo_batch_size: expected less than batch_size, {self.batch_size}, got {self.demo_batch_size}"
            )
        if self.average_actor and self.test_with_polyak:
            raise UserError("test_with_polyak and average_actor both say which policy is evaluated: give one, or "
                            "--average_actor=0 beside --test_with_polyak=True")  # fmt: skip
        if self.demo_file and not self.bc_loss:
            raise UserError("--demo_file switches bc_loss on, which was switched off: give one or the other")

    def for_env(self, spec: EnvSpec) -> "HERConfig":
        """With gamma as a number. Raises UserError where HER cannot train in such an environment with them."""
        goals = GoalEnvSpec.of(spec)
        if self.bc_loss and not self.demo_file:
            raise UserError("bc_loss needs demonstrations: give a --demo_file")
        if self.replay_priority == "energy" and goals.goal_size != 3:
            raise UserError(
                f"replay_priority=energy needs goals that are places (x, y, z); those of {spec.env_id} have "
                f"{goals.goal_size} numbers: use --replay_priority=movement and a --priority_clip that suits them"
            )
        if self.guide == "script" and task_of(spec.env_id) not in SCRIPTED:
            raise UserError(
                f"guide=script moves the gripper of {', '.join(SCRIPTED)}; for {spec.env_id} use a learned one: "
                "--relay_effector=first:end, where its observation has the effector's place"
            )
        if self.guide == "relay" and self.effector.stop > goals.observation_size:
            raise UserError(
                f"relay_effector={self.relay_effector}: the observation has {goals.observation_size} numbers"
            )
        if self.guide == "relay" and self.effector.stop - self.effector.start != goals.goal_size:
            raise UserError(
                f"relay_effector={self.relay_effector}: expected a place of as many numbers as the goal's, "
                f"{goals.goal_size}, which is the object's place"
            )
        return dataclasses.replace(self, gamma=self.discount(goals.horizon))

    @property
    def effector(self) -> slice:
        """Where the observation has the effector's place, for the relay."""
        match = re.fullmatch(r"(\d{1,6}):(\d{1,6})", self.relay_effector or "")
        if not match or int(match[1]) >= int(match[2]):
            raise UserError(f"relay_effector: expected first:end, such as 0:3, got {self.relay_effector!r}")
        return slice(int(match[1]), int(match[2]))

    @property
    def demo_rows(self) -> int:
        """Rows of each batch that come from demonstrations."""
        return self.demo_batch_size if self.bc_loss else 0

    @property
    def relabelled_p(self) -> tuple[float, float]:
        """Probabilities that a goal becomes a later achieved one, and that it becomes another episode's desired one."""
        if self.replay_strategy == "none":
            return 0.0, 0.0
        parts = 1 + self.replay_k + self.replay_actual
        return self.replay_k / parts, self.replay_actual / parts

    def goal_seen(self, achieved_goal: ArrayT, desired_goal: ArrayT) -> ArrayT:
        """The goal that the networks see, of NumPy arrays or tensors [..., g]."""
        return desired_goal - achieved_goal if self.relative_goals else desired_goal  # type: ignore[operator]

    def discount(self, horizon: int) -> float:
        """`gamma`, or 1 - 1/T (1802.09464, appendix A)."""
        return 1 - 1 / horizon if self.gamma is None else self.gamma

    def return_bounds(self, horizon: int) -> tuple[float, float]:
        """The lowest and highest target that Q may get."""
        if not self.clip_return:
            return -float("inf"), float("inf")
        return -1 / (1 - self.discount(horizon)), 0.0 if self.clip_pos_returns else float("inf")


# What differs from the defaults, by the environment's name without its version.
ENV_DEFAULTS: dict[str, dict[str, object]] = {"FetchReach": {"n_cycles": 10}}

# Found by measurement: docs/her.md has what each part brings, and what brought nothing.
_RECIPE: dict[str, object] = dict(target_interval=1, polyak=0.995, average_actor=0.999, n_batches=120, n_cycles=10,
    random_hold=5, relative_goals=True)  # fmt: skip
# Where the goal is an object's place, in metres.
_WORK: dict[str, object] = dict(replay_priority="energy", priority_clip=0.5)
_RECIPE_OF_TASKS: dict[str, dict[str, object]] = {
    "FetchPush*": dict(_WORK, guide="script"),
    "FetchPickAndPlace*": dict(_WORK, guide="script"),
    "FetchSlide*": dict(guide="script", guide_eps=0.3, random_hold=10, random_eps=0.2, noise_eps=0.1,
                        relative_goals=False, replay_k=2, replay_actual=2),
    "HandReach*": dict(action_l2=0.01, noise_eps=0.1, random_eps=0.2),
    # Long episodes, so more updates a cycle; a force that moves a ball far only when it is held.
    "PointMaze*": dict(n_batches=600, n_cycles=2, action_l2=0.01, gamma=0.99, random_hold=20),
}  # fmt: skip

PRESETS = {
    # One process: fewest steps and least time.
    "single": Preset(_RECIPE, num_env=8, tasks=_RECIPE_OF_TASKS),
    # Plappert et al. 2018 (1802.09464): 19 workers with 2 environments, batches of 256 and 1e6 transitions each.
    "paper19": Preset(dict(batch_size=19 * 256, buffer_size=19 * 10**6, simulated_workers=19), num_env=38),
    # `single` with demonstrations; without the Q-filter of Nair et al. 2018 (1709.10089), which begins by throwing away
    # most of what is demonstrated, as an untrained critic cannot tell.
    "demos": Preset(dict(_RECIPE, bc_loss=True, demo_batch_size=64, prm_loss_weight=0.001, aux_loss_weight=0.0156),
                    num_env=8, tasks=_RECIPE_OF_TASKS),
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
