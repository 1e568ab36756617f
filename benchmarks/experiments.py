"""Every learning figure of this project as data; `python -m benchmarks.reproduce` runs it."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass

from baselines.common.errors import UserError, nearest
from baselines.common.specs import task_of, without_version
from baselines.runs.algorithms import find

SB3 = "benchmarks.sb3_run"


@dataclass(frozen=True)
class Arm:
    """One command; all experiments that have an equal arm share its runs."""

    num_timesteps: int
    flags: tuple[str, ...]
    demonstrations: int = 0  # scripted episodes to learn from
    noise: float = 0.0  # on their actions; with noise, failed episodes are written too
    module: str = "baselines.run"
    episodes: int = 1000  # of the evaluation of each of its policies
    until: float = 0.0  # mean of three evaluations at which it ends early; 0: never

    def value(self, name: str, default: str | None = None) -> str | None:
        """Return the value of a flag."""
        return dict(flag.removeprefix("--").split("=", 1) for flag in self.flags).get(name, default)

    @property
    def env(self) -> str:
        return self.value("env") or ""

    @property
    def key(self) -> str:
        """The name of its folder, which no other arm has: a change of the command or of its preset makes a new arm."""
        command = [self.module, sorted(self.flags), int(self.num_timesteps), self.demonstrations, self.noise]
        if name := self.value("preset"):
            preset = find(self.value("alg") or "her").preset(name)
            command += [preset.num_env, sorted(preset.settings_for(task_of(self.env)).items())]
        task = self.env.replace(":", "-").replace("/", "-")
        return f"{task}-{hashlib.sha256(json.dumps(command).encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Measure:
    """The figure that evaluations are compared by."""

    word: str
    key: str  # in an evaluation's file, and after test/ in progress.csv
    levels: tuple[float, ...]  # to reach
    kept: float  # the level that a run should not fall below again


SUCCESS = Measure("success", "success_rate", (0.5, 0.9, 0.95), 0.9)


def returns(*levels: float) -> Measure:
    """Return the measure of tasks without goals; the last level is the one to keep."""
    return Measure("return", "mean_return", levels, levels[-1])


@dataclass(frozen=True)
class Experiment:
    """Several arms with the same seeds."""

    title: str
    arms: dict[str, Arm]
    seeds: tuple[int, ...]
    minutes: float  # of all its runs on two cores, one after the other, roughly
    targets: str  # the expected results
    measure: Measure = SUCCESS


def merged(*flags: str) -> tuple[str, ...]:
    """Return the flags; of those with the same name only the last one, as the launcher takes it."""
    return tuple({flag.partition("=")[0]: flag for flag in flags}.values())


def ours(num_timesteps: float, env: str, *flags: str, demonstrations: int = 0) -> Arm:
    """Return an arm with epochs of 4,000 steps (of episodes of 50) and 13 x 8 = 104 evaluation episodes."""
    preset = "demos" if demonstrations else "single"
    common = (f"--env={env}", f"--preset={preset}", "--n_cycles=10", "--n_test_rollouts=13")
    return Arm(int(num_timesteps), merged(*common, *flags), demonstrations)


def but(arm: Arm, *flags: str) -> Arm:
    """Return the arm with other flags."""
    return dataclasses.replace(arm, flags=merged(*arm.flags, *flags))


def seeds(count: int) -> tuple[int, ...]:
    return tuple(range(count))


def ppo2(num_timesteps: float, env: str, *flags: str) -> Arm:
    """Return an arm with the preset's 8 environments."""
    return Arm(int(num_timesteps), merged("--alg=ppo2", f"--env={env}", "--preset=single", *flags))


def beside_sb3(env: str, num_timesteps: float, minutes: float, measure: Measure, *flags: str) -> Experiment:
    """Return an experiment with our PPO and that of Stable-Baselines3, with the same settings."""
    arms = {"ours": ppo2(num_timesteps, env, "--n_test_episodes=20", *flags),
            "Stable-Baselines3": Arm(int(num_timesteps), ("--alg=PPO", f"--env={env}"), module=SB3)}  # fmt: skip
    targets = f"{measure.levels[-1]:g}, and no less than Stable-Baselines3's PPO"
    return Experiment(f"PPO: {env}", arms, seeds(5), minutes, targets, measure)


# ---- arms of several experiments ----

REACH_PAPERS = Arm(5_000, ("--env=FetchReach-v1", "--n_test_rollouts=104"))
RELAY = "--relay_effector=0:3"
PUSH = ours(6e4, "FetchPush-v1")
PICK = ours(6e4, "FetchPickAndPlace-v1")
PICK_DEMOS = ours(6e4, "FetchPickAndPlace-v1", "--n_cycles=5", demonstrations=100)
HALF_FAIL = dataclasses.replace(PICK_DEMOS, noise=0.33)  # about half of the scripted episodes end at the goal

PARTS = {  # the flags that remove each part of the recipe
    "guide": ("--guide=none",),
    "held random actions": ("--random_hold=1",),
    "relative goals": ("--relative_goals=False",),
    "many updates": ("--n_batches=40",),
    "two critics": ("--n_critics=1", "--layer_norm=False"),
    "averaged actor": ("--average_actor=0",),
}


def hand(task: str, count: int, n_cycles: int, num_timesteps: float, minutes: float, targets: str) -> Experiment:
    """Return the experiment of a Hand task; an evaluation takes as long as about 10 cycles."""
    arm = ours(num_timesteps, f"{task}-v0", f"--n_cycles={n_cycles}")
    return Experiment(f"{task}, one process", {"single": arm}, seeds(count), minutes, targets)


def users(
    package: str, env: str, num_timesteps: float, minutes: float, targets: str, *flags: str, count: int = 3
) -> Experiment:
    """Return the experiment of a task that others wrote; it is slow, so policies play only 100 episodes."""
    arm = dataclasses.replace(ours(num_timesteps, env, *flags), episodes=100)
    task = without_version(env)
    return Experiment(f"{task} of {package}, one process", {"single": arm}, seeds(count), minutes, targets)


# Panda's positions are in metres. Runs of Panda and parking have one core each, so `sync` steps the environments.
USERS = {
    "panda-reach": users("panda-gym", "panda_gym:PandaReach-v3", 4e3, 10, "to learn it", "--num_env=2", "--n_cycles=2",
                         "--n_test_rollouts=52", "--vec_env=sync"),
    "panda-push": users("panda-gym", "panda_gym:PandaPush-v3", 5e4, 50, "0.9 at 50,000 steps", "--vec_env=sync",
                        count=5),
    "parking": users("highway-env", "highway_env:parking-v0", 3e4, 50, "to learn it", "--max_episode_steps=100",
                     "--terminated_value=bootstrap", "--n_cycles=5", "--n_batches=240", "--gamma=0.95",
                     "--action_l2=0.01", "--n_test_rollouts=6", "--vec_env=sync", count=5),
    "point-maze": users("Gymnasium-Robotics", "PointMaze_UMaze-v3", 1e5, 25, "to learn it without any flag",
                        "--n_cycles=2"),
    "point-maze-medium": users("Gymnasium-Robotics", "PointMaze_Medium-v3", 1.5e5, 50, "to learn it without any flag",
                               "--n_cycles=2", "--n_test_rollouts=7"),
    "ant-maze": users("Gymnasium-Robotics", "AntMaze_UMaze-v5", 1e6, 300, "to learn at all", "--n_cycles=4",
                      "--n_batches=1000", "--action_l2=0.01", "--gamma=0.99", "--n_test_rollouts=7"),
}  # fmt: skip


# ---- the experiments ----

EXPERIMENTS = {
    "fetch-reach": Experiment(
        "FetchReach, one process",
        # Epochs of 200 steps: the task is learnt in a few of them.
        {
            "single": ours(4e3, "FetchReach-v1", "--num_env=2", "--n_cycles=2", "--n_test_rollouts=52"),
            "papers' settings": REACH_PAPERS,
        },
        seeds(10),
        20,
        "0.95 at 1,200 steps; never below 1.0 from 3,000 on",
    ),
    "fetch-push": Experiment(
        "FetchPush, one process",
        {"single": PUSH},
        seeds(10),
        45,
        "0.9 at 32,000 steps, 0.95 at 42,000, and kept",
    ),
    "fetch-pick-and-place": Experiment(
        "FetchPickAndPlace, one process",
        {"single": PICK},
        seeds(10),
        50,
        "0.9 at 45,000 steps, 0.95 at 60,000, and kept",
    ),
    "push-relay": Experiment(
        "FetchPush, one process, with a learned guide",
        {"relay": but(PUSH, RELAY)},
        seeds(5),
        25,
        "0.95 at 60,000 steps",
    ),
    "pick-relay": Experiment(
        "FetchPickAndPlace, one process, with a learned guide",
        {"relay": but(PICK, RELAY)},
        seeds(5),
        30,
        "0.95 at 80,000 steps",
    ),
    "demonstrations": Experiment(
        "FetchPickAndPlace, 100 demonstrations",
        {"100 demonstrations": PICK_DEMOS},
        seeds(10),
        30,
        "0.9 at 8,000 steps, 0.95 at 20,000, and never below 0.85",
    ),
    "demonstrations-10": Experiment(
        "FetchPickAndPlace, 10 demonstrations",
        {"10 demonstrations": dataclasses.replace(PICK_DEMOS, demonstrations=10)},
        seeds(5),
        15,
        "0.9 at 30,000 steps, and never below 0.8",
    ),
    "her-vs-none": Experiment(
        "FetchPush, with HER and without, same budget",
        {"HER": PUSH, "no HER": but(PUSH, "--replay_strategy=none")},
        seeds(5),
        50,
        "to show that nothing is learnt without relabelling",
    ),
    # Epochs of 47,500 steps, each with 114 evaluation episodes; more than an hour for every million steps.
    "paper19-push": Experiment(
        "FetchPush, the papers' settings, until 0.99",
        {
            "19 workers x 2 environments": Arm(
                2_000_000,
                ("--env=FetchPush-v1", "--preset=paper19", "--n_cycles=25", "--n_test_rollouts=3"),
                until=0.99,
            )
        },
        seeds(1),
        150,
        "0.895 after 0.95M steps and 0.99 by 1.8M, as the original with 19 workers",
    ),
    "contrast": Experiment(
        "FetchPickAndPlace, with demonstrations and without",
        {"with 100 demonstrations": PICK_DEMOS, "without": PICK},
        seeds(5),
        40,
        "to show that the same learner learns sooner with demonstrations (1709.10089)",
    ),
    "q-filter": Experiment(
        "FetchPickAndPlace, 100 demonstrations of which half fail: the Q-filter",
        {
            "all cloned": HALF_FAIL,
            "filtered": but(HALF_FAIL, "--q_filter=True"),
        },
        seeds(3),
        30,
        "to see if the filter of 1709.10089 helps where it is meant to",
    ),
    "ablation": Experiment(
        "FetchPickAndPlace without each part of the recipe",
        {"all": PICK, **{f"without {part}": but(PICK, *flags) for part, flags in PARTS.items()}},
        seeds(3),
        75,
        "to show that every part is needed",
    ),
    "fetch-slide": Experiment(
        "FetchSlide, one process",
        {"single": ours(3e5, "FetchSlide-v1", "--n_cycles=25")},
        seeds(3),
        90,
        "0.80 at 250,000 steps and 0.88 at 300,000",
    ),
    "hand-reach": hand("HandReach", 5, 12, 1.5e5, 50, "0.85 at 150,000 steps"),
    "hand-block": hand("HandManipulateBlockRotateZ", 3, 25, 2e5, 45, "0.5 at 200,000 steps"),
    "hand-egg": hand("HandManipulateEggRotate", 1, 25, 2e5, 15, "to learn at all"),
    "hand-pen": hand("HandManipulatePenRotate", 1, 25, 2e5, 25, "to learn at all"),
    "hand-block-xyz": hand("HandManipulateBlockRotateXYZ", 1, 25, 2e5, 15, "to learn at all"),
    "peers": Experiment(
        "FetchPush: Stable-Baselines3 and ours",
        {
            "single": PUSH,
            "SB3 DDPG + HER": Arm(80_000, ("--alg=DDPG", "--env=FetchPush-v1"), module=SB3),
            "SB3 SAC + HER": Arm(80_000, ("--alg=SAC", "--env=FetchPush-v1"), module=SB3),
        },
        seeds(3),
        60,
        "to be sooner, in steps and in minutes",
    ),
    **USERS,
    "ppo2-cartpole": beside_sb3("CartPole-v1", 1e5, 12, returns(475)),
    "ppo2-pendulum": beside_sb3("Pendulum-v1", 2e5, 20, returns(-300, -200)),
    "ppo2-hopper": beside_sb3("Hopper-v4", 1e6, 90, returns(1000, 2000)),
    "her-vs-ppo2": Experiment(
        "FetchReach: HER and PPO",
        {
            "HER": REACH_PAPERS,
            "PPO": Arm(5_000, ("--alg=ppo2", "--env=FetchReach-v1", "--n_test_episodes=104")),
        },
        seeds(5),
        8,
        "to show the contrast that OpenAI Baselines suggests",
    ),
    "ppo2-reach": Experiment(
        "FetchReach: PPO with the sparse and the dense reward",
        {
            "sparse": ppo2(5e5, "FetchReach-v1", "--n_test_episodes=104"),
            "dense": ppo2(5e5, "FetchReachDense-v1", "--n_test_episodes=104"),
        },
        seeds(5),
        60,
        "to show how many steps it needs with either reward",
    ),
}


def experiment(name: str) -> Experiment:
    """Return the experiment of this name. Raises UserError for an unknown name."""
    if name not in EXPERIMENTS:
        raise UserError(f"unknown experiment '{name}'{nearest(name, EXPERIMENTS)} (--list shows all)")
    return EXPERIMENTS[name]
