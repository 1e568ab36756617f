"""Making and joining batches of episodes."""

from collections.abc import Sequence

import numpy as np

from baselines.her.types import EpisodeBatch, GoalEnvSpec


def episode_shapes(spec: GoalEnvSpec, num_episodes: int, info_size: int = 0) -> dict[str, tuple[int, ...]]:
    """The shape of each field of EpisodeBatch; `info_size` is i."""
    B, T = num_episodes, spec.horizon
    return {
        "observation": (B, T + 1, spec.observation_size),
        "achieved_goal": (B, T + 1, spec.goal_size),
        "desired_goal": (B, T, spec.goal_size),
        "action": (B, T, spec.action_size),
        "reward": (B, T),
        "length": (B,),
        "success": (B,),
        "terminated": (B,),
        "info": (B, T, info_size),
    }


def field_type(name: str) -> type:
    """Of each field of EpisodeBatch."""
    return {"length": np.int32, "success": bool, "terminated": bool, "info": np.float64}.get(name, np.float32)


def empty_episodes(spec: GoalEnvSpec, num_episodes: int, info_size: int = 0) -> EpisodeBatch:
    """Zeros of the right shapes, and lengths of T."""
    shapes = episode_shapes(spec, num_episodes, info_size)
    fields: dict[str, np.ndarray] = {name: np.zeros(shape, field_type(name)) for name, shape in shapes.items()}
    fields["length"][:] = spec.horizon
    return EpisodeBatch(**fields)


def select(episodes: EpisodeBatch, which: slice | np.ndarray) -> EpisodeBatch:
    """Some of the episodes: `which` is a slice or flags [B]."""
    return EpisodeBatch(*(x[which] for x in episodes))


def single_episode(
    observation: np.ndarray,
    achieved_goal: np.ndarray,
    desired_goal: np.ndarray,
    action: np.ndarray,
    success: bool,
    reward: np.ndarray | None = None,
    terminated: bool = False,
) -> EpisodeBatch:
    """One episode of L steps as a batch of one.

    `observation` [L + 1, o], `achieved_goal` [L + 1, g], `desired_goal` [L or L + 1, g], `action` [L, u] in the
    environment's own units, `reward` [L], zeros if not given. `success`: the goal was reached at the last step;
    `terminated`: the environment itself ended it, not a time limit.
    """
    L = len(action)
    return EpisodeBatch(
        observation=observation[None].astype(np.float32),
        achieved_goal=achieved_goal[None].astype(np.float32),
        desired_goal=desired_goal[None, :L].astype(np.float32),
        action=action[None].astype(np.float32),
        reward=np.zeros((1, L), np.float32) if reward is None else reward[None].astype(np.float32),
        length=np.array([L], np.int32),
        success=np.array([success]),
        terminated=np.array([terminated]),
        info=np.zeros((1, L, 0)),
    )


def stack_episodes(episodes: list[EpisodeBatch], horizon: int) -> EpisodeBatch:
    """All episodes in one batch, filled up with zeros to `horizon` steps. Raises ValueError where sizes differ."""
    if not episodes:
        raise ValueError("it holds no episodes")
    columns = []
    for name, parts in zip(EpisodeBatch._fields, zip(*episodes, strict=True), strict=True):
        if parts[0].ndim == 1:  # a number of each episode
            columns.append(np.concatenate(parts))
            continue
        longest = max(horizon + (name in ("observation", "achieved_goal")), *(x.shape[1] for x in parts))
        widths = {x.shape[2:] for x in parts}
        if len(widths) > 1:
            odd = next(i for i, x in enumerate(parts) if x.shape[2:] != parts[0].shape[2:])
            raise ValueError(f"episode {odd}: {name} has another size than in episode 0")
        padded = [np.pad(x, [(0, 0), (0, longest - x.shape[1])] + [(0, 0)] * (x.ndim - 2)) for x in parts]
        columns.append(np.concatenate(padded))
    return EpisodeBatch(*columns)


def concatenate(batches: Sequence[EpisodeBatch]) -> EpisodeBatch:
    """All episodes of some batches of one environment in one."""
    return EpisodeBatch(*(np.concatenate(parts) for parts in zip(*batches, strict=True)))
