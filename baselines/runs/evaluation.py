"""How good a policy is: whole episodes, and what they say with which certainty."""

import contextlib
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from tqdm import tqdm

from baselines.common.errors import TrainingError, UserError
from baselines.common.seeding import env_seeds
from baselines.common.settings import Settings, setting
from baselines.common.specs import EnvSpec, check_same_sizes, other_task
from baselines.envs import as_vec_env, make_vec_env
from baselines.envs.arguments import NONE, EnvArguments, parse_arguments, recorded_arguments
from baselines.envs.base import Observation, VecEnv, first_not_finite
from baselines.envs.names import import_extra


class Episode(NamedTuple):
    """L steps of one environment."""

    observation: dict[str, np.ndarray]  # each entry [L + 1, size]
    action: np.ndarray  # [L, u], or [L] where actions are discrete
    reward: np.ndarray  # [L]
    success: bool | None  # at the last step; None without goals where the environment does not say
    terminated: bool  # it ended by itself, not by a time limit

    @property
    def final_distance(self) -> float | None:
        """Between the last achieved and the last desired goal, in the goal's units; None without goals."""
        goals = [self.observation.get(key) for key in ("achieved_goal", "desired_goal")]
        if goals[0] is None or goals[1] is None:
            return None
        return float(np.linalg.norm(np.float64(goals[0][-1]) - goals[1][-1]))


def run_episodes(env: VecEnv, act: Callable[[Observation], np.ndarray]) -> list[Episode]:
    """One whole episode in each environment, from a reset on. `act` gives the actions of all [B, u].

    Raises TrainingError, naming the environment, where one returns NaN or infinity.
    """
    B = env.num_env
    observation = env.reset()
    if (broken := first_not_finite(observation, np.zeros(B), np.ones(B, bool))) is not None:
        raise TrainingError(f"environment {broken} returned NaN or infinity at step 0 of its episode")
    seen: list[Observation] = [observation]
    actions: list[np.ndarray] = []
    rewards: list[np.ndarray] = []
    length, success, terminated = np.zeros(B, int), np.zeros(B, bool), np.zeros(B, bool)
    known, alive = True, np.ones(B, bool)
    while alive.any():
        # What the ended ones show has no meaning, and policies take finite numbers only.
        actions.append(act(observation if alive.all() else {k: np.nan_to_num(x) for k, x in observation.items()}))
        step = env.step(actions[-1])
        observation = step.observation
        seen.append(observation)
        rewards.append(step.reward)
        if (broken := first_not_finite(observation, step.reward, alive)) is not None:
            raise TrainingError(f"environment {broken} returned NaN or infinity at step {len(actions)} of its episode")
        length[alive] += 1
        terminated[alive] = step.terminated[alive]
        if step.success is not None or (alive & step.ended).any():
            succeeded = env.succeeded(step, alive)
            known = known and succeeded is not None
            success[alive] = False if succeeded is None else succeeded[alive]
        alive &= ~step.ended
    columns = {key: np.stack([o[key] for o in seen], 1) for key in seen[0]}  # [B, steps + 1, size]
    action, reward = np.stack(actions, 1), np.stack(rewards, 1)
    return [
        Episode(
            {key: column[i, : n + 1] for key, column in columns.items()},
            action[i, :n],
            reward[i, :n],
            bool(success[i]) if known else None,
            bool(terminated[i]),
        )
        for i, n in enumerate(length)
    ]


@dataclass(frozen=True)
class PolicyOptions(Settings):
    """Which policy acts, and in which environment: what the commands that play episodes have in common."""

    load_path: str | None = setting(None, "folder of the policy", path=True, default_text="")
    env: str | None = setting(None, "environment", default_text="what the policy was trained on")
    extra_import: str | None = setting(
        None, "module to import first, e.g. one that registers the environment", default_text=""
    )
    env_kwargs: str | None = setting(
        None, "arguments for making the environment: NAME=VALUE,NAME=VALUE, or a dictionary", default_text=""
    )
    reward_info: str | None = setting(
        None, "entries of a step's info that compute_reward reads: KEY,KEY", default_text=""
    )
    max_episode_steps: int | None = setting(
        None, "time limit of episodes, in steps", 1, 1 << 62, default_text="the environment's own"
    )

    def environment(self) -> tuple[str | None, EnvArguments]:
        """Its name, if one was given, and what it is made with; imports what was asked for. Raises UserError."""
        return import_extra(self.extra_import, self.env), parse_arguments(
            self.env_kwargs, self.max_episode_steps, self.reward_info
        )


class Acting(Protocol):
    """What is evaluated: a Policy, or anything of the user's own that acts on N observations at once."""

    def act(self, observation: Any) -> np.ndarray: ...


@dataclass(frozen=True)
class Evaluation:
    """What some episodes say of a policy; None is what the environment does not say.

    The success rate has its 95 percent interval (Wilson). Lengths are in steps, the distance between the last achieved
    and the last desired goal in the goal's units.
    """

    episodes: int
    success_rate: float | None  # None where the environment does not say
    success_interval: tuple[float, float] | None  # 95 percent, Wilson
    mean_return: float
    std_return: float  # over episodes
    mean_length: float  # steps
    mean_final_distance: float | None  # in the goal's units; None without goals

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@contextlib.contextmanager
def environment_for(
    policy: Acting, env: object, num_env: int, seed: int, back_end: str, arguments: EnvArguments = NONE
) -> Iterator[VecEnv]:
    """`env` by name, or the user's own, or what the policy was trained on; closed at the end unless it is the user's.

    Raises UserError where the policy cannot act in it.
    """
    trained_on = getattr(policy, "spec", None)
    if env is None and isinstance(trained_on, EnvSpec):
        env, arguments = task_of_policy(trained_on, arguments)
    if isinstance(env, str):
        seeds, cores = env_seeds(seed, 0, "evaluate", num_env), os.cpu_count() or 1
        made = make_vec_env(env, num_env, seeds, back_end, cores, arguments=arguments)
    else:
        made = as_vec_env(env, lambda n: env_seeds(seed, 0, "evaluate", n), arguments.reward_info)
    try:
        if isinstance(trained_on, EnvSpec):
            check_same_sizes("the policy", trained_on, made.spec)
            for warning in other_task("the policy", trained_on, made.spec):
                print(warning, file=sys.stderr)
        yield made
    finally:
        if isinstance(env, str):
            made.close()


def task_of_policy(spec: EnvSpec, arguments: EnvArguments) -> tuple[str, EnvArguments]:
    """The environment that a policy was trained on, and what it is made with unless `arguments` say something else.

    Raises UserError where that cannot be taken from a policy's folder.
    """
    name = trusted_name(spec.env_id)
    kwargs = arguments.kwargs or recorded_arguments(spec.env_kwargs)
    return name, EnvArguments(kwargs, arguments.max_episode_steps or spec.horizon or None, arguments.reward_info)


def trusted_name(env_id: str) -> str:
    """The environment that a policy names. Raises UserError where making it would import a module that it names."""
    if ":" in env_id:
        raise UserError(
            f"the policy was trained on {env_id}, for which a module would be imported because the policy's folder "
            f"says so: if you trust it, add --env={env_id}"
        )
    return env_id


def evaluate_in(policy: Acting, env: VecEnv, episodes: int, progress: bool = False) -> Evaluation:
    """Play whole episodes without noise, in rounds of one in each environment; the first `episodes` of them count."""
    played: list[Episode] = []
    with tqdm(total=episodes, unit="episode", disable=None if progress else True) as bar:
        while len(played) < episodes:
            played += run_episodes(env, policy.act)
            bar.update(min(len(played), episodes) - bar.n)
    return summary(played[:episodes])


def summary(played: Sequence[Episode]) -> Evaluation:
    """Of at least one episode."""
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
    """Where the rate lies of which `successes` of `n` were seen, with 95 percent confidence (Wilson 1927).

    (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n), with p = successes / n.
    """
    p = successes / n
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low, high = ((p + z**2 / (2 * n) + sign * half) / (1 + z**2 / n) for sign in (-1, 1))
    return max(0.0, low), min(1.0, high)
