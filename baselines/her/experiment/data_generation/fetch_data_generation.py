"""Demonstrations of the Fetch tasks by scripted controllers:

    python -m baselines.her.experiment.data_generation.fetch_data_generation --env=FetchPickAndPlace-v1

A controller is a generator: it is sent what it sees and yields the next action, so that its phases stand one after the
other in the code.
"""

import contextlib
import os
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from baselines.common.cli import errors_end_the_process, parse_all
from baselines.common.errors import UserError
from baselines.common.seeding import env_seeds, make_rng
from baselines.common.settings import Settings, setting
from baselines.common.specs import task_of
from baselines.envs import BACK_ENDS, make_vec_env
from baselines.envs.base import Observation, VecEnv
from baselines.her.demonstrations import write_demonstrations
from baselines.her.episodes import concatenate, select
from baselines.her.rollout import roll_out
from baselines.her.types import EpisodeBatch
from baselines.storage.files import check_file_writable

_COMMAND = "baselines.her.experiment.data_generation.fetch_data_generation"
OPEN, CLOSED = 1.0, -1.0  # the last action: fingers
_NOTHING = np.zeros(4)  # yielded before anything was seen, and taken by nobody
UP = np.array([0, 0, 1.0])


class Seen(NamedTuple):
    """What a controller sees: positions [3] in metres."""

    gripper: np.ndarray
    thing: np.ndarray
    goal: np.ndarray


# It gives actions [4], is sent what it sees, and may end with the last that it saw.
Acting = Generator[np.ndarray, Seen, None]
Controller = Callable[[], Acting]


def servo_towards(seen: Seen, target: np.ndarray, fingers: float, gain: float = 6.0) -> np.ndarray:
    """The action [4] that moves the gripper towards `target` [3]; `gain` is action per metre."""
    return np.append(np.clip(gain * (target - seen.gripper), -1, 1), fingers)


def reach() -> Acting:
    """Go to the goal, and stay."""
    seen = yield _NOTHING
    while True:
        seen = yield servo_towards(seen, seen.goal, CLOSED)


def pick_and_place() -> Acting:
    """Approach above, descend, grasp, carry, hold."""
    seen = yield _NOTHING
    while _distance(seen.gripper, seen.thing + 0.06 * UP) > 0.02:  # approach above
        seen = yield servo_towards(seen, seen.thing + 0.06 * UP, OPEN)
    while _distance(seen.gripper, seen.thing) > 0.01:  # descend
        seen = yield servo_towards(seen, seen.thing, OPEN)
    for _ in range(4):  # grasp
        seen = yield servo_towards(seen, seen.thing, CLOSED)
    while True:  # carry, then hold
        seen = yield servo_towards(seen, seen.gripper + seen.goal - seen.thing, CLOSED)


def push() -> Acting:
    """Approach behind, descend, push; start over where the block slips off the line to the goal; hold."""
    seen = yield _NOTHING
    while True:
        seen = yield from _go_behind(seen, distance=0.08, precision=0.02)
        while _distance(seen.thing, seen.goal) > 0.02 and _sideways(seen) < 0.03:  # push
            along = _direction(seen) * min(0.1, _distance(seen.thing, seen.goal))
            seen = yield servo_towards(seen, seen.thing + along - 3 * _slip(seen), CLOSED, gain=5)
        while _distance(seen.thing, seen.goal) <= 0.02:  # hold
            seen = yield servo_towards(seen, seen.gripper, CLOSED)


def slide() -> Acting:
    """Approach behind, descend, strike with a speed that grows with the distance, wait.

    Nothing can be mended after the strike: about one in seven reaches the goal.
    """
    seen = yield _NOTHING
    seen = yield from _go_behind(seen, distance=0.1, precision=0.006)
    start, direction = seen.thing, _direction(seen)
    speed = min(1.0, 0.4 + _distance(seen.thing, seen.goal))
    while direction @ (seen.gripper - start) < 0.02:  # strike
        correction = servo_towards(seen, seen.gripper - _slip(seen._replace(thing=start)), CLOSED)
        seen = yield np.clip(correction + np.append(speed * direction, 0), -1, 1)
    while True:  # wait
        seen = yield servo_towards(seen, seen.gripper, CLOSED)


CONTROLLERS: dict[str, Controller] = {
    "FetchReach": reach,
    "FetchPush": push,
    "FetchSlide": slide,
    "FetchPickAndPlace": pick_and_place,
}


def _go_behind(seen: Seen, distance: float, precision: float) -> Generator[np.ndarray, Seen, Seen]:
    """Above the point that lies `distance` behind the thing as seen from the goal, then down to its height."""

    def behind() -> np.ndarray:
        return seen.thing - distance * _direction(seen)

    while _distance(seen.gripper[:2], behind()[:2]) > precision:
        seen = yield servo_towards(seen, behind() + 0.08 * UP, CLOSED, gain=10)
    while seen.gripper[2] - seen.thing[2] > 0.015:
        seen = yield servo_towards(seen, behind(), CLOSED, gain=10)
    return seen


def _direction(seen: Seen) -> np.ndarray:
    """Unit vector, on the table, from the thing to the goal."""
    flat = (seen.goal - seen.thing) * (1 - UP)
    return flat / max(np.linalg.norm(flat), 1e-6)


def _slip(seen: Seen) -> np.ndarray:
    """How far the gripper is off the line through thing and goal, across it and in height [3]."""
    offset = seen.gripper - seen.thing
    return offset - (offset @ _direction(seen)) * _direction(seen)


def _sideways(seen: Seen) -> float:
    return float(np.linalg.norm(_slip(seen)[:2]))


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b))


def controller_for(env_id: str) -> Controller:
    """Raises UserError for tasks that no script solves."""
    task = task_of(env_id)
    if task not in CONTROLLERS:
        raise UserError(f"--env={env_id}: there are scripted controllers for {', '.join(CONTROLLERS)} only")
    return CONTROLLERS[task]


def demonstrate(env: VecEnv, controller: Controller, noise: float, rng: np.random.Generator) -> EpisodeBatch:
    """One scripted episode in each environment, with Gaussian noise of std `noise` on the actions."""
    acting = [controller() for _ in range(env.num_env)]
    for one in acting:
        next(one)

    def act(observation: Observation, alive: np.ndarray) -> np.ndarray:
        actions = np.stack([one.send(_see(observation, i)) for i, one in enumerate(acting)])
        return np.clip(actions + noise * rng.standard_normal(actions.shape), -1, 1).astype(np.float32)

    return roll_out(env, act)


def _see(observation: Observation, i: int) -> Seen:
    seen = observation["observation"][i, :3], observation["achieved_goal"][i], observation["desired_goal"][i]
    return Seen(*(np.asarray(x, np.float64) for x in seen))


def generate(
    env: VecEnv, controller: Controller, num_episodes: int, noise: float, keep_failures: bool, rng: np.random.Generator
) -> tuple[EpisodeBatch, np.ndarray, np.ndarray]:
    """At least `num_episodes` scripted episodes to keep, and all success flags and returns on the way."""
    kept: list[EpisodeBatch] = []
    successes: list[bool] = []
    returns: list[float] = []
    with tqdm(total=num_episodes, unit="episode", disable=None) as bar:
        while sum(len(e.length) for e in kept) < num_episodes:
            episodes = demonstrate(env, controller, noise, rng)
            successes.extend(episodes.success)
            returns.extend(episodes.reward.sum(1))
            kept.append(episodes if keep_failures else select(episodes, episodes.success))
            bar.update(len(kept[-1].length))
            if len(successes) > 100 + 20 * num_episodes:
                raise UserError("fewer than one episode in twenty succeeds; try less --noise, or --keep_failures")
    return select(concatenate(kept), slice(num_episodes)), np.array(successes), np.array(returns)


@dataclass(frozen=True)
class GenerationOptions(Settings):
    """The command line."""

    env: str = setting("FetchPickAndPlace-v1", "a Fetch task")
    num_episodes: int = setting(100, "episodes to keep", 1, 10**9)
    num_env: int = setting(8, "environments stepped together", 1, 100_000)
    vec_env: str = setting("auto", "what steps them", choices=BACK_ENDS)
    seed: int = setting(0, "seed of environments and noise", 0, 1 << 62)
    noise: float = setting(0.0, "standard deviation of Gaussian noise on actions, for diversity", 0)
    keep_failures: bool = setting(False, "keep failed episodes too, instead of dropping and counting them")
    output: str = setting("data_fetch_random_100.npz", "file to write", path=True)


def main(argv: list[str] | None = None) -> None:
    """Generate what the command line says."""
    with errors_end_the_process():
        options = parse_all(GenerationOptions, argv, _COMMAND, __doc__)
        if options:
            _run(options)


def _run(options: GenerationOptions) -> None:
    controller = controller_for(options.env)
    check_file_writable(options.output)
    seeds = env_seeds(options.seed, 0, "demonstrations", options.num_env)
    cores = os.cpu_count() or 1
    env = make_vec_env(options.env, options.num_env, seeds, options.vec_env, num_threads=cores)
    with contextlib.closing(env):
        rng = make_rng(options.seed, 0, "demonstration noise")
        episodes, successes, returns = generate(
            env, controller, options.num_episodes, options.noise, options.keep_failures, rng
        )
    who = f"scripted controller {controller.__name__}, noise {options.noise:g}"
    write_demonstrations(options.output, episodes, options.env, who, options.seed)
    print(
        f"{len(successes)} scripted episodes: success rate {successes.mean():.3f}, mean return {returns.mean():.2f}; "
        f"dropped {0 if options.keep_failures else (~successes).sum()} failed ones; "
        f"wrote {len(episodes.length)} to {options.output}"
    )


if __name__ == "__main__":
    main()
