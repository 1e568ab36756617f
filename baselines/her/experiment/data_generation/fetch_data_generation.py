"""Demonstrations of the Fetch tasks by scripted controllers."""

import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from baselines.common.cli import errors_end_the_process, parse_all, show
from baselines.common.cores import available_cores
from baselines.common.errors import UserError
from baselines.common.seeding import env_seeds, make_rng
from baselines.common.settings import Settings, setting
from baselines.common.specs import task_of
from baselines.envs import BACK_ENDS, make_vec_env
from baselines.envs.base import Observation, VecEnv
from baselines.envs.lockstep import Episode, run_episodes
from baselines.her.demonstrations import write_demonstrations
from baselines.storage import check_file_writable

_COMMAND = "baselines.her.experiment.data_generation.fetch_data_generation"
OPEN, CLOSED = 1.0, -1.0  # the last action: fingers
UP = np.array([0, 0, 1.0])
FIRST = np.zeros(4)  # the first yield of a generator comes before it receives anything; nobody takes this action


class Positions(NamedTuple):
    """Positions [3] in metres."""

    gripper: np.ndarray
    block: np.ndarray
    goal: np.ndarray


# A script receives positions and yields actions [4], so that its phases follow each other in the code.
Script = Generator[np.ndarray, Positions, None]
Controller = Callable[[], Script]


def move_towards(now: Positions, target: np.ndarray, fingers: float, gain: float = 6.0) -> np.ndarray:
    """Return the action [4] that moves the gripper towards `target` [3]; `gain` is action per metre."""
    return np.append(np.clip(gain * (target - now.gripper), -1, 1), fingers)


def reach() -> Script:
    """Go to the goal and stay."""
    now = yield FIRST
    while True:
        now = yield move_towards(now, now.goal, CLOSED)


def pick_and_place() -> Script:
    """Approach from above, descend, grasp, carry, hold."""
    now = yield FIRST
    while _distance(now.gripper, now.block + 0.06 * UP) > 0.02:  # approach from above
        now = yield move_towards(now, now.block + 0.06 * UP, OPEN)
    while _distance(now.gripper, now.block) > 0.01:  # descend
        now = yield move_towards(now, now.block, OPEN)
    for _ in range(4):  # grasp
        now = yield move_towards(now, now.block, CLOSED)
    while True:  # carry, then hold
        now = yield move_towards(now, now.gripper + now.goal - now.block, CLOSED)


def push() -> Script:
    """Go behind the block and push; start over if the block leaves the line to the goal; hold."""
    now = yield FIRST
    while True:
        now = yield from _go_behind(now, distance=0.08, precision=0.02)
        while _distance(now.block, now.goal) > 0.02 and np.linalg.norm(_offset(now)[:2]) < 0.03:  # push
            along = _direction(now) * min(0.1, _distance(now.block, now.goal))
            now = yield move_towards(now, now.block + along - 3 * _offset(now), CLOSED, gain=5)
        while _distance(now.block, now.goal) <= 0.02:  # hold
            now = yield move_towards(now, now.gripper, CLOSED)


def slide() -> Script:
    """Go behind the puck and strike it with a speed that grows with the distance.

    One strike decides: about one puck in seven reaches the goal.
    """
    now = yield FIRST
    now = yield from _go_behind(now, distance=0.1, precision=0.006)
    start, direction = now.block, _direction(now)
    speed = min(1.0, 0.4 + _distance(now.block, now.goal))
    while direction @ (now.gripper - start) < 0.02:  # strike
        correction = move_towards(now, now.gripper - _offset(now._replace(block=start)), CLOSED)
        now = yield np.clip(correction + np.append(speed * direction, 0), -1, 1)
    while True:  # wait
        now = yield move_towards(now, now.gripper, CLOSED)


CONTROLLERS: dict[str, Controller] = {
    "FetchReach": reach,
    "FetchPush": push,
    "FetchSlide": slide,
    "FetchPickAndPlace": pick_and_place,
}


def _go_behind(now: Positions, distance: float, precision: float) -> Generator[np.ndarray, Positions, Positions]:
    """Go to the point `distance` behind the block, seen from the goal: first above it, then down."""

    def behind() -> np.ndarray:
        return now.block - distance * _direction(now)

    while _distance(now.gripper[:2], behind()[:2]) > precision:
        now = yield move_towards(now, behind() + 0.08 * UP, CLOSED, gain=10)
    while now.gripper[2] - now.block[2] > 0.015:
        now = yield move_towards(now, behind(), CLOSED, gain=10)
    return now


def _direction(now: Positions) -> np.ndarray:
    """Return the unit vector [3], on the table, from the block to the goal."""
    flat = (now.goal - now.block) * (1 - UP)
    return flat / max(np.linalg.norm(flat), 1e-6)


def _offset(now: Positions) -> np.ndarray:
    """Return the gripper's offset [3] from the line through block and goal."""
    offset = now.gripper - now.block
    return offset - (offset @ _direction(now)) * _direction(now)


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b))


def controller_for(env_id: str) -> Controller:
    """Return the controller of a task. Raises UserError for tasks that have none."""
    task = task_of(env_id)
    if task not in CONTROLLERS:
        raise UserError(f"--env={env_id}: only {', '.join(CONTROLLERS)} have scripted controllers")
    return CONTROLLERS[task]


def demonstrate(env: VecEnv, controller: Controller, noise: float, rng: np.random.Generator) -> list[Episode]:
    """Return one scripted episode of each environment; `noise` is the std of Gaussian noise on the actions."""
    scripts = [controller() for _ in range(env.num_env)]
    for script in scripts:
        next(script)

    def act(observation: Observation) -> np.ndarray:
        columns = observation["observation"][:, :3], observation["achieved_goal"], observation["desired_goal"]
        rows = zip(scripts, *(np.asarray(x, np.float64) for x in columns), strict=True)
        actions = np.stack([script.send(Positions(*positions)) for script, *positions in rows])
        return np.clip(actions + noise * rng.standard_normal(actions.shape), -1, 1).astype(np.float32)

    return run_episodes(env, act)


def generate(
    env: VecEnv, controller: Controller, num_episodes: int, noise: float, keep_failures: bool, rng: np.random.Generator
) -> tuple[list[Episode], list[Episode]]:
    """Return `num_episodes` episodes to keep, and all that were played."""
    kept: list[Episode] = []
    played: list[Episode] = []
    with tqdm(total=num_episodes, unit="episode", disable=None) as bar:
        while len(kept) < num_episodes:
            episodes = demonstrate(env, controller, noise, rng)
            played += episodes
            kept += [episode for episode in episodes if keep_failures or episode.success]
            bar.update(len(kept) - bar.n)
            if len(played) > 100 + 20 * num_episodes:
                raise UserError("fewer than one episode in twenty succeeds; try less --noise, or --keep_failures")
    return kept[:num_episodes], played


@dataclass(frozen=True)
class GenerationOptions(Settings):
    """Settings of the command line."""

    env: str = setting("FetchPickAndPlace-v1", f"a task of {', '.join(CONTROLLERS)}, in any version")
    num_episodes: int = setting(100, "episodes to write", 1, 10**9)
    num_env: int = setting(8, "environments that are stepped together", 1, 100_000)
    vec_env: str = setting("auto", "library that steps the environments", choices=BACK_ENDS)
    seed: int = setting(0, "seed of the environments and the noise", 0, 1 << 62)
    noise: float = setting(0.0, "standard deviation of Gaussian noise on actions, for diversity", 0)
    keep_failures: bool = setting(False, "write failed episodes too, instead of dropping and counting them")
    output: str = setting("data_fetch_random_100.npz", "file to write", path=True)


@errors_end_the_process()
def main(argv: list[str] | None = None) -> None:
    """Generate demonstrations and write them to a file."""
    options = parse_all(GenerationOptions, argv, _COMMAND, __doc__)
    controller = controller_for(options.env)
    check_file_writable(options.output)
    seeds = env_seeds(options.seed, 0, "demonstrations", options.num_env)
    rng = make_rng(options.seed, 0, "demonstration noise")
    env = make_vec_env(options.env, options.num_env, seeds, options.vec_env, num_threads=available_cores())
    with contextlib.closing(env):
        kept, played = generate(env, controller, options.num_episodes, options.noise, options.keep_failures, rng)
    generator = f"scripted controller {controller.__name__}, noise {options.noise:g}"
    write_demonstrations(options.output, kept, env.spec, generator, options.seed)
    successes = np.array([bool(episode.success) for episode in played])
    mean_return = np.mean([episode.reward.sum() for episode in played])
    show(
        f"{len(played)} scripted episodes: success rate {successes.mean():.3f}, mean return {mean_return:.2f}; "
        f"dropped {0 if options.keep_failures else (~successes).sum()} failed ones; "
        f"wrote {len(kept)} to {options.output}"
    )


if __name__ == "__main__":
    main()
