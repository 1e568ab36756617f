"""Evaluation of a policy: whole episodes, their figures and a confidence interval."""

import contextlib
import math
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from baselines.common.cores import available_cores
from baselines.common.errors import UserError
from baselines.common.seeding import env_seeds
from baselines.common.specs import UNNAMED, EnvSpec, check_same_sizes, other_task
from baselines.common.streams import show
from baselines.envs import as_vec_env, make_vec_env
from baselines.envs.arguments import NONE, EnvArguments, recorded_arguments
from baselines.envs.base import VecEnv
from baselines.envs.lockstep import Episode, run_episodes


class Acting(Protocol):
    """A Policy, or the user's own object that acts on N observations at once."""

    def act(self, observation: Any) -> np.ndarray:
        """Return the actions [N, u] for N observations."""


@dataclass(frozen=True)
class Evaluation:
    """Figures of several episodes; None where the environment does not tell.

    Attributes:
        episodes: number of episodes.
        success_rate: share of episodes that ended in success.
        success_interval: its 95 percent interval (Wilson).
        mean_return: mean sum of rewards of an episode.
        std_return: standard deviation of these sums.
        mean_length: mean number of steps.
        mean_final_distance: mean distance of the last achieved from the last desired goal, in the goal's units.
    """

    episodes: int
    success_rate: float | None
    success_interval: tuple[float, float] | None
    mean_return: float
    std_return: float
    mean_length: float
    mean_final_distance: float | None

    def document(self) -> dict[str, Any]:
        """Return JSON."""
        return asdict(self)


@contextlib.contextmanager
def environment_for(
    policy: Acting, env: object, num_env: int, seed: int, back_end: str, arguments: EnvArguments = NONE
) -> Iterator[VecEnv]:
    """Yield environments for a policy: by name, the user's own, or for None those of its training. Raises UserError."""
    if not callable(getattr(policy, "act", None)):
        raise UserError(f"expected a policy, from agent.policy() or load_policy(path), got {policy!r:.80}")
    trained_on = getattr(policy, "spec", None)
    if isinstance(trained_on, EnvSpec) and isinstance(env, str | None):
        env, arguments = task_of_policy(trained_on, env, arguments)
    if isinstance(env, str):
        seeds, cores = env_seeds(seed, 0, "evaluate", num_env), available_cores()
        vec_env = make_vec_env(env, num_env, seeds, back_end, cores, arguments=arguments)
    else:
        vec_env = as_vec_env(env, lambda n: env_seeds(seed, 0, "evaluate", n), arguments.reward_info)
    try:
        if isinstance(trained_on, EnvSpec):
            check_same_sizes("the policy", trained_on, vec_env.spec)
            for warning in other_task("the policy", trained_on, vec_env.spec):
                show(warning, sys.stderr)
            vec_env.show_only(trained_on.observation_sizes)
        yield vec_env
    finally:
        if vec_env is not env:
            vec_env.close()


def task_of_policy(
    spec: EnvSpec, env_id: str | None, arguments: EnvArguments, words: Sequence[str] = ()
) -> tuple[str, EnvArguments]:
    """Return the name of the environment to act in, by default the one that a policy was trained on, and its arguments.

    In that one, the arguments are those of the training unless `arguments` has others. `words` are the command's.
    Raises UserError where the policy's file does not hold all of it, or is not trusted to name it.
    """
    if env_id is None:
        trained, remedy = f"the policy was trained on {spec.env_id}", f"pass env={spec.env_id!r}"
        if words:
            remedy = "type " + shlex.join(["python", "-m", *words, f"--env={spec.env_id}"])
        if spec.env_id == UNNAMED:
            raise UserError("the policy was trained on an environment that was made without a name: pass it as env")
        if spec.left_out:
            raise UserError(f"{trained} with {spec.left_out}, which its file cannot hold: in Python, pass that "
                            f"environment as env; to leave this out, {remedy}")  # fmt: skip
        if ":" in spec.env_id:
            raise UserError(f"{trained}, whose module would be imported only because the policy's file names it: if "
                            f"you trust the file, {remedy}")  # fmt: skip
        env_id = spec.env_id
    elif env_id.rpartition(":")[2] != spec.env_id.rpartition(":")[2]:
        return env_id, arguments
    kwargs = arguments.kwargs or recorded_arguments(spec.env_kwargs)
    steps = arguments.max_episode_steps or spec.horizon or None
    return env_id, EnvArguments(kwargs, steps, arguments.reward_info)


def evaluate_in(policy: Acting, env: VecEnv, episodes: int, progress: bool = False) -> Evaluation:
    """Play whole episodes without noise, one in each environment at a time, and evaluate the first `episodes`."""
    played: list[Episode] = []
    with tqdm(total=episodes, unit="episode", disable=None if progress and sys.stderr else True) as bar:
        while len(played) < episodes:
            played += run_episodes(env, policy.act)
            bar.update(min(len(played), episodes) - bar.n)
    return summary(played[:episodes])


def summary(played: Sequence[Episode]) -> Evaluation:
    """Return the figures of at least one episode."""
    returns = [float(e.reward.sum(dtype=np.float64)) for e in played]
    successes = [e.success for e in played if e.success is not None]
    distances = [d for e in played if (d := e.final_distance) is not None]
    known = len(successes) == len(played)
    return Evaluation(
        episodes=len(played),
        success_rate=float(np.mean(successes)) if known else None,
        success_interval=wilson_interval(sum(successes), len(played)) if known else None,
        mean_return=float(np.mean(returns)),
        std_return=float(np.std(returns)),
        mean_length=float(np.mean([len(e.action) for e in played])),
        mean_final_distance=float(np.mean(distances)) if distances else None,
    )


def wilson_interval(successes: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the 95 percent confidence interval of a rate, from `successes` of `n` (Wilson 1927).

    (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n), with p = successes / n.
    """
    p = successes / n
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low, high = ((p + z**2 / (2 * n) + sign * half) / (1 + z**2 / n) for sign in (-1, 1))
    return max(0.0, low), min(1.0, high)
